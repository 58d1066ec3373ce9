"""The parts of one process: started together, asked to stop at once, closed in order, and gone
when one of them dies."""

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)

Stop = Callable[[], Awaitable[None]]

STOP_WITHIN = 25.0
"""Seconds in which a crew stops, whatever its parts do. Whoever ends the process by force waits
longer: mail cut off in the middle of a conversation may be `uncertain`."""

_CUT = 3.0
"""Seconds a cancelled part has to put down what it holds."""


@dataclass
class _Part:
    name: str
    task: asyncio.Task[Any] | None
    stop: Stop | None
    within: float
    at_once: bool


class PartDied(RuntimeError):
    """A part ended on its own. The process ends too, so that whoever watches it starts it anew."""


class Crew:
    """Tasks that live as long as the process, and what they use.

    Everything that takes work is asked to stop first, and at once: nobody goes on claiming while
    others drain. Then what they used is closed, the part added last first. A task without `stop`
    serves the others, and is cancelled in its turn.
    """

    def __init__(self, within: float = STOP_WITHIN) -> None:
        self._within = within
        self._parts: list[_Part] = []

    def add(
        self,
        name: str,
        work: Coroutine[Any, Any, Any],
        *,
        stop: Stop | None = None,
        within: float = 10.0,
    ) -> None:
        """Start `work`; from being asked to stop, it has `within` seconds to finish."""
        task = asyncio.create_task(work, name=name)
        self._parts.append(_Part(name, task, stop, within, at_once=stop is not None))

    def keep(self, name: str, stop: Stop, *, within: float = 5.0, at_once: bool = False) -> None:
        """Something that runs by itself: closed in its turn, or `at_once` if it takes work."""
        self._parts.append(_Part(name, None, stop, within, at_once))

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
        """Stop every part, within the crew's time."""
        end = asyncio.get_running_loop().time() + self._within
        parts = list(reversed(self._parts))
        self._parts.clear()
        await asyncio.gather(*(_stop(part, end) for part in parts if part.at_once))
        for part in parts:
            if not part.at_once:
                await _stop(part, end)


async def _stop(part: _Part, end: float) -> None:
    within = min(part.within, _left(end, keep=_CUT))
    try:
        async with asyncio.timeout(within):
            await _stop_gently(part)
    except TimeoutError:
        log.warning("%s did not stop in %g seconds", part.name, within)
    except Exception:  # one part's trouble must not keep the others from stopping
        log.exception("%s failed while stopping", part.name)
    if part.task:
        part.task.cancel()
        await asyncio.wait([part.task], timeout=min(_CUT, _left(end)))
        part.task.add_done_callback(_seen)


def _seen(task: asyncio.Task[Any]) -> None:
    """What ended a part was said by then; it is no news when the task is thrown away."""
    if not task.cancelled():
        task.exception()


def _left(end: float, keep: float = 0.0) -> float:
    """Seconds until `keep` seconds before `end`; never none at all, so that everybody is asked."""
    return max(end - keep - asyncio.get_running_loop().time(), 0.1)


async def _stop_gently(part: _Part) -> None:
    if part.stop is None or (part.task and part.task.done()):
        return
    await part.stop()
    if part.task:
        await asyncio.wait([part.task])
        if not part.task.cancelled():
            part.task.result()


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
