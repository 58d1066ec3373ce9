"""Look, wait, look again: no news falls between."""

import asyncio

from adapters.db.bell import LocalBell
from api.waiting import STEP, watch


async def test_news_that_arrives_during_the_look_ends_the_wait() -> None:
    bell, looks = LocalBell(), 0

    async def look() -> bool:
        """Sees nothing, and just then it happens."""
        nonlocal looks
        looks += 1
        if looks == 1:
            bell.ring("journal")
        return looks > 1

    async with asyncio.timeout(STEP / 2):
        found = await watch(look, bool, lambda timeout: bell.wait("journal", timeout), 10)

    assert found
    assert looks == 2


async def test_what_is_there_already_is_not_waited_for() -> None:
    async def look() -> list[int]:
        return [1]

    async with asyncio.timeout(STEP / 2):
        assert await watch(look, bool, asyncio.sleep, 10) == [1]


async def test_a_wait_ends_with_what_was_seen_last() -> None:
    async def look() -> list[int]:
        return []

    assert await watch(look, bool, asyncio.sleep, 0.05) == []


async def test_news_of_another_process_is_seen_at_the_next_look() -> None:
    """Nobody rings here; the look after at most a step finds it."""
    looks = 0

    async def look() -> bool:
        nonlocal looks
        looks += 1
        return looks > 1

    async with asyncio.timeout(STEP * 3):
        assert await watch(look, bool, asyncio.sleep, 10)
