"""The suppressed addresses of a database, as the API and the pages need them."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from adapters.db import suppressions
from adapters.db.database import Database
from domain.outbox.model import Suppression, SuppressionReason, SuppressionScope


class SqlSuppressions:
    """Owners' suppressions. Everything of another owner, and what is not in force any more, is
    `NotFound`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_of(
        self,
        owner: str,
        at: datetime,
        *,
        address: str | None = None,
        below: int | None = None,
        limit: int = 50,
    ) -> Sequence[Suppression]:
        """What is in force at `at`, the newest first, below the id `below`."""
        return await self._database.read(
            lambda c: suppressions.list_page(
                c, owner, at, address=address, below=below, limit=limit
            )
        )

    async def get(self, owner: str, id: int, at: datetime) -> Suppression:
        """Raises `NotFound`."""
        return await self._database.read(lambda c: suppressions.get(c, owner, id, at))

    async def add(
        self,
        owner: str,
        address: str,
        scope: SuppressionScope,
        at: datetime,
        *,
        until: datetime | None = None,
        detail: str = "",
    ) -> Suppression:
        """A person's own word; it replaces the earlier one for the address and scope, whichever
        of the two holds for longer."""

        def work(c: sa.Connection) -> Suppression:
            reason = SuppressionReason.PERSON
            id = suppressions.suppress(
                c, owner, address, scope, reason, at, until=until, detail=detail
            )
            return suppressions.get(c, owner, id, at)

        return await self._database.write(work)

    async def lift(self, owner: str, id: int, at: datetime) -> Suppression:
        """Let mail go there again; gives what was in force. Raises `NotFound`."""
        return await self._database.write(lambda c: suppressions.lift(c, owner, id, at))
