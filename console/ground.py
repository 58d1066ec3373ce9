"""What the parts of a process with a database stand on."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from temporalio.client import Client

from adapters.db.database import Database
from adapters.db.fence import Fence, place_of
from adapters.db.installation import claim_secret, knows_secret
from adapters.db.opening import open_database
from adapters.secret import installation_secret
from adapters.temporal.client import connect
from adapters.temporal.pokes import SqlPokes
from adapters.temporal.relay import Relay
from console.crew import Crew
from settings import Settings

log = logging.getLogger(__name__)

LOOK_EVERY = 5.0  # seconds


@dataclass(frozen=True)
class Ground:
    """Settings, database, secret, a lazy Temporal client, whether mail may leave from here, and
    the crew that the parts join."""

    settings: Settings
    database: Database
    secret: bytes
    client: Client
    relay: Relay
    fence: Fence
    crew: Crew

    async def poke(self, stream: str) -> None:
        """`relay.poke` for those that await it."""
        self.relay.poke(stream)


@asynccontextmanager
async def ground(
    settings: Settings, crew: Crew, *, look_every: float = LOOK_EVERY
) -> AsyncIterator[Ground]:
    """Opens what is shared; stops the crew and closes it in the end. A part of the crew ends when
    the database can do no more work.

    A SQLite database is migrated on the way: this process has it alone. Raises `BadInput` for a
    secret other than the one the database has been used with.
    """
    database = open_database(settings.database, migrate=settings.is_embedded)
    try:
        secret = await _secret_of(database, settings)
        client = await connect(settings, lazy=True)
        relay = Relay(client, SqlPokes(database))
        fence = Fence(database, place_of(settings), hold_all=settings.hold_all)
        await fence.settle(now())
        crew.add("database", while_alive(database, settings.health_file, look_every))
        try:
            yield Ground(settings, database, secret, client, relay, fence, crew)
        finally:
            await crew.stop()
    finally:
        await database.close()


async def _secret_of(database: Database, settings: Settings) -> bytes:
    is_new = not await database.read(knows_secret)
    secret = installation_secret(settings, is_new=is_new)
    await database.write(lambda c: claim_secret(c, secret))
    return secret


async def while_alive(
    database: Database, health_file: Path | None = None, every: float = LOOK_EVERY
) -> None:
    """Return when only a new process helps: a crew ends it when a part returns.

    Until then `health_file` is touched, so that its age tells outsiders of a loop that is stuck.
    """
    while database.is_alive:
        if health_file is not None:
            _touch(health_file)
        await asyncio.sleep(every)
    log.critical("the database was closed, or its writer died")


def _touch(file: Path) -> None:
    file.touch()


def now() -> datetime:
    """The clock of every process: aware UTC."""
    return datetime.now(UTC)
