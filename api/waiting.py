"""Waiting for news without losing any: look first, then wait, and look again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

STEP = 1.0
"""Seconds after which to look anyhow: another process's news rings no bell here."""


async def watch(
    look: Callable[[], Awaitable[T]],
    is_enough: Callable[[T], bool],
    news: Callable[[float], Awaitable[None]],
    timeout: float,
) -> T:
    """What `look` saw once it was enough, or at the latest after `timeout` seconds.

    Each wait begins before the look it follows: news that arrives between looking and waiting
    would otherwise be lost until the next step.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + timeout
    while True:
        left = deadline - clock()
        waiting = asyncio.ensure_future(news(max(0.0, min(left, STEP))))
        try:
            await asyncio.sleep(0)  # lets the wait begin
            seen = await look()
            if left <= 0 or is_enough(seen):
                return seen
            await waiting
        finally:
            waiting.cancel()
