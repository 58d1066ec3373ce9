"""Look, wait, look again: no news falls between."""

import asyncio

import pytest

from adapters.db.bell import LocalBell
from api import waiting
from api.waiting import watch


@pytest.fixture
def only_bells(monkeypatch: pytest.MonkeyPatch) -> None:
    """No look without a ring, so that a test cannot pass by waiting long enough."""
    monkeypatch.setattr(waiting, "STEP", 3600.0)


@pytest.mark.usefixtures("only_bells")
async def test_news_that_arrives_during_the_look_ends_the_wait() -> None:
    bell, looks = LocalBell(), 0

    async def look() -> bool:
        """Sees nothing, and just then it happens."""
        nonlocal looks
        looks += 1
        if looks == 1:
            bell.ring("journal")
        return looks > 1

    async with asyncio.timeout(20):
        found = await watch(look, bool, lambda timeout: bell.wait("journal", timeout), 7200)

    assert found
    assert looks == 2


@pytest.mark.usefixtures("only_bells")
async def test_what_is_there_already_is_not_waited_for() -> None:
    async def look() -> list[int]:
        return [1]

    async with asyncio.timeout(20):
        assert await watch(look, bool, asyncio.sleep, 7200) == [1]


async def test_a_wait_ends_with_what_was_seen_last() -> None:
    async def look() -> list[int]:
        return []

    assert await watch(look, bool, asyncio.sleep, 0.05) == []


async def test_news_of_another_process_is_seen_at_the_next_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody rings here; the look after at most a step finds it."""
    monkeypatch.setattr(waiting, "STEP", 0.01)
    looks = 0

    async def look() -> bool:
        nonlocal looks
        looks += 1
        return looks > 1

    async with asyncio.timeout(20):
        assert await watch(look, bool, asyncio.sleep, 7200)
