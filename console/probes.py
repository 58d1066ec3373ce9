"""The doctor's probes, through the API of a running installation, else in the database itself."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Protocol

from adapters.db.opening import open_database
from adapters.db.probes import SqlProbes
from adapters.doctor.finding import Finding, Grade, fault
from adapters.doctor.loop import never_came, wait_for_probe
from adapters.doctor.mail import check_way_back, send_test
from adapters.secret import installation_secret
from console.ground import now
from console.running import Running, find_running, need_database
from domain.errors import ParleyError
from domain.inbox.probes import Probe
from settings import Settings

RETURN_WITHIN = 30.0
"""Seconds that a probe may take to come back; greylisting aside, mail is faster."""


class Probes(Protocol):
    async def open(self, probe: str, at: datetime) -> Probe: ...

    async def look(self, probe: str) -> Probe: ...


class _ThroughApi:
    """A SQLite file belongs to the process that runs."""

    def __init__(self, running: Running) -> None:
        self._running = running

    async def open(self, probe: str, at: datetime) -> Probe:
        return await self._call("PUT", probe)

    async def look(self, probe: str) -> Probe:
        return await self._call("GET", probe)

    async def _call(self, method: str, probe: str) -> Probe:
        path = f"/doctor/probes/{probe}"
        found = await asyncio.to_thread(self._running.call, method, path)
        return Probe.model_validate({name: found[name] for name in Probe.model_fields})


@asynccontextmanager
async def probes_of(settings: Settings) -> AsyncIterator[Probes]:
    """Raises `ParleyError` when neither the installation nor its database can be reached."""
    running = find_running(settings) if settings.is_embedded else None
    if running is not None:
        yield _ThroughApi(running)
        return
    need_database(settings)
    database = open_database(settings.database)
    try:
        secret = installation_secret(settings, is_new=False)
        yield SqlProbes(database, secret, settings.mail_domain)
    finally:
        await database.close()


async def round_trip(settings: Settings, within: float = RETURN_WITHIN) -> Finding:
    """Send a mail to ourselves through the relay, and see it come back in."""
    name = secrets.token_hex(8)
    try:
        async with probes_of(settings) as probes:
            probe = await probes.open(name, now())
            sent_at = now()
            out = await send_test(settings, probe.address, sent_at)
            if out.grade is not Grade.FINE:
                said = f"The relay took no mail for ourselves. {out.said}"
                return out.model_copy(update={"check": "round trip", "said": said})
            back = await wait_for_probe(lambda: probes.look(name), sent_at, within)
    except ParleyError as failure:
        return fault("round trip", str(failure), "Start Parley, and ask the doctor again.")
    found = back or never_came(within, await check_way_back(settings))
    return found.model_copy(update={"dialogue": out.dialogue})
