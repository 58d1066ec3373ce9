"""The figures of a database, found at most once in some seconds."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime

from adapters.db.database import Database
from adapters.db.figures import figures
from domain.outbox.figures import Figures

KEPT_FOR = 10.0  # seconds


class SqlFigures:
    """How mail stands. Whoever asks while figures are being found, or soon after, shares them."""

    def __init__(
        self,
        database: Database,
        now: Callable[[], datetime],
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._now = now
        self._ticks = ticks
        self._found: tuple[float, Figures] | None = None
        self._finding = asyncio.Lock()

    async def look(self) -> Figures:
        """The figures, `KEPT_FOR` seconds old at most."""
        async with self._finding:
            if self._found is None or self._ticks() - self._found[0] > KEPT_FOR:
                at = self._now()
                found = await self._database.read(lambda c: figures(c, at))
                self._found = (self._ticks(), found)
            return self._found[1]
