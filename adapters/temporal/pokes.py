"""Which sagas still have to be told that inputs wait for them, as the database knows it."""

from collections.abc import Sequence
from datetime import datetime

from adapters.db import inputs
from adapters.db.database import Database


class SqlPokes:
    """Untaken inputs and when their sagas were last poked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, not_poked_since: datetime, limit: int) -> list[str]:
        """Streams with untaken inputs whose saga was never poked, or not since then."""
        return await self._database.read(
            lambda c: inputs.untaken_streams(c, not_poked_since, limit)
        )

    async def covered(self, stream: str, limit: int) -> list[int]:
        """The inputs that a poke of `stream` from now on covers."""
        return await self._database.read(lambda c: inputs.readable(c, stream, limit))

    async def mark(self, ids: Sequence[int], at: datetime) -> None:
        """Remember that these inputs were poked for at `at`."""
        await self._database.write(lambda c: inputs.mark_poked(c, ids, at))
