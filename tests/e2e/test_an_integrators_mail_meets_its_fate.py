"""A mail of an integrator's own leaves, comes back, and is the last to that address; all told."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from adapters.attendees.sending import submit
from adapters.db.schema import outbox
from tests.api.message_bodies import mail
from tests.e2e import letters
from tests.e2e.pages_world import World, now, opened_world
from tests.patience import until


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with opened_world(tmp_path_factory.mktemp("world")) as world:
        yield world


@pytest.fixture
async def shop(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """An integrator with a key."""
    headers = {"Authorization": f"Bearer {world.key}"}
    async with httpx.AsyncClient(base_url=world.base_url, headers=headers) as client:
        yield client


async def told(shop: httpx.AsyncClient, message: int) -> list[str]:
    """The types of the events about one message, in order."""
    events = (await shop.get("/events?limit=200")).json()["_embedded"]["items"]
    return [event["type"] for event in events if event["subject"] == f"message/{message}"]


async def asked(shop: httpx.AsyncClient, address: str, **changes: Any) -> int:
    answer = await shop.post("/messages", json=mail(recipient={"address": address}, **changes))
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


async def test_what_comes_back_is_told_and_suppresses_the_address(
    world: World, shop: httpx.AsyncClient
) -> None:
    address = "gone@example.org"
    first = await asked(shop, address)
    sent = await world.mail_to(address, "Order 4711")
    await until(lambda: _is_told(shop, first, "MessageSent"))

    message_id = (await shop.get(f"/messages/{first}")).json()["message_id"]
    report = letters.bounce(address, sent.mail_from, message_id)
    await submit(report, "", sent.mail_from, "127.0.0.1", world.intake_port, 20.0)
    await until(lambda: _is_told(shop, first, "MessageBounced"))
    second = await asked(shop, address, occasion="2")
    await until(lambda: _is_told(shop, second, "MessageSuppressed"))

    [held] = (await shop.get(f"/suppressions?address={address}")).json()["_embedded"]["items"]
    story = (await shop.get(f"/messages/{first}")).json()
    assert held["_links"]["related"]["href"] == f"/messages/{first}"
    assert (story["state"], story["fate"], story["needs_attention"]) == ("sent", "bounced", True)
    assert [line["type"] for line in story["timeline"]][-1] == "bounced"
    assert await told(shop, second) == ["MessageRequested", "MessageSuppressed"]

    await shop.delete(held["_links"]["self"]["href"])
    again = await shop.post(f"/messages/{second}/resend", headers={"Idempotency-Key": "again"})
    third = int(again.json()["id"])
    await until(lambda: _is_told(shop, third, "MessageSent"))


async def _is_told(shop: httpx.AsyncClient, message: int, type: str) -> bool:
    return type in await told(shop, message)


async def test_mails_that_may_wait_go_as_one(world: World, shop: httpx.AsyncClient) -> None:
    address, digest = "daily@example.org", {"every": "P1D", "subject": "Your day"}
    parts = [
        await asked(
            shop,
            address,
            occasion=name,
            digest=digest,
            template={"subject": f"Order {name}", "text": f"Order {name} left."},
        )
        for name in ("one", "two")
    ]
    waiting = sa.update(outbox).where(outbox.c.id.in_(parts))
    await world.database.write(lambda c: c.execute(waiting.values(next_at=now())))
    alone = await asked(shop, address, occasion="alone")  # rings the bell

    mail = await world.mail_to(address, "Your day")

    assert b"Order one\r\n" in mail.raw
    assert b"Order two left." in mail.raw
    for part in parts:
        await until(partial(_is_told, shop, part, "MessageMerged"))
    story = (await shop.get(f"/messages/{parts[0]}")).json()
    whole = int(story["_links"]["parley:merged-into"]["href"].rpartition("/")[2])
    await until(lambda: _is_told(shop, whole, "MessageSent"))
    assert story["state"] == "merged"
    assert whole not in (*parts, alone)
    listed = (await shop.get(f"/messages?recipient={address}&state=sent")).json()
    assert {each["id"] for each in listed["_embedded"]["items"]} <= {whole, alone}
