"""Parts become one message: which ones, and all of them or none; on both engines."""

import pytest
import sqlalchemy as sa

from adapters.db import digests, message_queries, outbox
from adapters.db.database import Database
from adapters.db.outbox import Wait
from adapters.db.schema import outbox as rows
from domain.outbox.digests import MOST_OCTETS, MOST_PARTS
from domain.outbox.model import DeliveryFate, Draft, Hold, Part
from domain.outbox.words import state_words
from domain.values import LATEST
from tests.adapters.outbox_rows import NOON, draft, states

WHOLE = draft(99)


def part(number: int, octets: int = 100) -> Draft:
    return draft(number).model_copy(update={"raw": b"x" * octets})


async def posted(database: Database, *parts: Draft) -> None:
    def work(c: sa.Connection) -> None:
        for one in parts:
            outbox.post(c, "main", one, NOON, wait=Wait(Hold.DIGEST, NOON), digest="morning")

    await database.write(work)


async def due(database: Database) -> list[Part]:
    return await database.read(lambda c: digests.due_parts(c, "morning", NOON))


async def changed(database: Database, message: int, **values: object) -> None:
    change = sa.update(rows).where(rows.c.id == message).values(**values)
    await database.write(lambda c: c.execute(change))


async def test_the_parts_of_one_mail_are_of_a_bounded_size(database: Database) -> None:
    third = MOST_OCTETS // 3
    await posted(database, *(part(n, octets=third) for n in range(1, 6)))

    first = await due(database)
    await database.write(lambda c: digests.merge(c, first, WHOLE, NOON))
    rest = await due(database)

    assert [one.id for one in first] == [1, 2, 3]
    assert [one.id for one in rest] == [4, 5]
    assert [len(one.raw) for one in first] == [third] * 3


async def test_the_parts_of_one_mail_are_of_a_bounded_number(sqlite_database: Database) -> None:
    await posted(sqlite_database, *(part(n) for n in range(1, MOST_PARTS + 2)))

    assert [one.id for one in await due(sqlite_database)] == [*range(1, MOST_PARTS + 1)]


async def test_a_part_that_is_too_large_for_others_goes_alone(sqlite_database: Database) -> None:
    await posted(sqlite_database, part(1, octets=MOST_OCTETS + 1), part(2))

    assert [one.id for one in await due(sqlite_database)] == [1]


@pytest.mark.parametrize(
    "meanwhile",
    [
        {"state": "held", "held_because": "person", "next_at": LATEST},
        {"state": "cancelled"},
        {"state": "queued", "digest": None},  # released: it goes alone
        {"state": "merged", "merged_into": 7},
        {"expires_at": NOON},
    ],
)
async def test_parts_that_changed_since_they_were_read_are_not_merged(
    database: Database, meanwhile: dict[str, object]
) -> None:
    await posted(database, part(1), part(2))
    parts = await due(database)
    await changed(database, 2, **meanwhile)

    assert await database.write(lambda c: digests.merge(c, parts, WHOLE, NOON)) == []

    state = str(meanwhile.get("state", "held"))
    assert await states(database) == ["held", state]
    assert [one.id for one in await due(database)] == [1]


async def test_parts_are_merged_once(database: Database) -> None:
    await posted(database, part(1), part(2))
    parts = await due(database)

    first = await database.write(lambda c: digests.merge(c, parts, WHOLE, NOON))
    again = await database.write(lambda c: digests.merge(c, parts, draft(98), NOON))

    assert ([one.id for one in first], again) == ([1, 2], [])
    assert await states(database) == ["merged", "merged", "queued"]


async def test_a_part_says_what_became_of_its_digest(database: Database) -> None:
    await posted(database, part(1))
    parts = await due(database)
    await database.write(lambda c: digests.merge(c, parts, WHOLE, NOON))

    async def words() -> str:
        return state_words(await database.read(lambda c: message_queries.get(c, "main", 1)))

    waiting = await words()
    await changed(database, 2, state="failed")
    failed = await words()
    await changed(database, 2, state="sent", fate=DeliveryFate.BOUNCED.value)

    assert waiting == "became a part of a digest: waiting to be sent"
    assert failed == "became a part of a digest: could not be delivered"
    assert await words() == "became a part of a digest: sent; came back"
