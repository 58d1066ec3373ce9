"""Keeps several children running, and stops them in order."""

import asyncio
from collections.abc import Sequence

from adapters.supervisor.child import Child
from domain.errors import Unavailable


class Supervisor:
    """Runs children given in the order they depend on each other: stopped last to first."""

    def __init__(self, children: Sequence[Child]) -> None:
        self._children = children
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, within: float = 60.0) -> None:
        """Start every child and wait until all are ready.

        Raises `ChildFailed` when one gives up, `Unavailable` when they take too long.
        """
        self._tasks = [asyncio.create_task(child.keep_running()) for child in self._children]
        all_ready = asyncio.create_task(self._all_ready())
        try:
            await asyncio.wait(
                [all_ready, *self._tasks], timeout=within, return_when=asyncio.FIRST_COMPLETED
            )
            self._raise_failure()
            if not all_ready.done():
                late = ", ".join(c.plan.name for c in self._children if not c.ready.is_set())
                raise Unavailable(f"Not ready after {within:g} seconds: {late}.")
        finally:
            all_ready.cancel()

    async def _all_ready(self) -> None:
        for child in self._children:
            await child.ready.wait()

    def _raise_failure(self) -> None:
        for task in self._tasks:
            if task.done() and not task.cancelled() and (failure := task.exception()):
                raise failure

    async def wait_for(self, stop: asyncio.Event) -> None:
        """Wait until `stop` is set. Raises the failure of a child that gave up."""
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([stopped, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
            self._raise_failure()
        finally:
            stopped.cancel()

    async def stop(self, hurry: asyncio.Event | None = None) -> None:
        """Stop the children, the last one first; at once when `hurry` is set on the way."""
        impatience = asyncio.create_task(self._kill_all_on(hurry)) if hurry else None
        for child in reversed(self._children):
            await child.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if impatience:
            impatience.cancel()

    async def _kill_all_on(self, hurry: asyncio.Event) -> None:
        await hurry.wait()
        for child in self._children:
            child.kill()
