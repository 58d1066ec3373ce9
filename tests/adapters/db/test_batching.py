"""Writes that are joined: everybody who asked gets an answer of their own."""

import asyncio
from collections.abc import Sequence

import pytest

from adapters.db.batching import Batched
from domain.errors import Unavailable


async def test_what_is_asked_for_meanwhile_is_written_together() -> None:
    batches: list[list[int]] = []

    async def write(items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        await asyncio.sleep(0)
        return [item * 2 for item in items]

    batched = Batched(write)

    assert await asyncio.gather(*(batched.ask(n) for n in range(4))) == [0, 2, 4, 6]
    assert [item for batch in batches for item in batch] == [0, 1, 2, 3]
    assert len(batches) <= 2


async def test_a_failed_write_is_told_to_all_it_was_for_and_to_nobody_else() -> None:
    async def write(items: Sequence[int]) -> list[int]:
        if 0 in items:
            raise OSError("disk full")
        return list(items)

    batched = Batched(write)
    first = asyncio.gather(batched.ask(0), return_exceptions=True)
    [failed] = await first

    assert isinstance(failed, OSError)
    assert await batched.ask(1) == 1


async def test_a_write_that_is_cancelled_cancels_nobody_who_waits_for_it() -> None:
    """A sender that is cancelled by somebody else's trouble would end, and nobody would know."""

    async def write(items: Sequence[int]) -> list[int]:
        raise asyncio.CancelledError

    batched = Batched(write)
    asked = [asyncio.create_task(batched.ask(n)) for n in range(3)]
    answers = await asyncio.gather(*asked, return_exceptions=True)

    assert [type(answer) for answer in answers] == [Unavailable] * 3


async def test_asking_goes_on_after_a_write_was_cancelled() -> None:
    faults: list[BaseException] = [asyncio.CancelledError()]

    async def write(items: Sequence[int]) -> list[int]:
        if faults:
            raise faults.pop()
        return list(items)

    batched = Batched(write)

    with pytest.raises(Unavailable):
        await batched.ask(1)
    assert await batched.ask(2) == 2


async def test_those_woken_within_some_turns_of_the_loop_ask_together() -> None:
    """Senders that hear one commit go on by tasks of their own, not all in one turn."""
    batches: list[list[int]] = []

    async def write(items: Sequence[int]) -> list[int]:
        batches.append(sorted(items))
        return list(items)

    batched = Batched(write)

    async def ask_after(turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        await batched.ask(turns)

    await asyncio.gather(*(ask_after(turns) for turns in range(4)))

    assert batches == [[0, 1, 2, 3]]


async def test_nobody_waits_for_a_write_that_was_cancelled_before_it_began() -> None:
    async def write(items: Sequence[int]) -> list[int]:
        return list(items)

    batched = Batched(write)
    asked = asyncio.create_task(batched.ask(1))
    await asyncio.sleep(0)  # it has asked, and the run has its first turn next
    others = asyncio.all_tasks() - {asyncio.current_task(), asked}
    [run] = others

    await asyncio.sleep(0)
    run.cancel()

    with pytest.raises(Unavailable):
        await asked
