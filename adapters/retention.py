"""Forgetting what was only kept for a while: answers under idempotency keys and signatures,
delivered webhooks, which desk sessions were ended, lanes that nobody uses, and the bytes of old
mails. Facts and commands stay."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from adapters.db import commands, deliveries, lanes, probes, raw_mail, sessions, signed_requests
from adapters.db.database import Database
from domain.errors import Unavailable

KEYS_FOR = timedelta(hours=72)
"""How long a request may be repeated under its key and get the first answer."""

DELIVERIES_FOR = timedelta(days=30)
"""How long an owner can see that a webhook was delivered."""

PROBES_FOR = timedelta(days=1)
"""How long the doctor's own mails are kept."""

LANES_FOR = timedelta(days=1)
"""How long a lane is kept that nothing waits for. No back-off is as long."""

CLOCKS_DIFFER = timedelta(hours=1)
"""How long a signature that is too old here may still be fresh to another process."""

RAW_FOR = timedelta(days=90)
"""How long the bytes of mails are kept, unless a setting says otherwise."""

RAW_AT_ONCE = 200
"""Mails that are emptied in one transaction: nobody else waits long for it."""

_EVERY = 3600.0  # seconds
_log = logging.getLogger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Retention:
    """Forgets once an hour. Any number of processes may do so at once: deleting repeats freely.

    `raw_for` is how long the bytes of mails are kept.
    """

    def __init__(
        self,
        database: Database,
        *,
        raw_for: timedelta = RAW_FOR,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._database = database
        self._raw_for = raw_for
        self._now = now

    async def run(self) -> None:
        """Go on until cancelled; a database that is down is asked again in an hour."""
        while True:
            try:
                await self.forget()
            except Unavailable as failure:
                _log.warning("nothing was forgotten: %s", failure)
            await asyncio.sleep(_EVERY)

    async def forget(self) -> int:
        """Forget what is old enough; returns how many rows that were."""
        now = self._now()

        def work(c: sa.Connection) -> int:
            keys = commands.forget_keys(c, now - KEYS_FOR)
            ended = sessions.forget_expired(c, now)
            probed = probes.forget(c, now - PROBES_FOR)
            signed = signed_requests.forget(c, now - CLOCKS_DIFFER)
            idle = lanes.forget(c, now - LANES_FOR)
            return (
                keys
                + ended
                + probed
                + signed
                + idle
                + deliveries.forget_delivered(c, now - DELIVERIES_FOR)
            )

        return await self._database.write(work) + await self._forget_mails(now)

    async def _forget_mails(self, now: datetime) -> int:
        """A batch at a time, so that writers come in between."""
        forgotten = 0
        while found := await self._database.write(
            lambda c: raw_mail.forget(c, now - self._raw_for, now, RAW_AT_ONCE)
        ):
            forgotten += found
        return forgotten
