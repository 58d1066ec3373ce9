"""What the parts of a process with a database stand on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio.client import Client

from adapters.db.database import Database
from adapters.db.opening import open_database
from adapters.secret import installation_secret
from adapters.temporal.client import connect
from adapters.temporal.pokes import SqlPokes
from adapters.temporal.relay import Relay
from console.crew import Crew
from settings import Settings


@dataclass(frozen=True)
class Ground:
    """Settings, database, secret, a lazy Temporal client, and the crew that the parts join."""

    settings: Settings
    database: Database
    secret: bytes
    client: Client
    relay: Relay
    crew: Crew

    async def poke(self, stream: str) -> None:
        """`relay.poke` for those that await it."""
        self.relay.poke(stream)


@asynccontextmanager
async def ground(settings: Settings, crew: Crew) -> AsyncIterator[Ground]:
    """Opens what is shared; stops the crew and closes it in the end.

    A SQLite database is migrated on the way: this process has it alone.
    """
    database = open_database(settings.database, migrate=settings.is_embedded)
    try:
        client = await connect(settings, lazy=True)
        relay = Relay(client, SqlPokes(database))
        try:
            yield Ground(settings, database, installation_secret(settings), client, relay, crew)
        finally:
            await crew.stop()
    finally:
        await database.close()


def now() -> datetime:
    """The clock of every process: aware UTC."""
    return datetime.now(UTC)
