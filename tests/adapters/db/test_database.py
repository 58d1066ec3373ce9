"""`Database.write` and `read`: what both engines promise to every caller."""

import asyncio
import threading
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from adapters.db.bell import ring_after_commit
from adapters.db.database import Database
from domain.errors import NotFound, Unavailable
from tests.adapters.db.notes import all_of, kept, put


class Refusal(Exception):
    """What the work of these tests raises."""


def refuse_after_writing(c: sa.Connection) -> None:
    put(c, "refused")
    raise Refusal


async def all_settled(*writes: "asyncio.Future[object]") -> list[object]:
    return list(await asyncio.gather(*writes, return_exceptions=True))


def write(database: Database, work: Callable[[sa.Connection], object]) -> "asyncio.Future[object]":
    return asyncio.ensure_future(database.write(work))


def putting(note: str) -> Callable[[sa.Connection], str]:
    def work(c: sa.Connection) -> str:
        put(c, note)
        return note

    return work


async def test_what_was_written_is_read_back_at_once(database: Database) -> None:
    assert await database.write(putting("one")) == "one"
    assert await kept(database) == {"one"}


async def test_work_that_raises_leaves_nothing(database: Database) -> None:
    with pytest.raises(Refusal):
        await database.write(refuse_after_writing)

    assert await kept(database) == set()


async def test_a_failing_request_does_not_hurt_its_neighbours(database: Database) -> None:
    works = [refuse_after_writing if n % 3 == 1 else putting(f"{n}") for n in range(40)]

    outcomes = await all_settled(*(write(database, work) for work in works))

    assert [type(one) for one in outcomes] == [Refusal if n % 3 == 1 else str for n in range(40)]
    assert await kept(database) == {f"{n}" for n in range(40) if n % 3 != 1}


async def test_a_broken_statement_fails_its_own_request_only(database: Database) -> None:
    await database.write(putting("twice"))

    outcomes = await all_settled(
        write(database, putting("before")),
        write(database, putting("twice")),
        write(database, lambda c: c.execute(sa.text("SELECT nothing FROM nowhere"))),
        write(database, putting("after")),
    )

    assert isinstance(outcomes[1], exc.IntegrityError)
    assert isinstance(outcomes[2], exc.DBAPIError)
    assert await kept(database) == {"twice", "before", "after"}


@pytest.mark.parametrize(
    "end",
    [
        sa.Connection.commit,
        sa.Connection.rollback,
        sa.Connection.close,
        sa.Connection.invalidate,
    ],
)
async def test_work_may_not_end_its_transaction(
    database: Database, end: Callable[[sa.Connection], None]
) -> None:
    """It would commit, or undo, what its neighbours have half done."""

    def meddle(c: sa.Connection) -> None:
        put(c, "meddled")
        end(c)

    outcomes = await all_settled(
        write(database, putting("before")),
        write(database, meddle),
        write(database, putting("after")),
    )

    assert isinstance(outcomes[1], RuntimeError)
    assert await kept(database) == {"before", "after"}
    assert database.is_alive


async def test_work_may_not_leave_a_savepoint_open(database: Database) -> None:
    def leave_open(c: sa.Connection) -> None:
        c.begin_nested()
        put(c, "left open")

    outcomes = await all_settled(write(database, leave_open), write(database, putting("after")))

    assert isinstance(outcomes[0], RuntimeError)
    assert await kept(database) == {"after"}


async def test_work_may_use_savepoints_of_its_own(database: Database) -> None:
    await database.write(putting("there"))

    def try_and_go_on(c: sa.Connection) -> None:
        with pytest.raises(exc.IntegrityError), c.begin_nested():
            put(c, "there")
        put(c, "instead")

    await database.write(try_and_go_on)

    assert await kept(database) == {"there", "instead"}


async def test_any_exception_reaches_its_caller(database: Database) -> None:
    """Also those that a future cannot carry, or that would end a thread."""

    def raising(error: BaseException) -> Callable[[sa.Connection], None]:
        def work(c: sa.Connection) -> None:
            raise error

        return work

    with pytest.raises(RuntimeError, match="StopIteration"):
        await database.write(raising(StopIteration()))
    with pytest.raises(RuntimeError, match="StopIteration"):
        await database.read(raising(StopIteration()))
    with pytest.raises(NotFound):
        await database.read(raising(NotFound("nothing")))
    with pytest.raises(asyncio.CancelledError):
        await database.write(raising(asyncio.CancelledError()))
    await database.write(putting("alive"))
    assert await kept(database) == {"alive"}


async def test_cancelled_callers_stop_nobody_else(database: Database) -> None:
    """Cancelled while waiting or while running: the writer goes on, and each piece of work is
    whole or absent."""
    running, may_go_on = threading.Event(), threading.Event()

    def slow(c: sa.Connection) -> None:
        put(c, "slow 1")
        running.set()
        may_go_on.wait(10)
        put(c, "slow 2")

    first = write(database, slow)
    await asyncio.to_thread(running.wait, 10)
    waiting = [write(database, putting(f"waiting {n}")) for n in range(40)]
    others = [write(database, putting(f"other {n}")) for n in range(5)]
    await asyncio.sleep(0)
    for one in (first, *waiting):
        one.cancel()
    may_go_on.set()
    await asyncio.gather(*others)

    notes = await kept(database)
    assert {f"other {n}" for n in range(5)} <= notes
    assert ("slow 1" in notes) == ("slow 2" in notes)
    await database.write(putting("later"))
    assert "later" in await kept(database)


async def test_a_reader_sees_one_snapshot(database: Database) -> None:
    looked, may_look_again = threading.Event(), threading.Event()
    await database.write(putting("before"))

    def look_twice(c: sa.Connection) -> tuple[set[str], set[str]]:
        first = all_of(c)
        looked.set()
        may_look_again.wait(10)
        return first, all_of(c)

    reading = asyncio.ensure_future(database.read(look_twice))
    await asyncio.to_thread(looked.wait, 10)
    await database.write(putting("meanwhile"))
    may_look_again.set()

    assert await reading == ({"before"}, {"before"})
    assert await kept(database) == {"before", "meanwhile"}


async def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises((exc.DBAPIError, Unavailable)):
        await database.read(putting("sneaked in"))

    assert await kept(database) == set()


async def test_news_rings_after_the_commit_and_only_then(database: Database) -> None:
    def with_news(c: sa.Connection) -> None:
        ring_after_commit(c, "good")

    def with_false_news(c: sa.Connection) -> None:
        ring_after_commit(c, "false")
        raise Refusal

    waiting = asyncio.ensure_future(database.bell.wait("good", timeout=30))
    await asyncio.sleep(0)
    await all_settled(write(database, with_false_news), write(database, with_news))
    await waiting

    assert (database.bell.rung("good"), database.bell.rung("false")) == (1, 0)


async def test_closing_finishes_what_was_accepted(database: Database) -> None:
    writes = [write(database, putting(f"{n}")) for n in range(30)]
    await asyncio.sleep(0)

    await database.close()

    assert await asyncio.gather(*writes) == [f"{n}" for n in range(30)]
    with pytest.raises(Unavailable, match="closed"):
        await database.write(putting("late"))
    with pytest.raises(Unavailable, match="closed"):
        await database.read(all_of)
