"""The parts of one process: started together, stopped in order, and gone when one of them dies."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)

Stop = Callable[[], Awaitable[None]]


@dataclass
class _Part:
    name: str
    task: asyncio.Task[Any]
    stop: Stop | None
    within: float


class PartDied(RuntimeError):
    """A part ended on its own. The process ends too, so that whoever watches it starts it anew."""


class Crew:
    """Tasks that live as long as the process. A part without `stop` is cancelled."""

    def __init__(self) -> None:
        self._parts: list[_Part] = []

    def add(
        self,
        name: str,
        work: Coroutine[Any, Any, Any],
        *,
        stop: Stop | None = None,
        within: float = 10.0,
    ) -> None:
        """Start `work`; stopping it takes at most `within` seconds."""
        task = asyncio.create_task(work, name=name)
        self._parts.append(_Part(name, task, stop, within))

    async def until(self, stop: asyncio.Event) -> None:
        """Wait for `stop`. Raises `PartDied` when a part ends first."""
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait(
            [stopped, *(part.task for part in self._parts)], return_when=asyncio.FIRST_COMPLETED
        )
        stopped.cancel()
        for part in self._parts:
            if part.task.done() and not stop.is_set():
                failure = None if part.task.cancelled() else part.task.exception()
                raise PartDied(f"{part.name} ended: {failure!r}") from failure

    async def stop(self) -> None:
        """Stop every part, the one added last first."""
        for part in reversed(self._parts):
            await _stop(part)
        self._parts.clear()


async def _stop(part: _Part) -> None:
    try:
        async with asyncio.timeout(part.within):
            if part.stop and not part.task.done():
                await part.stop()
                await asyncio.shield(asyncio.gather(part.task, return_exceptions=True))
    except TimeoutError:
        log.warning("%s did not stop in %g seconds", part.name, part.within)
    except Exception:  # one part's trouble must not keep the others from stopping
        log.exception("%s failed while stopping", part.name)
    part.task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await part.task


def stop_on_signals() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def announce_ready(fd: int | None) -> None:
    """Tell the supervisor, over the descriptor it gave us, that we are ready."""
    if fd is not None:
        os.write(fd, b"1")
        os.close(fd)
