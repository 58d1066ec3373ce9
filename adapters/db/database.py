"""One database, two engines: `write` and `read` run a plain function in one transaction.

Functions get a SQLAlchemy `Connection` and must not keep it. What a function writes is durable
when the awaited call returns; when it raises, nothing of it stays.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

import sqlalchemy as sa

T = TypeVar("T")


class Database(Protocol):
    """A database of facts. `dialect` is 'sqlite' or 'postgresql'."""

    @property
    def dialect(self) -> str: ...

    @property
    def bell(self) -> "Bell": ...

    @property
    def is_alive(self) -> bool:
        """Whether this process can still reach it: False when it has been closed or its writer
        has died, which only a new process cures. A server that is down is another matter."""
        ...

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` in a write transaction and commit before returning.

        `work` may run again after a serialisation failure, so it does nothing but use its
        connection. Raises what `work` raises, with everything it wrote rolled back.
        A cancelled caller does not learn whether its work was committed.
        """
        ...

    async def read(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` on one consistent snapshot."""
        ...

    async def close(self) -> None:
        """Finish accepted work and let the file or the connections go."""
        ...


class Bell(Protocol):
    """Wakes whoever waits for news of a topic in this process; news from elsewhere is seen at
    the timeout, so every wait has one and is followed by a look.

    A ring between the look and the wait is not lost to a waiter that took `rung` before it
    looked and passes it on as `since`.
    """

    def ring(self, topic: str) -> None: ...

    def rung(self, topic: str) -> int:
        """How often `topic` has been rung so far."""
        ...

    async def wait(self, topic: str, timeout: float, since: int | None = None) -> None:
        """Return at the next ring of `topic`, or after `timeout` seconds; at once when it has
        been rung more than `since` times."""
        ...
