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
    processes = server.processes()
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Somebody else holds the write lock of a SQLite file."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
