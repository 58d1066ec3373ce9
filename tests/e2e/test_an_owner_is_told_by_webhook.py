"""An owner adds an endpoint, tries it, and is told of what happens, all over HTTP."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx

from adapters.db.keys import SqlKeys
from adapters.db.opening import open_database
from adapters.db.owners import OwnerJournal
from adapters.db.webhook_store import SqlWebhooks
from adapters.webhooks.dispatcher import WebhookDispatcher
from adapters.webhooks.sender import WebhookSender
from api.app import Parts, create_app, utc_now
from api.webhook_bodies import representing
from domain.access import Scope
from settings import Settings
from tests.adapters.hooks import secret_bytes
from tests.adapters.receiver import is_signed, receiving
from tests.api.house import client_for
from tests.patience import until

ADA = {"name": "Ada Moreira", "address": "ada@example.org", "zone": "Europe/Lisbon"}


async def state_of(client: httpx.AsyncClient, path: str) -> str:
    return str((await client.get(path)).json()["state"])


async def test_an_endpoint_is_tried_and_then_told(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, webhook_allow=("127.0.0.1",))
    database = open_database(settings.database, migrate=True)
    app = create_app(Parts(settings, database, b"s" * 32, lambda stream: None))
    _, key = await SqlKeys(database).create("main", "test", [Scope.ADMIN], utc_now())
    sender = WebhookSender(settings.webhook_allow)
    represent = representing(SqlWebhooks(database), OwnerJournal(database), settings.base_url)
    dispatcher = WebhookDispatcher(database, sender, represent)
    running = asyncio.create_task(dispatcher.run())
    try:
        async with receiving() as receiver, client_for(app, key) as client:
            await _tell_the_story(client, receiver.url, receiver.requests)
    finally:
        await dispatcher.stop()
        await running
        await sender.close()
        await database.close()


async def _tell_the_story(client: httpx.AsyncClient, url: str, requests: list[Any]) -> None:
    webhook = (await client.post("/webhooks", json={"url": url})).json()
    secret = secret_bytes(webhook["secret"])

    ping = (await client.post(webhook["_links"]["parley:test"]["href"])).json()
    await until(lambda: requests)
    assert requests[0].id == ping["id"]
    assert json.loads(requests[0].body)["type"] == "WebhookPing"

    await client.post("/people", json=ADA, headers={"Idempotency-Key": "k"})
    await until(lambda: len(requests) == 2)
    [listed] = (await client.get("/events")).json()["_embedded"]["items"]
    told = json.loads(requests[1].body)
    assert told.items() <= listed.items()
    assert told["type"] == "PersonAdded"

    assert all(is_signed(request, secret) for request in requests)
    await until(lambda: _is_delivered(client, f"/deliveries/{requests[1].id}"))


async def _is_delivered(client: httpx.AsyncClient, path: str) -> bool:
    return await state_of(client, path) == "delivered"
