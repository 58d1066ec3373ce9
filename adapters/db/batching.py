"""Joining what many tasks want written into few statements."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from domain.errors import Unavailable

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_TURNS = 4
"""Turns of the event loop before a run takes what is asked for: tasks that were woken by the same
reading of sockets, or by the answers of the last run, then ask together. It waits for work that is
ready, not for time; without it half of each batch missed its commit (bench/outbox.py)."""


class Batched(Generic[Item, Answer]):
    """Runs `write` on everything asked for while the previous run lasted, or a moment later.

    `write` gives one answer per item, in order; when it raises, everybody who asked gets that
    exception. A cancelled caller does not learn whether its item was written; nor does anybody
    when the write itself is cancelled: that is `Unavailable`.
    """

    def __init__(self, write: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]]) -> None:
        self._write = write
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._running: asyncio.Task[None] | None = None

    async def ask(self, item: Item) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await answer

    async def _run(self) -> None:
        while self._waiting:
            batch: list[tuple[Item, asyncio.Future[Answer]]] = []
            try:
                await _turns()
                batch, self._waiting = self._waiting, []
                answers = await self._write([item for item, _ in batch])
            except Exception as error:
                _refuse(batch, error)
            except BaseException:
                # To pass a cancellation on would end tasks that nobody asked to end.
                broken_off = Unavailable(
                    "The write was broken off; whether it was done is unknown."
                )
                _refuse([*batch, *self._waiting], broken_off)
                self._waiting = []
                raise
            else:
                for (_, waiter), answer in zip(batch, answers, strict=True):
                    if not waiter.done():
                        waiter.set_result(answer)


async def _turns() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def _refuse(asked: "Sequence[tuple[Any, asyncio.Future[Any]]]", error: Exception) -> None:
    for _, waiter in asked:
        if not waiter.done():
            waiter.set_exception(error)
