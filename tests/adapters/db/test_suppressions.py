"""Addresses that mail does not go to, on both engines."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
import sqlalchemy as sa

from adapters.db import suppressions
from adapters.db.database import Database
from domain.errors import NotFound
from domain.outbox.bounces import Cause
from domain.outbox.model import Suppression, SuppressionReason, SuppressionScope
from domain.outbox.suppression import (
    Measure,
    after_bounce,
    after_complaint,
    after_unsubscribing,
)
from tests.adapters.outbox_rows import NOON

ANA = "Ana@example.org"
BOUNCED = after_bounce(Cause.NO_MAILBOX, NOON)
WISHED = SuppressionReason.UNSUBSCRIBED
SOON = NOON + timedelta(minutes=1)


async def impose(
    database: Database, measure: Measure | None, address: str = ANA, owner: str = "main"
) -> int:
    assert measure is not None
    return await database.write(
        lambda c: suppressions.impose(c, owner, address, measure, NOON, detail="550 5.1.1")
    )


async def page(database: Database, owner: str = "main", **more: Any) -> list[Suppression]:
    return await database.read(lambda c: suppressions.list_page(c, owner, SOON, **more))


async def test_a_suppression_is_found_by_its_address_whatever_the_case(database: Database) -> None:
    id = await impose(database, BOUNCED)
    await impose(database, BOUNCED, "ben@example.org")
    await impose(database, BOUNCED, owner="other")

    [found] = await page(database, address="aNa@EXAMPLE.org")

    assert (found.id, found.address, found.detail) == (id, ANA, "550 5.1.1")
    assert found.until == NOON + timedelta(days=30)


async def test_the_list_goes_on_where_the_page_before_ended(database: Database) -> None:
    ids = [await impose(database, BOUNCED, f"{n}@example.org") for n in range(5)]

    first = await page(database, limit=2)
    second = await page(database, limit=2, below=first[-1].id)
    third = await page(database, limit=2, below=second[-1].id)

    assert [one.id for one in (*first, *second, *third)] == ids[::-1]


async def test_what_is_over_or_lifted_is_gone(database: Database) -> None:
    id = await impose(database, BOUNCED)
    late = NOON + timedelta(days=31)

    assert await database.read(lambda c: suppressions.list_page(c, "main", late)) == []

    await database.write(lambda c: suppressions.lift(c, "main", id, SOON))
    assert await page(database) == []
    with pytest.raises(NotFound):
        await database.write(lambda c: suppressions.lift(c, "main", id, SOON))


async def test_nobody_lifts_what_is_another_owners(database: Database) -> None:
    id = await impose(database, BOUNCED)

    with pytest.raises(NotFound):
        await database.write(lambda c: suppressions.lift(c, "other", id, SOON))
    assert [one.id for one in await page(database)] == [id]


async def test_a_bounce_does_not_shorten_what_holds_for_ever(database: Database) -> None:
    await impose(database, after_complaint())
    await impose(database, BOUNCED)
    late = NOON + timedelta(days=31)

    [left] = await database.read(lambda c: suppressions.list_page(c, "main", late))

    assert (left.reason, left.until) == (SuppressionReason.COMPLAINED, None)


async def test_the_newest_of_one_reason_replaces_the_one_before(database: Database) -> None:
    first = await impose(database, BOUNCED)
    later = after_bounce(Cause.NO_MAILBOX, SOON)
    second = await impose(database, later)

    [found] = await page(database)
    assert first == second
    assert found.until == SOON + timedelta(days=30)


async def test_what_was_lifted_can_be_imposed_again(database: Database) -> None:
    id = await impose(database, after_complaint())
    await database.write(lambda c: suppressions.lift(c, "main", id, NOON))
    await impose(database, BOUNCED)

    [found] = await page(database)
    assert found.reason is SuppressionReason.BOUNCED


async def test_delivery_ends_a_bounce_and_leaves_a_wish(database: Database) -> None:
    bounced = await impose(database, BOUNCED)
    await impose(database, after_unsubscribing(SuppressionScope.OPTIONAL))

    def delivered(c: Any) -> list[int]:
        return suppressions.lift_disproved(c, "main", ANA, SOON)

    assert await database.write(delivered) == [bounced]
    assert await database.write(delivered) == []
    [left] = await page(database)
    assert left.reason is SuppressionReason.UNSUBSCRIBED


async def test_undoing_takes_back_only_the_recipients_own_wish(database: Database) -> None:
    await impose(database, after_complaint())
    await impose(database, after_unsubscribing(SuppressionScope.OPTIONAL))

    await database.write(lambda c: suppressions.lift_unsubscribed(c, "main", ANA, SOON))

    [left] = await page(database)
    assert left.reason is SuppressionReason.COMPLAINED


ALL = SuppressionScope.ALL
OTHERS = {
    "bounce": Measure(ALL, SuppressionReason.BOUNCED, NOON + timedelta(days=30)),
    "complaint": after_complaint(),
    "owner": Measure(ALL, SuppressionReason.PERSON, None),
    "owner, until": Measure(ALL, SuppressionReason.PERSON, NOON + timedelta(seconds=1)),
}
ORDERS = [(*others, "wish") for n in range(3) for others in permutations(OTHERS, n)]
ORDERS += [("wish", *others) for n in (1, 2) for others in permutations(OTHERS, n)]


def say_in_each_order(c: sa.Connection) -> dict[str, list[Suppression]]:
    """What is in force for each of the addresses to which all was said in another order."""
    said = OTHERS | {"wish": after_unsubscribing(ALL)}
    found = {}
    for order in ORDERS:
        address = f"{'-'.join(order)}@example.org".replace(", ", "-")
        for one in order:
            suppressions.impose(c, "main", address, said[one], NOON)
        found[address] = suppressions.of_address(c, "main", address, NOON)
    return found


async def test_a_wish_stands_beside_whatever_was_said_before_or_after(database: Database) -> None:
    def work(c: sa.Connection) -> None:
        for address, found in say_in_each_order(c).items():
            for one in found:
                if one.reason is not WISHED:
                    suppressions.lift(c, "main", one.id, NOON)
            left = suppressions.of_address(c, "main", address, SOON)
            assert [one.reason for one in left] == [WISHED], address

    await database.write(work)


async def test_what_only_the_owner_lifts_outlives_a_wish_that_is_taken_back(
    database: Database,
) -> None:
    """Whoever has a forwarded mail has its link."""

    def work(c: sa.Connection) -> None:
        for address, found in say_in_each_order(c).items():
            suppressions.lift_unsubscribed(c, "main", address, NOON)
            left = suppressions.of_address(c, "main", address, NOON)
            assert left == [one for one in found if one.reason is not WISHED], address

    await database.write(work)


async def test_a_page_of_one_owner_reads_no_others(sqlite_database: Database) -> None:
    plan = sa.text(
        "EXPLAIN QUERY PLAN SELECT id FROM suppressions WHERE owner = 'main'"
        " AND lifted_at IS NULL AND id < 9 ORDER BY id DESC LIMIT 50"
    )

    steps = await sqlite_database.read(lambda c: str(c.execute(plan).all()))

    assert "ix_suppressions_owner_id" in steps
