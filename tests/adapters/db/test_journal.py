"""The journal on both engines: one winner, and an order that never changes."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from adapters.db import journal
from adapters.db.database import Database
from adapters.db.opening import open_database
from adapters.db.schema import journal as journal_table
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


def appending(stream: str) -> Callable[[sa.Connection], list[int]]:
    return lambda c: append(c, 0, "A", "B", stream=stream)


@pytest.fixture
def beside(postgres_url: str) -> Iterator[sa.Engine]:
    """Transactions that a test opens and ends by hand, beside `postgres`."""
    engine = sa.create_engine(postgres_url.replace("postgresql:", "postgresql+psycopg:"))
    yield engine
    engine.dispose()


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


async def test_of_two_writers_to_one_stream_one_wins(database: Database) -> None:
    outcomes = await asyncio.gather(
        *(database.write(lambda c: append(c, 0, "Mine", "Too")) for _ in range(16)),
        return_exceptions=True,
    )

    lost = [one for one in outcomes if isinstance(one, StreamMoved)]
    assert len(lost) == 15
    assert {(one.expected, one.actual) for one in lost} == {(0, 2)}
    assert len(await database.read(lambda c: journal.read_stream(c, STREAM))) == 2


async def test_a_lost_race_leaves_the_transaction_usable(database: Database) -> None:
    await database.write(lambda c: append(c, 0, "First"))

    def lose_then_win(c: sa.Connection) -> None:
        with pytest.raises(StreamMoved):
            append(c, 0, "Late")
        append(c, 1, "Second")

    await database.write(lose_then_win)

    events = await database.read(lambda c: journal.read_stream(c, STREAM))
    assert [event.type for event in events] == ["First", "Second"]


async def test_appends_of_one_transaction_keep_their_order(database: Database) -> None:
    def several(c: sa.Connection) -> list[int]:
        return [
            *append(c, 0, "A"),
            *append(c, 0, "B", stream="meeting/2"),
            *append(c, 1, "C", "D"),
        ]

    positions = await database.write(several)

    assert positions == sorted(set(positions))
    events = await database.read(lambda c: journal.read_after(c, 0))
    assert [event.type for event in events] == ["A", "B", "C", "D"]


async def test_a_reader_may_ask_for_a_part(database: Database) -> None:
    await database.write(lambda c: append(c, 0, "A", "B", "C"))
    await database.write(lambda c: append(c, 0, "A", stream="meeting/2", owner="other"))

    def types(**wanted: object) -> "asyncio.Future[list[str]]":
        def look(c: sa.Connection) -> list[str]:
            return [e.type for e in journal.read_after(c, 0, **wanted)]  # type: ignore[arg-type]  # one of several keywords

        return asyncio.ensure_future(database.read(look))

    assert await types(owner="main") == ["A", "B", "C"]
    assert await types(stream="meeting/2") == ["A"]
    assert await types(types=["A", "C"]) == ["A", "C", "A"]
    assert await types(limit=2) == ["A", "B"]
    assert await types(owner="nobody") == []


async def test_the_last_position_is_where_a_new_reader_goes_on(database: Database) -> None:
    assert await database.read(lambda c: journal.last_position(c)) == 0
    await database.write(lambda c: append(c, 0, "Old"))

    last = await database.read(lambda c: journal.last_position(c, "main"))
    await database.write(lambda c: append(c, 1, "New"))

    seen = await database.read(lambda c: journal.read_after(c, last))
    assert [event.type for event in seen] == ["New"]
    assert await database.read(lambda c: journal.last_position(c, "other")) == 0


async def test_a_reader_misses_nothing_while_many_write(database: Database) -> None:
    """Cursor and writers run together; the cursor sees every event once, in order."""
    writers = asyncio.gather(
        *(database.write(appending(f"meeting/{number}")) for number in range(60))
    )
    seen: list[JournalEvent] = []

    async def read_on() -> int:
        position = seen[-1].position if seen else 0
        new = await database.read(lambda c: journal.read_after(c, position, limit=7))
        seen.extend(new)
        return len(new)

    while not writers.done():
        await read_on()
    await writers
    while await read_on():
        pass

    positions = [event.position for event in seen]
    assert positions == sorted(set(positions))
    assert len(seen) == 120


async def test_a_slow_transaction_is_not_skipped(postgres: Database, beside: sa.Engine) -> None:
    """It took its position first and commits last; readers wait for it instead of passing it."""
    with beside.connect() as slow:
        (early,) = append(slow, 0, "Slow")
        (late,) = await postgres.write(lambda c: append(c, 0, "Quick", stream="meeting/2"))
        before = await postgres.read(lambda c: journal.read_after(c, 0))
        last_before = await postgres.read(lambda c: journal.last_position(c))
        slow.commit()

    after = await postgres.read(lambda c: journal.read_after(c, 0))
    assert early < late
    assert (before, last_before) == ([], 0)
    assert [event.type for event in after] == ["Slow", "Quick"]


async def test_an_abandoned_transaction_leaves_no_gap_to_wait_for(
    postgres: Database, beside: sa.Engine
) -> None:
    with beside.connect() as abandoned:
        append(abandoned, 0, "Never")
        abandoned.rollback()

    await postgres.write(lambda c: append(c, 0, "Quick"))

    events = await postgres.read(lambda c: journal.read_after(c, 0))
    assert [event.type for event in events] == ["Quick"]


async def test_an_older_transaction_never_puts_effect_before_cause(postgres: Database) -> None:
    """It got its id before another appended to the stream; it is run again with a newer one."""
    has_id, may_go_on, attempts = threading.Event(), threading.Event(), []

    def older(c: sa.Connection) -> None:
        attempts.append(c.execute(sa.text("SELECT pg_current_xact_id()::text")).scalar())
        has_id.set()
        may_go_on.wait(10)
        append(c, 1, "Effect")

    waiting = asyncio.ensure_future(postgres.write(older))
    await asyncio.to_thread(has_id.wait, 10)
    await postgres.write(lambda c: append(c, 0, "Cause"))
    may_go_on.set()
    await waiting

    assert len(attempts) == 2
    events = await postgres.read(lambda c: journal.read_after(c, 0))
    assert [event.type for event in events] == ["Cause", "Effect"]


async def test_positions_go_on_after_a_restore_into_a_younger_cluster(postgres_url: str) -> None:
    """Restored rows may hold positions far ahead of the new cluster's transaction ids."""
    restored = 1 << 60
    first = open_database(postgres_url)
    row = {"owner": "main", "stream": STREAM, "version": 1, "type": "Old", "data": {}, "at": NOW}
    await first.write(lambda c: c.execute(sa.insert(journal_table), {**row, "position": restored}))
    await first.close()

    second = open_database(postgres_url)
    (position,) = await second.write(lambda c: append(c, 1, "New"))
    events = await second.read(lambda c: journal.read_after(c, 0))
    await second.close()

    assert position > restored
    assert [event.type for event in events] == ["Old", "New"]


def append_to_each(c: sa.Connection, *streams: str, present: bool = True) -> None:
    facts = {stream: NewEvent(type="Told", data={"of": stream}) for stream in streams}
    known = journal.heads(c, streams) if present else {}
    journal.append_to_each(c, owner="main", facts=facts, present=known, at=NOW)


async def test_many_streams_get_an_event_each_by_few_statements(database: Database) -> None:
    streams = [f"message/{number}" for number in range(5)]
    await database.write(lambda c: append(c, 0, "First", stream=streams[0]))

    await database.write(lambda c: append_to_each(c, *streams))
    await database.write(lambda c: append_to_each(c, *streams[:2]))

    events = await database.read(lambda c: journal.read_after(c, 0))
    assert [(event.stream, event.version) for event in events if event.stream == streams[0]] == [
        (streams[0], 1),
        (streams[0], 2),
        (streams[0], 3),
    ]
    assert sorted({event.stream for event in events}) == streams
    assert len({event.position for event in events}) == len(events) == 8


async def test_a_stream_that_was_written_meanwhile_is_written_anew(postgres: Database) -> None:
    """The work is run again in a new transaction, which sees what came between. SQLite has one
    writer, so nothing comes between."""
    runs = 0

    def work(c: sa.Connection) -> None:
        nonlocal runs
        runs += 1
        append_to_each(c, STREAM, present=runs > 1)

    await postgres.write(lambda c: append(c, 0, "First"))

    await postgres.write(work)

    events = await postgres.read(lambda c: journal.read_stream(c, STREAM))
    assert [event.type for event in events] == ["First", "Told"]
    assert runs == 2
