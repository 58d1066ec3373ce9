"""Addresses that mail does not go to, on both engines."""

from datetime import timedelta
from typing import Any

import pytest

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
    first = await impose(database, after_complaint())
    second = await impose(database, BOUNCED)

    [found] = await page(database)
    assert first == second
    assert (found.reason, found.until) == (SuppressionReason.COMPLAINED, None)


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


async def test_a_wish_does_not_make_a_complaint_the_recipients_to_lift(database: Database) -> None:
    """Whoever has a forwarded mail has its link."""
    await impose(database, after_complaint())
    await impose(database, after_unsubscribing(SuppressionScope.ALL))

    await database.write(lambda c: suppressions.lift_unsubscribed(c, "main", ANA, SOON))

    [found] = await page(database)
    assert found.reason is SuppressionReason.COMPLAINED
