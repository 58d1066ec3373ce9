"""The bell of one process: a committed write wakes whoever waits for its topic.

Work running in a transaction says which topics it has news for (`ring_after_commit`); the
database rings them once the commit has succeeded, so nobody wakes before there is something to
see.
"""

import asyncio
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable

import sqlalchemy as sa

_NEWS = "parley_news"


def ring_after_commit(connection: sa.Connection, topic: str) -> None:
    """Ask for `topic` to be rung when the transaction of `connection` has been committed."""
    connection.info.setdefault(_NEWS, set()).add(topic)


def take_news(connection: sa.Connection) -> set[str]:
    """The topics asked for since the last call; the next transaction starts without any."""
    news: set[str] = connection.info.pop(_NEWS, set())
    return news


class LocalBell:
    """A `Bell` that any thread may ring and tasks of any event loop may wait for."""

    def __init__(self) -> None:
        # Ringing from the writer thread must not miss a waiter registering in its loop.
        self._lock = threading.Lock()
        self._rung: Counter[str] = Counter()
        self._waiters: dict[str, set[asyncio.Future[None]]] = defaultdict(set)

    def ring(self, topic: str) -> None:
        """Wake every present waiter of `topic`. Safe to call from any thread."""
        with self._lock:
            self._rung[topic] += 1
            waiters = self._waiters.pop(topic, set())
        for waiter in waiters:
            _wake(waiter)

    def ring_all(self, topics: Iterable[str]) -> None:
        for topic in topics:
            self.ring(topic)

    def rung(self, topic: str) -> int:
        """How often `topic` has been rung so far."""
        with self._lock:
            return self._rung[topic]

    async def wait(self, topic: str, timeout: float, since: int | None = None) -> None:
        """Return at the next ring of `topic`, after `timeout` seconds, or at once when it has
        been rung more than `since` times."""
        waiter = self._register(topic, since)
        if waiter is None:
            return
        try:
            await asyncio.wait((waiter,), timeout=timeout)
        finally:
            self._forget(topic, waiter)

    def _register(self, topic: str, since: int | None) -> "asyncio.Future[None] | None":
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._lock:
            if since is not None and self._rung[topic] > since:
                return None
            self._waiters[topic].add(waiter)
        return waiter

    def _forget(self, topic: str, waiter: "asyncio.Future[None]") -> None:
        with self._lock:
            present = self._waiters.get(topic)
            if present is not None:
                present.discard(waiter)
                if not present:
                    del self._waiters[topic]


def _wake(waiter: "asyncio.Future[None]") -> None:
    def resolve() -> None:
        if not waiter.done():
            waiter.set_result(None)

    try:
        waiter.get_loop().call_soon_threadsafe(resolve)
    except RuntimeError:  # its loop was closed meanwhile; nobody is left to wake
        return
