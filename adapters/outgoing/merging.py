"""Merging what waits for digests, between claims."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa

from adapters.db import digests
from adapters.db.database import Database
from adapters.db.fates import tell_sagas
from adapters.outgoing.ports import Composer

_AGAIN_AFTER = timedelta(minutes=10)
_log = logging.getLogger(__name__)


class Merging:
    """Makes one message of the parts of each digest that is due. One that cannot be composed is
    tried again later, and holds up nobody."""

    def __init__(self, database: Database, compose: Composer, now: Callable[[], datetime]) -> None:
        self._database = database
        self._compose = compose
        self._now = now

    async def merge(self, keys: Iterable[str]) -> list[str]:
        """The streams to poke."""
        told: list[str] = []
        for key in keys:
            told += await self._merge(key)
        return told

    async def _merge(self, key: str) -> list[str]:
        now = self._now()
        try:
            return await self._merge_at(key, now)
        except Exception as fault:
            # The words of its parts may stand in the fault.
            _log.error("outbox: a digest was not composed: %s", type(fault).__name__)
            await self._database.write(lambda c: digests.postpone(c, key, now, _AGAIN_AFTER))
            return []

    async def _merge_at(self, key: str, now: datetime) -> list[str]:
        """Composed outside the transaction: it may take a second, and everybody writes there."""
        parts = await self._database.read(lambda c: digests.due_parts(c, key, now))
        if not parts:
            return []
        whole = await asyncio.to_thread(self._compose, parts)

        def work(c: sa.Connection) -> list[str]:
            return tell_sagas(c, digests.merge(c, parts, whole, now))

        return await self._database.write(work)
