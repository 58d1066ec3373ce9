"""The doctor's probes: addresses that the intake keeps for it, and what came to them."""

from datetime import datetime

import sqlalchemy as sa

from adapters.db import capabilities as tokens
from adapters.db.database import Database
from adapters.db.schema import capabilities, inbox
from domain.access import Capability, Purpose, derive_token, token_address
from domain.errors import NotFound
from domain.inbox.probes import STREAM, Probe, stream_of

_IS_KNOWN = sa.select(capabilities.c.created_at).where(
    capabilities.c.stream == sa.bindparam("of_stream")
)
_ARRIVED = (
    sa.select(inbox.c.received_at, inbox.c.source)
    .where(inbox.c.stream == sa.bindparam("of_stream"))
    .order_by(inbox.c.id)
    .limit(1)
)


class SqlProbes:
    """Probes in a database. `secret` derives their addresses at `mail_domain`."""

    def __init__(self, database: Database, secret: bytes, mail_domain: str) -> None:
        self._database = database
        self._secret = secret
        self._mail_domain = mail_domain

    async def open(self, probe: str, at: datetime) -> Probe:
        """Let the intake take mail for the probe of this id; a second call changes nothing."""
        capability = _capability(probe)
        await self._database.write(lambda c: tokens.grant(c, self._secret, capability, at))
        return Probe(id=probe, address=self._address(probe))

    async def look(self, probe: str) -> Probe:
        """What became of a probe. Raises `NotFound` for one that was never opened, or forgotten."""
        found = await self._database.read(lambda c: _arrival(c, probe))
        return Probe(id=probe, address=self._address(probe), arrived_at=found[0], source=found[1])

    def _address(self, probe: str) -> str:
        token = derive_token(self._secret, _capability(probe))
        return token_address(Purpose.DOCTOR, token, self._mail_domain)


def _capability(probe: str) -> Capability:
    return Capability(purpose=Purpose.DOCTOR, stream=stream_of(probe), party=0)


def _arrival(c: sa.Connection, probe: str) -> tuple[datetime | None, str | None]:
    values = {"of_stream": stream_of(probe)}
    if c.execute(_IS_KNOWN, values).first() is None:
        raise NotFound("There is no such probe; it may have been forgotten.")
    row = c.execute(_ARRIVED, values).first()
    return (None, None) if row is None else (row.received_at, row.source)


def forget(c: sa.Connection, before: datetime) -> int:
    """Forget probes opened before `before` and what came to them; returns how many."""
    is_ours = capabilities.c.purpose == Purpose.DOCTOR.value
    streams = sa.select(capabilities.c.stream).where(is_ours, capabilities.c.created_at < before)
    # The prefix keeps the mails of meetings out of it whatever the capabilities say.
    is_probe = inbox.c.stream.startswith(f"{STREAM}/", autoescape=True)
    c.execute(sa.delete(inbox).where(is_probe, inbox.c.stream.in_(streams)))
    gone = sa.delete(capabilities).where(is_ours, capabilities.c.created_at < before)
    return c.execute(gone).rowcount
