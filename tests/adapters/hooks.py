"""Endpoints and events for the tests of webhooks."""

import base64
from datetime import UTC, datetime

import sqlalchemy as sa

from adapters.db import journal, webhooks
from adapters.db.database import Database
from domain.journal import NewEvent
from domain.webhooks.model import Endpoint, EndpointState
from domain.webhooks.secrets import write_secret

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
SECRET = write_secret(b"0" * 32)
OTHER_SECRET = write_secret(b"1" * 32)
URL = "https://hooks.example.org/parley"


def endpoint(id: str = "hook", *, owner: str = "main", **changes: object) -> Endpoint:
    made = Endpoint(
        id=id,
        owner=owner,
        url=URL,
        events=(),
        secret=SECRET,
        state=EndpointState.ACTIVE,
        created_at=NOW,
    )
    return made.model_copy(update=changes)


async def with_endpoints(database: Database, *endpoints: Endpoint) -> None:
    def work(c: sa.Connection) -> None:
        for each in endpoints:
            webhooks.add(c, each)

    await database.write(work)


async def happens(
    database: Database,
    *types: str,
    owner: str = "main",
    stream: str = "meeting/m1",
    at: datetime = NOW,
) -> list[int]:
    """Append events of these types; gives their positions."""

    def work(c: sa.Connection) -> list[int]:
        version = journal.version_of(c, stream)
        events = [NewEvent(type=type, data={}) for type in types]
        return journal.append(
            c, owner=owner, stream=stream, expected_version=version, events=events, at=at
        )

    return await database.write(work)


def secret_bytes(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix("whsec_"))
