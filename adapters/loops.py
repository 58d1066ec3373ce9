"""The loops inside one part of a process: one that ends unasked ends the part, and is noticed."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any


class LoopEnded(RuntimeError):
    """A loop that runs as long as its part ended by itself; its failure is the cause."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} ended by itself")


async def until_asked(stopping: asyncio.Event, loops: Sequence["asyncio.Task[Any]"]) -> None:
    """Wait for `stopping`. Raises `LoopEnded` when one of `loops` ends before it is set."""
    asked = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait([asked, *loops], return_when=asyncio.FIRST_COMPLETED)
    finally:
        asked.cancel()
    if stopping.is_set():
        return
    for loop in loops:
        if loop.done():
            failure = None if loop.cancelled() else loop.exception()
            raise LoopEnded(loop.get_name()) from failure


async def cancelled(loops: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel `loops` and wait until they have ended."""
    loops = list(loops)
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)
