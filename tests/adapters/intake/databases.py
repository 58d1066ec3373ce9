"""Databases that get into trouble, and the trouble itself."""

import contextlib
import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from tests.postgres import PostgresServer


@contextlib.contextmanager
def paused(server: PostgresServer) -> Iterator[None]:
    """Every process of `server` stands still, as on a machine that hangs."""
    stopped: list[int] = []
    try:
        while more := [pid for pid in server.processes() if pid not in stopped]:
            for pid in more:
                os.kill(pid, signal.SIGSTOP)
            stopped += more
        yield
    finally:
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Somebody else holds the write lock of a SQLite file."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
