"""Wishes of recipients beside what their owner said of their address, on both engines."""

from datetime import datetime, timedelta

import pytest

from adapters.db import suppressions, unsubscribing
from adapters.db.database import Database
from adapters.db.unsubscribing import Subscriber
from domain.outbox.model import SuppressionReason, SuppressionScope
from domain.postage import MailWish
from tests.adapters.outbox_rows import NOON

ANA = Subscriber("main", "ana@example.org", "recipient/main/1", 0)
DAY = timedelta(days=1)
WISHED = SuppressionReason.UNSUBSCRIBED


async def said_by_the_owner(
    database: Database, scope: SuppressionScope, until: datetime | None
) -> None:
    reason = SuppressionReason.PERSON
    await database.write(
        lambda c: suppressions.suppress(c, "main", ANA.address, scope, reason, NOON, until=until)
    )


async def wish(database: Database, wish: MailWish, at: datetime) -> bool:
    return await database.write(lambda c: unsubscribing.obey(c, ANA, wish, at))


async def in_force(database: Database, at: datetime) -> list[tuple[str, str]]:
    found = await database.read(lambda c: suppressions.of_address(c, "main", ANA.address, at))
    return sorted((one.scope.value, one.reason.value) for one in found)


@pytest.mark.parametrize("said_at", [NOON + DAY, NOON + 60 * DAY], ids=["living", "long over"])
@pytest.mark.parametrize(
    ("said", "scope"),
    [
        (MailWish.NO_REMINDERS, SuppressionScope.OPTIONAL),
        (MailWish.NOTHING, SuppressionScope.ALL),
    ],
)
async def test_a_wish_outlives_what_the_owner_said_for_some_days(
    database: Database, said: MailWish, scope: SuppressionScope, said_at: datetime
) -> None:
    await said_by_the_owner(database, scope, until=NOON + 7 * DAY)

    assert await wish(database, said, said_at)
    assert not await wish(database, said, said_at)

    assert await in_force(database, said_at + 8 * DAY) == [(scope.value, WISHED.value)]


async def test_whoever_wants_less_still_is_not_sent_everything_again(database: Database) -> None:
    await wish(database, MailWish.NO_REMINDERS, NOON)
    await said_by_the_owner(database, SuppressionScope.ALL, until=NOON + 7 * DAY)

    await wish(database, MailWish.NOTHING, NOON + DAY)
    assert await in_force(database, NOON + 8 * DAY) == [("all", WISHED.value)]

    await wish(database, MailWish.NO_REMINDERS, NOON + 9 * DAY)
    assert await in_force(database, NOON + 9 * DAY) == [("optional", WISHED.value)]

    await wish(database, MailWish.EVERYTHING, NOON + 10 * DAY)
    assert await in_force(database, NOON + 10 * DAY) == []


async def test_a_wish_is_remembered_while_the_owner_wants_the_same(database: Database) -> None:
    await said_by_the_owner(database, SuppressionScope.ALL, until=None)
    await wish(database, MailWish.NOTHING, NOON)

    [owners] = [
        one
        for one in await database.read(lambda c: suppressions.list_page(c, "main", NOON))
        if one.reason is SuppressionReason.PERSON
    ]
    await database.write(lambda c: suppressions.lift(c, "main", owners.id, NOON))

    assert await in_force(database, NOON) == [("all", WISHED.value)]
