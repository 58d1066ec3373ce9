"""SQLite: one file, one process, one writer thread, a few readers."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from adapters.db.bell import LocalBell
from adapters.db.columns import fold_text
from adapters.db.faults import raise_explained
from adapters.db.group_commit import GroupCommit
from adapters.db.guard import FileGuard
from domain.errors import Unavailable

T = TypeVar("T")

READERS = 4
BUSY_FOR = 10.0
"""Seconds to wait for another program's lock (a backup, a sqlite3 shell) before giving up."""

compact_json = partial(json.dumps, separators=(",", ":"))


def engine(path: Path, *, begin: str = "BEGIN IMMEDIATE", connections: int = 1) -> sa.Engine:
    """Connections to the file at `path` whose transactions start with `begin`.

    Durable at every commit (WAL with synchronous=FULL). The driver's own transaction handling
    is off: it begins late and would not lock before the first read.
    """
    made = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={
            "isolation_level": None,
            "timeout": BUSY_FOR,
            "check_same_thread": False,
            "cached_statements": 256,
        },
        pool_size=connections,
        max_overflow=0,
        json_serializer=compact_json,
        hide_parameters=True,  # they are names, addresses and mails; errors end up in logs
    )
    sa.event.listen(made, "connect", _configure)
    sa.event.listen(made, "begin", lambda connection: connection.exec_driver_sql(begin))
    return made


def _configure(raw: sqlite3.Connection, record: Any) -> None:
    raw.execute("PRAGMA journal_mode=WAL")
    raw.execute("PRAGMA synchronous=FULL")
    raw.execute("PRAGMA foreign_keys=ON")
    raw.execute("PRAGMA journal_size_limit=67108864")  # a burst does not leave a huge WAL behind
    raw.create_function("parley_folded", 1, fold_text, deterministic=True)


class SqliteDatabase:
    """A `Database` in one SQLite file, which it holds through `guard` until closed."""

    dialect = "sqlite"

    def __init__(self, path: Path, guard: FileGuard) -> None:
        self.bell = LocalBell()
        self._guard = guard
        self._writer_engine = engine(path)
        self._writer = GroupCommit(self._writer_engine, self.bell)
        self._reader_engine = engine(path, begin="BEGIN", connections=READERS)
        sa.event.listen(self._reader_engine, "connect", _read_only)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="parley-reader")

    @property
    def is_alive(self) -> bool:
        return self._writer.is_alive

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        return await asyncio.wrap_future(self._writer.submit(work))

    async def read(self, work: Callable[[sa.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            answer = loop.run_in_executor(self._readers, self._read, work)
        except RuntimeError as closed:
            raise Unavailable("The database has been closed.") from closed
        return await answer

    def _read(self, work: Callable[[sa.Connection], T]) -> T:
        try:
            with self._reader_engine.connect() as connection:
                return work(connection)
        except Exception as error:
            raise_explained(error)

    async def close(self) -> None:
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writer.close()
        self._readers.shutdown(wait=True)
        self._reader_engine.dispose()
        self._writer_engine.dispose()
        self._guard.release()


def _read_only(raw: sqlite3.Connection, record: Any) -> None:
    raw.execute("PRAGMA query_only=ON")
