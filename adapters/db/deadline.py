"""Work on a thread that is given up at a deadline: its caller learns it, its thread comes back.

A server that takes packets and answers nothing is noticed by no timeout of its own or of TCP:
only whoever waits can end the waiting, by shutting the socket that the thread sleeps on.
"""

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from typing import TypeVar

import psycopg
import sqlalchemy as sa

from domain.errors import Unavailable

T = TypeVar("T")


class Call:
    """One call of the database, which may use several connections one after the other."""

    def __init__(self) -> None:
        # A connection must not be shut when the pool has lent it to somebody else already.
        self._lock = threading.Lock()
        self._lent: psycopg.Connection | None = None
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self._is_over

    @contextmanager
    def using(self, connection: sa.Connection) -> Iterator[None]:
        """For as long as the call uses `connection`. Raises `Unavailable` when it is over."""
        raw = connection.connection.dbapi_connection
        with self._lock:
            if self._is_over:
                raise Unavailable("The database did not answer in time.")
            self._lent = raw if isinstance(raw, psycopg.Connection) else None
        try:
            yield
        finally:
            with self._lock:
                self._lent = None

    def cut(self) -> None:
        """End the call, and the waiting of its thread. Safe from any thread."""
        with self._lock:
            self._is_over = True
            if self._lent is not None:
                _hang_up(self._lent)


def _hang_up(connection: psycopg.Connection) -> None:
    with suppress(OSError, psycopg.Error):  # it may have been closed meanwhile
        line = socket.socket(fileno=os.dup(connection.fileno()))
        with line:
            line.shutdown(socket.SHUT_RDWR)


async def in_time(threads: Executor, run: Callable[[Call], T], seconds: float) -> T:
    """What `run` returns on one of `threads`. Raises `Unavailable` after that many seconds.

    A cancelled caller's work goes on, and is cut at the same time, unless it has not begun.
    """
    call = Call()
    try:
        running = threads.submit(run, call)
    except RuntimeError as closed:
        raise Unavailable("The database has been closed.") from closed
    answer = asyncio.wrap_future(running)
    timer = asyncio.get_running_loop().call_later(seconds, call.cut)
    answer.add_done_callback(lambda _: timer.cancel())
    answer.add_done_callback(_seen)
    try:
        ended, _ = await asyncio.wait([answer], timeout=seconds)
    except asyncio.CancelledError:
        running.cancel()
        raise
    if not ended or (call.is_over and answer.exception()):
        running.cancel()
        raise Unavailable(
            "The database did not answer in time; whether it was done is not known. "
            "Ask again with the same key."
        )
    return answer.result()


def _seen(answer: "asyncio.Future[T]") -> None:
    """An answer nobody waits for is no fault to report when it is thrown away."""
    if not answer.cancelled():
        answer.exception()
