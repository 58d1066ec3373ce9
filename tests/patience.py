"""Waiting for a condition instead of for a time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any


async def until(
    condition: Callable[[], Any | Awaitable[Any]], *, within: float = 20.0, every: float = 0.01
) -> None:
    """Return as soon as `condition` holds. Raises `TimeoutError` after `within` seconds."""
    async with asyncio.timeout(within):
        while not await _holds(condition):  # noqa: ASYNC110 -- many conditions have no event
            await asyncio.sleep(every)


async def _holds(condition: Callable[[], Any | Awaitable[Any]]) -> bool:
    found = condition()
    return bool(await found if isinstance(found, Awaitable) else found)
