"""Dispatchers that send nothing, and remember that they ran."""

import asyncio
from datetime import UTC, datetime

from domain.outbox.messages import Progress


class FakeDispatcher:
    """Runs until it is stopped, or until `fault` is set off."""

    def __init__(self, book: "FakeDispatchers", number: int) -> None:
        self._book = book
        self._number = number
        self._stopping = asyncio.Event()
        self.fault: Exception | None = None
        self.patience: float | None = None

    async def run(self) -> None:
        self._book.running += 1
        try:
            await self._stopping.wait()
        finally:
            self._book.running -= 1
        if self.fault is not None:
            raise self.fault

    def stop(self, patience: float) -> None:
        self.patience = patience
        self._stopping.set()

    def progress(self) -> Progress:
        since = datetime(2026, 11, 1, tzinfo=UTC)
        return Progress(host=self._book.host, process=7, since=since, accepted=self._number)

    def break_down(self, fault: Exception) -> None:
        self.fault = fault
        self._stopping.set()


class FakeDispatchers:
    """Those of one process on the machine `host`. The n-th says that it sent n messages."""

    def __init__(self, host: str = "here") -> None:
        self.host = host
        self.engaged: list[FakeDispatcher] = []
        self.running = 0

    async def engage(self) -> FakeDispatcher:
        self.engaged.append(FakeDispatcher(self, len(self.engaged) + 1))
        return self.engaged[-1]
