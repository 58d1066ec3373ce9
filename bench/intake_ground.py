"""Databases to prove the intake on: filled, looked into, and made to stand still."""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import psycopg

from adapters.db import meetings
from adapters.db.opening import migrate, open_database
from domain.access import Capability, Purpose, derive_token
from domain.meetings.messages import stream_of
from domain.meetings.model import Terms
from domain.meetings.requests import MeetingOrder, PartyOrder
from domain.values import Slot
from tests.postgres import PostgresServer, find_binaries


class Ground(Protocol):
    """A database: where it is, what is in it, and how it hangs."""

    @property
    def url(self) -> str: ...

    def rows(self, query: str) -> list[tuple[Any, ...]]: ...

    async def hang(self, seconds: float) -> None:
        """Let nobody write for so long."""
        ...


class File:
    """SQLite: it hangs while somebody else holds the write lock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.url = f"sqlite:///{path}"

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        address = f"file:{self._path}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=30)) as connection:
            return connection.execute(query).fetchall()

    async def hang(self, seconds: float) -> None:
        with contextlib.closing(
            sqlite3.connect(self._path, isolation_level=None, timeout=30)
        ) as other:
            other.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(seconds)
            other.execute("ROLLBACK")


class Server:
    """PostgreSQL: it hangs when all its processes stand still."""

    def __init__(self, server: PostgresServer, database: str) -> None:
        self._server = server
        self._database = database
        self.url = server.url(database)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._server.conninfo(self._database)) as connection:
            return connection.execute(query.encode()).fetchall()

    async def crash(self) -> None:
        """End it without a word, and start it again."""
        await asyncio.to_thread(self._server.stop, signal.SIGQUIT)
        await asyncio.to_thread(self._server.start)

    async def hang(self, seconds: float) -> None:
        stopped: list[int] = []
        try:
            while more := [pid for pid in self._server.processes() if pid not in stopped]:
                stopped += _signalled(more, signal.SIGSTOP)
            await asyncio.sleep(seconds)
        finally:
            _signalled(stopped, signal.SIGCONT)


def _signalled(pids: Sequence[int], what: signal.Signals) -> list[int]:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, what)
    return list(pids)


@contextmanager
def opened_ground(data: Path, *, postgres: bool) -> Iterator[Ground]:
    """A migrated database, in the data directory or on a server of its own. Raises
    `RuntimeError` where PostgreSQL is not installed."""
    if not postgres:
        data.mkdir(parents=True, mode=0o700)
        file = File(data / "parley.db")
        migrate(file.url)
        yield file
        return
    binaries = find_binaries()
    if binaries is None:
        raise RuntimeError("PostgreSQL is not installed; on Debian: apt-get install postgresql.")
    server = PostgresServer(binaries, is_durable=True)
    server.start()
    try:
        found = Server(server, server.create())
        migrate(found.url)
        yield found
    finally:
        server.remove()


async def fill(ground: Ground, count: int, secret: bytes, domain: str) -> list[tuple[str, str]]:
    """Make meetings of two people each; gives token and address of each, to be mailed to."""
    database = open_database(ground.url)
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=9)
    slot = Slot(start=start, end=start + timedelta(hours=1))
    for number in range(count):
        order = _order(number, slot)
        await database.write(
            lambda c, n=number, order=order: meetings.request(  # type: ignore[misc]  # bound early
                c,
                meeting_id=_id(n),
                owner="main",
                order=order,
                secret=secret,
                at=datetime.now(UTC),
            )
        )
    await database.close()
    tokens = [_token(secret, number, party) for number in range(count) for party in (1, 2)]
    return [(token, f"{Purpose.REPLY}+{token}@{domain}") for token in tokens]


def _id(number: int) -> str:
    return f"proof{number:04}"


def _order(number: int, slot: Slot) -> MeetingOrder:
    people = (
        PartyOrder(name=f"Party {n}", address=f"party{n}-{number}@example.org", zone="UTC")
        for n in (1, 2)
    )
    return MeetingOrder(
        title=f"Meeting {number}", parties=tuple(people), terms=Terms(slots=(slot,))
    )


def _token(secret: bytes, number: int, party: int) -> str:
    stream = stream_of(_id(number))
    return derive_token(secret, Capability(purpose=Purpose.REPLY, stream=stream, party=party))


def remarks(ground: Ground) -> list[int]:
    """The inputs that some saga took for a remark, once for each time it did."""
    found = ground.rows("SELECT data FROM journal WHERE type = 'RemarkReceived'")
    return [_data(row)["input"] for (row,) in found]


def _data(value: Any) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(value) if isinstance(value, str) else value
    return data
