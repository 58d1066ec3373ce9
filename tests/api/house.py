"""What the API tests stand on: a database, an application, clients with keys, and a saga."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from adapters.db import inputs
from adapters.db.database import Database
from adapters.db.keys import SqlKeys
from adapters.db.meetings import SqlMeetingStore
from api.app import Parts, create_app
from domain.access import Scope
from domain.meetings.messages import MeetingInput, stream_of
from domain.meetings.rules import decide
from settings import Settings

NOW = datetime(2027, 2, 20, 10, 0, tzinfo=UTC)
SECRET = b"s" * 32
BASE_URL = "https://parley.example.org"
MAIL_DOMAIN = "parley.example.org"


@dataclass
class Clock:
    """The time of the test; it moves when told to."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class InlineSaga:
    """Takes a meeting's inputs with the real rules and the real store, without Temporal."""

    store: SqlMeetingStore
    clock: Clock
    prompt: bool
    poked: list[str] = field(default_factory=list)
    running: set["asyncio.Task[None]"] = field(default_factory=set)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def poke(self, stream: str) -> None:
        self.poked.append(stream)
        if self.prompt:
            task = asyncio.get_running_loop().create_task(self.run(stream.partition("/")[2]))
            self.running.add(task)
            task.add_done_callback(self.running.discard)

    async def run(self, meeting_id: str) -> None:
        """Takes every input that is waiting, one decision after the other."""
        async with self.lock:
            state = await self.store.load(meeting_id)
            for taken in await self.store.take_inputs(meeting_id, 100):
                made = decide(state, taken, self.clock())
                assert made.outcome is not None
                await self.store.record(
                    meeting_id, state.version, made.events, [made.outcome], [], self.clock()
                )
                state = made.state


@dataclass
class House:
    """Everything an API test needs."""

    database: Database
    app: FastAPI
    clock: Clock
    saga: InlineSaga
    client: httpx.AsyncClient

    async def key(self, owner: str, scopes: Iterable[Scope]) -> str:
        _, text = await SqlKeys(self.database).create(owner, "test", scopes, self.clock())
        return text

    async def client_of(self, owner: str, *scopes: Scope) -> httpx.AsyncClient:
        """Another caller of the same application; closing it is not needed."""
        return client_for(self.app, await self.key(owner, scopes or [Scope.ADMIN]))

    async def ask(self, body: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        """POST /meetings with a fresh key, unless one is given."""
        sent = {"Idempotency-Key": str(uuid.uuid4()), **_dashed(headers)}
        return await self.client.post("/meetings", json=body or order(), headers=sent)

    async def post(
        self, path: str, body: dict[str, Any] | None = None, **headers: str
    ) -> httpx.Response:
        sent = {"Idempotency-Key": str(uuid.uuid4()), **_dashed(headers)}
        return await self.client.post(path, json={} if body is None else body, headers=sent)

    async def invited(self, body: dict[str, Any] | None = None) -> str:
        """The id of a meeting whose parties have been invited."""
        accepted = await self.ask(body)
        assert accepted.status_code == 202, accepted.text
        meeting_id = str(accepted.json()["_links"]["related"]["href"]).rpartition("/")[2]
        await self.saga.run(meeting_id)
        return meeting_id

    async def say(
        self, meeting_id: str, body: MeetingInput, words: dict[str, Any] | None = None
    ) -> None:
        """An input that arrives by mail or page, taken at once."""
        key, at = str(uuid.uuid4()), self.clock()
        data = body.model_dump(mode="json")
        await self.database.write(
            lambda c: inputs.accept(
                c, stream=stream_of(meeting_id), key=key, body=data, received_at=at, words=words
            )
        )
        await self.saga.run(meeting_id)


def _dashed(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def order(**changes: Any) -> dict[str, Any]:
    """A good body for POST /meetings, with some members replaced."""
    start = NOW + timedelta(days=9)
    return {
        "title": "First talk",
        "parties": [
            {"name": "Ada Moreira", "address": "ada@example.org", "zone": "Europe/Lisbon"},
            {"name": "Ben Okafor", "address": "ben@example.com", "zone": "Africa/Lagos"},
        ],
        "slots": [slot(start), slot(start + timedelta(days=1))],
        **changes,
    }


def slot(start: datetime, minutes: int = 30) -> dict[str, str]:
    return {"start": start.isoformat(), "end": (start + timedelta(minutes=minutes)).isoformat()}


def client_for(app: FastAPI, key: str) -> httpx.AsyncClient:
    """Errors of the application are raised in the test: nothing may be a 500."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://api.test",
        headers={"Authorization": f"Bearer {key}"},
    )


@asynccontextmanager
async def house_over(
    database: Database, place: Path, *, prompt: bool = False, **more: Any
) -> AsyncIterator[House]:
    """A house over an open, empty database, with `place` for its files and `more` settings."""
    clock = Clock()
    settings = Settings(base_url=BASE_URL, mail_domain=MAIL_DOMAIN, data_dir=place, **more)
    store = SqlMeetingStore(database, SECRET, settings.mail_domain, settings.base_url)
    saga = InlineSaga(store, clock, prompt)
    app = create_app(Parts(settings, database, SECRET, saga.poke, clock))
    _, key = await SqlKeys(database).create("main", "test", [Scope.ADMIN], clock())
    async with client_for(app, key) as client:
        yield House(database, app, clock, saga, client)
    await asyncio.gather(*saga.running)
