"""The journal on both engines: one winner, and an order that never changes."""

import asyncio
from datetime import UTC, datetime

import sqlalchemy as sa

from adapters.db import journal
from adapters.db.database import Database
from domain.errors import StreamMoved
from domain.journal import JournalEvent, NewEvent

NOW = datetime(2026, 11, 1, 9, tzinfo=UTC)
STREAM = "meeting/1"


def append(
    c: sa.Connection, version: int, *types: str, stream: str = STREAM, owner: str = "main"
) -> list[int]:
    events = [NewEvent(type=type, data={"of": type}) for type in types]
    return journal.append(
        c, owner=owner, stream=stream, expected_version=version, events=events, at=NOW
    )


async def test_events_come_back_as_they_were_appended(database: Database) -> None:
    positions = await database.write(lambda c: append(c, 0, "First", "Second"))

    events = await database.read(lambda c: journal.read_stream(c, STREAM))

    assert events == [
        JournalEvent(
            position=position,
            owner="main",
            stream=STREAM,
            version=version,
            type=type,
            data={"of": type},
            at=NOW,
        )
        for position, version, type in zip(positions, (1, 2), ("First", "Second"), strict=True)
    ]
    assert positions == sorted(positions)


async def test_of_two_writers_to_one_stream_one_wins(database: Database) -> None:
    outcomes = await asyncio.gather(
        *(database.write(lambda c: append(c, 0, "Mine", "Too")) for _ in range(16)),
        return_exceptions=True,
    )

    lost = [one for one in outcomes if isinstance(one, StreamMoved)]
    assert len(lost) == 15
    assert {(one.expected, one.actual) for one in lost} == {(0, 2)}
    assert len(await database.read(lambda c: journal.read_stream(c, STREAM))) == 2
