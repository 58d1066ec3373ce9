"""What only SQLite can get into: shared commits, and a file that is somebody else's."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from adapters.db.bell import LocalBell
from adapters.db.database import Database
from adapters.db.faults import DatabaseDown
from adapters.db.group_commit import GroupCommit
from adapters.db.guard import DatabaseInUse
from adapters.db.opening import migrate, open_database
from adapters.db.sqlite import engine
from domain.errors import Unavailable
from tests.adapters.db.notes import kept, put


async def in_one_batch(
    database: Database, *works: Callable[[sa.Connection], object]
) -> list[object]:
    """Run `works` in one commit: the writer is kept busy until all of them wait."""
    busy, may_go_on = threading.Event(), threading.Event()

    def hold(c: sa.Connection) -> None:
        busy.set()
        may_go_on.wait(10)

    holding = asyncio.ensure_future(database.write(hold))
    await asyncio.to_thread(busy.wait, 10)
    writes = [asyncio.ensure_future(database.write(work)) for work in works]
    await asyncio.sleep(0)  # each has put its request into the queue
    may_go_on.set()
    await holding
    return list(await asyncio.gather(*writes, return_exceptions=True))


async def test_when_the_commit_fails_everybody_learns_it(sqlite_database: Database) -> None:
    """A deferred foreign key fails at COMMIT, which no savepoint can contain."""

    def debts(c: sa.Connection) -> None:
        c.exec_driver_sql("CREATE TABLE debtors (id INTEGER PRIMARY KEY)")
        c.exec_driver_sql(
            "CREATE TABLE debts (of INTEGER REFERENCES debtors DEFERRABLE INITIALLY DEFERRED)"
        )

    await sqlite_database.write(debts)
    outcomes = await in_one_batch(
        sqlite_database,
        lambda c: put(c, "innocent"),
        lambda c: c.exec_driver_sql("INSERT INTO debts VALUES (1)").rowcount,
        lambda c: c.exec_driver_sql("SELECT nothing"),
    )

    assert [type(one) for one in outcomes[:2]] == [exc.IntegrityError] * 2
    assert isinstance(outcomes[2], exc.OperationalError)
    await sqlite_database.write(lambda c: put(c, "afterwards"))
    assert await kept(sqlite_database) == {"afterwards"}


async def test_a_lost_transaction_is_run_again_without_its_destroyer(
    sqlite_database: Database,
) -> None:
    """A full disk makes SQLite roll back everything at once; here a statement does."""

    def destroy(c: sa.Connection) -> None:
        put(c, "destroyer")
        c.exec_driver_sql("ROLLBACK")

    outcomes = await in_one_batch(
        sqlite_database, lambda c: put(c, "before"), destroy, lambda c: put(c, "after")
    )

    assert outcomes[0] is None
    assert isinstance(outcomes[1], Exception)
    assert outcomes[2] is None
    assert await kept(sqlite_database) == {"before", "after"}


class Nothing(LocalBell):
    def ring_all(self, topics: Iterable[str]) -> None:
        raise MemoryError


async def test_what_goes_wrong_beside_the_work_does_not_end_the_writer(sqlite_url: str) -> None:
    writer = GroupCommit(engine(Path(sqlite_url.removeprefix("sqlite:///"))), Nothing())

    async with asyncio.timeout(10):
        for _ in range(2):
            answer = asyncio.wrap_future(writer.submit(lambda c: 1))
            await asyncio.gather(answer, return_exceptions=True)

    assert writer.is_alive
    await asyncio.to_thread(writer.close)
    assert not writer.is_alive


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_nobody_waits_for_a_writer_that_has_died(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> list[Any]:
        raise MemoryError

    monkeypatch.setattr(GroupCommit, "_attempt", die)
    monkeypatch.setattr(GroupCommit, "_fail", die)

    async with asyncio.timeout(10):
        writes = (sqlite_database.write(lambda c: 1) for _ in range(300))
        outcomes = await asyncio.gather(*writes, return_exceptions=True)

    assert {type(one) for one in outcomes} == {Unavailable}
    assert not sqlite_database.is_alive


async def test_a_request_cancelled_before_its_turn_never_runs(sqlite_database: Database) -> None:
    busy, may_go_on = threading.Event(), threading.Event()

    def hold(c: sa.Connection) -> None:
        busy.set()
        may_go_on.wait(10)

    holding = asyncio.ensure_future(sqlite_database.write(hold))
    await asyncio.to_thread(busy.wait, 10)
    waiting = asyncio.ensure_future(sqlite_database.write(lambda c: put(c, "cancelled")))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    may_go_on.set()
    await holding

    await sqlite_database.write(lambda c: put(c, "next"))
    assert await kept(sqlite_database) == {"next"}


async def test_a_lock_held_by_another_program_is_said_to_be_one(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.db.sqlite.BUSY_FOR", 0.05)
    database = open_database(sqlite_url)
    stranger = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")

    with pytest.raises(DatabaseDown, match="does not answer") as refused:
        await database.write(lambda c: put(c, "note"))
    assert "locked" in refused.value.reason
    assert "locked" not in str(refused.value)
    stranger.execute("ROLLBACK")
    stranger.close()

    await database.write(lambda c: put(c, "note"))
    assert await kept(database) == {"note"}
    await database.close()


def start_holder(url: str, code: str = "import sys; sys.stdin.read()") -> "subprocess.Popen[str]":
    """Another process that has the database open until its standard input ends."""
    program = (
        "from adapters.db.opening import open_database\n"
        f"database = open_database({url!r})\nprint('open', flush=True)\n{code}"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "open\n"
    return holder


def end(holder: "subprocess.Popen[str]") -> None:
    holder.kill()
    holder.communicate()


async def test_a_second_process_is_refused_with_the_pid_of_the_first(sqlite_url: str) -> None:
    holder = start_holder(sqlite_url)

    with pytest.raises(DatabaseInUse, match=f"process {holder.pid};") as refused:
        open_database(sqlite_url)
    with pytest.raises(DatabaseInUse):
        migrate(sqlite_url)

    assert refused.value.pid == holder.pid
    end(holder)


async def test_the_file_of_a_killed_process_is_free(sqlite_url: str) -> None:
    end(start_holder(sqlite_url))

    database = open_database(sqlite_url)

    await database.close()


async def test_a_child_that_outlives_its_parent_does_not_keep_the_file(sqlite_url: str) -> None:
    """Fork servers live a moment longer than the process that started them."""
    fork = (
        "import os, sys\n"
        "child = os.fork()\n"
        "if child == 0:\n    sys.stdin.read()\n    os._exit(0)\n"
        "print(child, flush=True)\nos._exit(0)"
    )
    holder = start_holder(sqlite_url, fork)
    assert holder.stdout is not None
    child = int(holder.stdout.readline())
    holder.wait()

    database = open_database(sqlite_url)

    os.kill(child, 0)  # it does live
    await database.close()
    assert holder.stdin is not None
    holder.stdin.close()
    holder.stdout.close()


async def test_one_process_opens_a_file_once(sqlite_url: str) -> None:
    database = open_database(sqlite_url)

    with pytest.raises(DatabaseInUse, match=f"process {os.getpid()};"):
        open_database(sqlite_url)
    await database.close()

    await open_database(sqlite_url).close()
