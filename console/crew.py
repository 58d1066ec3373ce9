"""The parts of one process: started together, stopped in order, and gone when one of them dies."""

import asyncio
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
    task: asyncio.Task[Any] | None
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

    def keep(self, name: str, stop: Stop, *, within: float = 25.0) -> None:
        """Something that runs by itself and has to be stopped or closed in its turn."""
        self._parts.append(_Part(name, None, stop, within))

    async def until(self, stop: asyncio.Event) -> None:
        """Wait for `stop`. Raises `PartDied` when a part ends first."""
        stopped = asyncio.create_task(stop.wait())
        tasks = {part.task: part.name for part in self._parts if part.task}
        await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        for task, name in tasks.items():
            if task.done() and not stop.is_set():
                failure = None if task.cancelled() else task.exception()
                raise PartDied(f"{name} ended: {failure!r}") from failure

    async def stop(self) -> None:
        """Stop every part, the one added last first."""
        for part in reversed(self._parts):
            await _stop(part)
        self._parts.clear()


async def _stop(part: _Part) -> None:
    try:
        async with asyncio.timeout(part.within):
            await _stop_gently(part)
    except TimeoutError:
        log.warning("%s did not stop in %g seconds", part.name, part.within)
    except Exception:  # one part's trouble must not keep the others from stopping
        log.exception("%s failed while stopping", part.name)
    if part.task:
        part.task.cancel()
        await asyncio.gather(part.task, return_exceptions=True)


async def _stop_gently(part: _Part) -> None:
    if part.stop is None or (part.task and part.task.done()):
        return
    await part.stop()
    if part.task:
        await asyncio.wait([part.task])


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
