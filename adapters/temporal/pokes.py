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

    async def mark(self, streams: Sequence[str], at: datetime) -> None:
        """Remember that these sagas were poked at `at`."""
        await self._database.write(lambda c: inputs.mark_poked(c, streams, at))
