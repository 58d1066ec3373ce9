"""`Database.write` on both engines, beside the bare driver committing the same four statements
on one connection."""

import asyncio
import itertools
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import sqlalchemy as sa

from adapters.db.database import Database
from adapters.db.opening import migrate, open_database
from adapters.db.schema import commands, inputs
from bench.report import Row
from tests.postgres import PostgresServer, find_binaries

IN_FLIGHT = (1, 64)

_AT = datetime(2026, 11, 1, tzinfo=UTC)
_FIND = sa.select(commands.c.state).where(commands.c.id == sa.bindparam("id"))
_COMMAND = sa.insert(commands)
_INPUT = sa.insert(inputs)
_POKED = (
    sa.update(inputs).where(inputs.c.key == sa.bindparam("of")).values(poked_at=sa.bindparam("at"))
)
_BARE = (
    "SELECT state FROM commands WHERE id = ?",
    "INSERT INTO commands (id, owner, kind, stream, state, data, accepted_at) "
    "VALUES (?, 'main', 'bench', 'meeting/1', 'accepted', '{}', 0)",
    "INSERT INTO inputs (stream, key, body, received_at) VALUES ('meeting/1', ?, '{}', 0)",
    "UPDATE inputs SET poked_at = 0 WHERE key = ?",
)


async def run(seconds: float = 4.0) -> list[Row]:
    """Rows for both engines, `seconds` for each; PostgreSQL is left out, and said to be, where
    it is not installed."""
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as directory:
        url = f"sqlite:///{Path(directory) / 'parley.db'}"
        migrate(url)
        bare = _bare_sqlite(Path(directory) / "parley.db", seconds)
        rows = await _measure("SQLite", url, bare, seconds)
    binaries = find_binaries()
    if binaries is None:
        return [*rows, Row("Database.write, PostgreSQL", 0, "writes/s", note="not installed")]
    with _postgres(binaries) as url:
        bare = _bare_postgres(url, seconds)
        return [*rows, *await _measure("PostgreSQL", url, bare, seconds)]


@contextmanager
def _postgres(binaries: Path) -> Iterator[str]:
    """A server of our own with fsync on, and a migrated database in it."""
    server = PostgresServer(binaries, is_durable=True)
    server.start()
    try:
        url = server.url(server.create())
        migrate(url)
        yield url
    finally:
        server.remove()


async def _measure(engine: str, url: str, bare: float, seconds: float) -> list[Row]:
    database = open_database(url)
    rows = [Row(f"bare driver, {engine}, one connection", bare, "writes/s")]
    for count in IN_FLIGHT:
        rate = await _write_rate(database, count, seconds)
        name = f"Database.write, {engine}, {count} in flight"
        rows.append(Row(name, rate, "writes/s", rate / bare, "four statements each"))
    await database.close()
    return rows


async def _write_rate(database: Database, in_flight: int, seconds: float) -> float:
    """Writes a second with so many callers, each awaiting its own before the next."""
    ids = (f"{in_flight}-{number}" for number in itertools.count())
    done = 0
    start = time.perf_counter()

    async def caller() -> None:
        nonlocal done
        while time.perf_counter() - start < seconds:
            await database.write(_work(next(ids)))
            done += 1

    await asyncio.gather(*(caller() for _ in range(in_flight)))
    return done / (time.perf_counter() - start)


def _work(id: str) -> Callable[[sa.Connection], None]:
    def work(c: sa.Connection) -> None:
        c.execute(_FIND, {"id": id}).first()
        c.execute(
            _COMMAND,
            {
                "id": id,
                "owner": "main",
                "kind": "bench",
                "stream": "meeting/1",
                "state": "accepted",
                "data": {},
                "accepted_at": _AT,
            },
        )
        c.execute(_INPUT, {"stream": "meeting/1", "key": id, "body": {}, "received_at": _AT})
        c.execute(_POKED, {"of": id, "at": _AT})

    return work


def _bare_sqlite(path: Path, seconds: float) -> float:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=FULL")

    def commit(id: str) -> None:
        connection.execute("BEGIN IMMEDIATE")
        for statement in _BARE:
            connection.execute(statement, (id,)).fetchall()
        connection.execute("COMMIT")

    rate = _rate(commit, seconds)
    connection.close()
    return rate


def _bare_postgres(url: str, seconds: float) -> float:
    statements = [statement.replace("?", "%s").encode() for statement in _BARE]
    with psycopg.connect(url) as connection:

        def commit(id: str) -> None:
            for statement in statements:
                connection.execute(statement, (id,))
            connection.commit()

        return _rate(commit, seconds)


def _rate(commit: Callable[[str], None], seconds: float) -> float:
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        commit(f"bare-{done}")
        done += 1
    return done / (time.perf_counter() - start)
