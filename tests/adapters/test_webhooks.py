"""Every event reaches its endpoint at least once, whatever dies, is slow, or is down."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.db import deliveries, webhooks
from adapters.db.database import Database
from adapters.webhooks.dispatcher import LEASE, WebhookDispatcher
from adapters.webhooks.sender import LONGEST_ATTEMPT, SignedMessage, WebhookSender
from domain.errors import Unavailable
from domain.webhooks.model import Delivery, DeliveryState, EndpointState
from domain.webhooks.rules import ATTEMPTS, PATIENCE, Answer
from tests.adapters.hooks import NOW, SECRET, endpoint, happens, secret_bytes, with_endpoints
from tests.adapters.receiver import Receiver, is_signed, receiving, silence, status
from tests.patience import until


@dataclass
class Clock:
    """The time of the test; it moves when told to."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


async def told(owner: str, delivery: Delivery) -> Mapping[str, Any] | None:
    """What the tests send: just enough to know it again."""
    return {"id": str(delivery.position), "type": delivery.type, "owner": owner}


@asynccontextmanager
async def dispatching(
    database: Database, clock: Clock | None = None, **more: Any
) -> AsyncIterator[WebhookDispatcher]:
    """A running dispatcher; leaving stops it and waits for what is under way."""
    sender = more.pop("sender", None) or WebhookSender(["127.0.0.1"], timeouts=(2.0, 2.0))
    represent = more.pop("represent", told)
    dispatcher = WebhookDispatcher(
        database, sender, represent, poll=0.05, now=clock or Clock(), **more
    )
    running = asyncio.create_task(dispatcher.run())
    try:
        yield dispatcher
    finally:
        await dispatcher.stop()
        await running


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


async def deliveries_of(database: Database, id: str = "hook") -> list[Delivery]:
    return await database.read(lambda c: deliveries.list_of(c, "main", id))


async def all_in(database: Database, state: DeliveryState, id: str = "hook") -> bool:
    return {each.state for each in await deliveries_of(database, id)} == {state}


async def has_ended(database: Database, attempts: int) -> bool:
    """Whether so many attempts were made, and what the last one came to is written down."""
    [delivery] = await deliveries_of(database, "hook")
    return delivery.attempts == attempts and delivery.lease_until is None


def test_a_lease_outlasts_any_attempt() -> None:
    assert timedelta(seconds=LONGEST_ATTEMPT) * 2 < LEASE


async def test_an_event_is_posted_signed_and_marked_delivered(
    database: Database, receiver: Receiver
) -> None:
    await with_endpoints(database, endpoint(url=receiver.url))

    async with dispatching(database):
        [position] = await happens(database, "MeetingConfirmed")
        await until(lambda: all_in(database, DeliveryState.DELIVERED))

    [request] = receiver.requests
    [delivery] = await deliveries_of(database)
    assert request.id == delivery.id
    assert is_signed(request, secret_bytes(SECRET), at=NOW)
    assert json.loads(request.body) == {
        "id": str(position),
        "type": "MeetingConfirmed",
        "owner": "main",
    }
    assert (delivery.last_status, delivery.attempts, delivery.delivered_at) == (204, 1, NOW)


async def test_a_failed_attempt_is_repeated_under_the_same_id(
    sqlite_database: Database, receiver: Receiver
) -> None:
    clock = Clock()
    receiver.replies += [status(500), status(503)]
    await with_endpoints(sqlite_database, endpoint(url=receiver.url))
    await happens(sqlite_database, "MeetingConfirmed")

    async with dispatching(sqlite_database, clock):
        for attempts in (1, 2, 3):
            await until(lambda: has_ended(sqlite_database, attempts))  # noqa: B023 -- awaited at once
            clock.now += timedelta(hours=1)
        await until(lambda: all_in(sqlite_database, DeliveryState.DELIVERED))

    assert len({request.id for request in receiver.requests}) == 1
    stamps = [int(request.headers["webhook-timestamp"]) for request in receiver.requests]
    assert stamps == sorted(set(stamps))  # each attempt is signed at its own time
    assert all(is_signed(request, secret_bytes(SECRET)) for request in receiver.requests)


async def test_a_delivery_of_a_dead_dispatcher_is_sent_again_under_the_same_id(
    database: Database, receiver: Receiver
) -> None:
    clock = Clock()
    await with_endpoints(database, endpoint(url=receiver.url))
    await happens(database, "MeetingConfirmed")
    receiver.replies.append(silence)
    dying = asyncio.create_task(
        WebhookDispatcher(database, WebhookSender(["127.0.0.1"]), told, now=clock).run()
    )
    await until(lambda: len(receiver.requests) == 1)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)

    async with dispatching(database, clock):
        assert len(receiver.requests) == 1
        clock.now += LEASE
        await until(lambda: all_in(database, DeliveryState.DELIVERED))

    assert [request.id for request in receiver.requests] == [receiver.requests[0].id] * 2


async def test_what_happens_while_no_dispatcher_runs_is_delivered_later(
    sqlite_database: Database, receiver: Receiver
) -> None:
    await with_endpoints(sqlite_database, endpoint(url=receiver.url))
    positions = await happens(sqlite_database, *["MeetingConfirmed"] * 50)

    async with dispatching(sqlite_database):
        await until(lambda: all_in(sqlite_database, DeliveryState.DELIVERED))

    assert sorted(int(json.loads(each.body)["id"]) for each in receiver.requests) == positions
    assert len({each.id for each in receiver.requests}) == 50


async def test_two_dispatchers_share_the_work_without_doubling_it(
    database: Database, receiver: Receiver
) -> None:
    await with_endpoints(database, endpoint(url=receiver.url))

    async with dispatching(database), dispatching(database):
        await happens(database, *["MeetingConfirmed"] * 40)
        await until(lambda: all_in(database, DeliveryState.DELIVERED))

    assert len(receiver.requests) == 40


async def test_an_endpoint_that_stays_down_is_disabled_with_a_reason(
    sqlite_database: Database,
) -> None:
    clock = Clock()
    async with receiving() as gone:
        url = gone.url
    await with_endpoints(sqlite_database, endpoint(url=url))
    await happens(sqlite_database, "MeetingConfirmed")

    async with dispatching(sqlite_database, clock):
        for attempts in range(1, ATTEMPTS + 1):
            await until(lambda: _settled(sqlite_database, attempts))  # noqa: B023 -- awaited at once
            due = await sqlite_database.read(deliveries.next_due)
            clock.now = due or clock.now

    disabled = await sqlite_database.read(lambda c: webhooks.get(c, "main", "hook"))
    assert clock.now - NOW >= PATIENCE
    assert disabled.state is EndpointState.DISABLED
    assert disabled.disabled_because == "Nothing could be delivered for 3 days; last: unreachable."


async def _settled(database: Database, attempts: int) -> bool:
    [delivery] = await deliveries_of(database)
    return delivery.attempts == attempts and delivery.lease_until is None


async def test_a_receiver_that_is_gone_gets_nothing_more(
    sqlite_database: Database, receiver: Receiver
) -> None:
    receiver.replies.append(status(410))
    await with_endpoints(sqlite_database, endpoint(url=receiver.url))
    await happens(sqlite_database, "MeetingConfirmed")

    async with dispatching(sqlite_database):
        await until(lambda: all_in(sqlite_database, DeliveryState.FAILED))
        await happens(sqlite_database, "MeetingEnded")

    assert len(receiver.requests) == 1


async def test_a_slow_receiver_holds_up_nobody_else(
    sqlite_database: Database, receiver: Receiver
) -> None:
    async with receiving() as slow:
        slow.replies += [silence] * 40
        await with_endpoints(
            sqlite_database,
            endpoint("slow", url=slow.url),
            endpoint("fine", url=receiver.url),
        )
        await happens(sqlite_database, *["MeetingConfirmed"] * 20)
        patient = WebhookSender(["127.0.0.1"], timeouts=(30.0, 30.0))

        running = asyncio.create_task(
            WebhookDispatcher(
                sqlite_database, patient, told, at_once=8, most_each=4, poll=0.05, now=Clock()
            ).run()
        )
        await until(lambda: all_in(sqlite_database, DeliveryState.DELIVERED, "fine"))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

        assert slow.connections == 4


async def test_stopping_settles_what_is_under_way(
    sqlite_database: Database, receiver: Receiver
) -> None:
    answering = asyncio.Event()

    async def hesitate(writer: asyncio.StreamWriter) -> None:
        await answering.wait()
        writer.write(status(200))
        await writer.drain()

    receiver.replies.append(hesitate)
    await with_endpoints(sqlite_database, endpoint(url=receiver.url))
    await happens(sqlite_database, "MeetingConfirmed")

    async with dispatching(sqlite_database) as dispatcher:
        await until(lambda: len(receiver.requests) == 1)
        await dispatcher.stop()
        answering.set()

    assert await all_in(sqlite_database, DeliveryState.DELIVERED)


async def test_an_event_that_cannot_be_represented_spoils_no_other(
    sqlite_database: Database, receiver: Receiver
) -> None:
    async def picky(owner: str, delivery: Delivery) -> Mapping[str, Any] | None:
        if delivery.type == "MeetingEnded":
            raise KeyError("no such party")
        return None if delivery.type == "ReminderSent" else await told(owner, delivery)

    await with_endpoints(sqlite_database, endpoint(url=receiver.url))

    async with dispatching(sqlite_database, represent=picky):
        await happens(sqlite_database, "MeetingEnded", "ReminderSent", "MeetingConfirmed")
        await until(lambda: _all_tried(sqlite_database))

    found = {each.type: each for each in await deliveries_of(sqlite_database)}
    assert found["MeetingConfirmed"].state is DeliveryState.DELIVERED
    for type in ("MeetingEnded", "ReminderSent"):
        assert found[type].state is DeliveryState.PENDING
        assert found[type].last_error == "nothing-to-send"
        assert found[type].next_at > NOW


async def _all_tried(database: Database) -> bool:
    found = await deliveries_of(database)
    return all(each.attempts and each.lease_until is None for each in found)


async def test_a_fault_of_our_database_uses_up_no_attempt(
    sqlite_database: Database, receiver: Receiver
) -> None:
    clock, faults = Clock(), 0

    async def blinking(owner: str, delivery: Delivery) -> Mapping[str, Any] | None:
        nonlocal faults
        if faults > ATTEMPTS:
            return await told(owner, delivery)
        faults += 1
        clock.now += timedelta(minutes=1)
        raise Unavailable("The database does not answer.")

    await with_endpoints(sqlite_database, endpoint(url=receiver.url))
    await happens(sqlite_database, "MeetingConfirmed")

    async with dispatching(sqlite_database, clock, represent=blinking):
        await until(lambda: _moved_on(sqlite_database, clock))

    [delivery] = await deliveries_of(sqlite_database)
    hook = await sqlite_database.read(lambda c: webhooks.get(c, "main", "hook"))
    assert (delivery.attempts, delivery.last_status) == (1, 204)
    assert hook.failing_since is None


async def _moved_on(database: Database, clock: Clock) -> bool:
    """Lets time pass until everything is delivered."""
    clock.now += timedelta(seconds=1)
    return await all_in(database, DeliveryState.DELIVERED)


class Exploding:
    """A sender with a fault nobody thought of."""

    async def send(self, url: str, message: SignedMessage, now: datetime) -> Answer:
        raise ZeroDivisionError


async def test_a_fault_in_sending_is_settled_like_any_failure(sqlite_database: Database) -> None:
    await with_endpoints(sqlite_database, endpoint())
    await happens(sqlite_database, "MeetingConfirmed")

    async with dispatching(sqlite_database, sender=Exploding()):
        await until(lambda: _all_tried(sqlite_database))

    [delivery] = await deliveries_of(sqlite_database)
    assert (delivery.state, delivery.attempts) == (DeliveryState.PENDING, 1)
    assert delivery.next_at > NOW


async def test_no_secret_and_no_url_is_logged(
    sqlite_database: Database, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    receiver.replies.append(status(410))
    url = f"http://127.0.0.1:{receiver.port}/hook?token=confidential"
    await with_endpoints(sqlite_database, endpoint(url=url))
    await happens(sqlite_database, "MeetingConfirmed")

    async with dispatching(sqlite_database):
        await until(lambda: all_in(sqlite_database, DeliveryState.FAILED))

    ours = [each for each in caplog.records if not each.name.startswith(("httpcore", "asyncio"))]
    assert any("disabled" in each.getMessage() for each in ours)
    assert not any(SECRET in each.getMessage() for each in caplog.records)
    assert not any("confidential" in each.getMessage() for each in ours)
