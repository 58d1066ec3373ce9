"""Delivers journal events to owners' endpoints, each until it is taken or given up.

A dispatcher may die at any line: a delivery it held falls due again when its lease ends and goes
out with the same `webhook-id`. Order is not promised; a receiver that needs it sorts by the
event's id.
"""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from adapters.db import deliveries
from adapters.db.database import Database
from adapters.db.deliveries import Claim
from adapters.outage import Outage
from adapters.webhooks.sender import SignedMessage
from domain.errors import Unavailable
from domain.webhooks.model import Delivery
from domain.webhooks.rules import Answer, Fault, Settlement

Represent = Callable[[str, Delivery], Awaitable[Mapping[str, Any] | None]]
"""The CloudEvent of an owner's delivery, or None when the journal does not have it."""

LEASE = timedelta(seconds=60)
"""Longer than any attempt, so that only a dead or stopped dispatcher loses its claim."""

_log = logging.getLogger(__name__)


class Sender(Protocol):
    """Makes one attempt; see `adapters.webhooks.sender`."""

    async def send(self, url: str, message: SignedMessage, now: datetime) -> Answer: ...


def _utc_now() -> datetime:
    return datetime.now(UTC)


class WebhookDispatcher:
    """Makes due attempts, `at_once` together and `most_each` of them to one endpoint, so that a
    slow receiver holds up nobody else.

    `poll` is how many seconds deliveries made by other processes may go unseen.
    """

    def __init__(
        self,
        database: Database,
        sender: Sender,
        represent: Represent,
        *,
        at_once: int = 32,
        most_each: int = 4,
        lease: timedelta = LEASE,
        poll: float = 5.0,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._database = database
        self._sender = sender
        self._represent = represent
        self._at_once = at_once
        self._most_each = most_each
        self._lease = lease
        self._poll = poll
        self._now = now
        self._busy: Counter[str] = Counter()
        self._attempts: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._outage = Outage(_log, "webhooks: looking for due deliveries")
        self._stopping = False

    async def run(self) -> None:
        """Deliver until `stop` is called; then return once the attempts under way are settled."""
        try:
            while not self._stopping:
                await self._round()
            if self._attempts:
                await asyncio.wait(self._attempts)
        finally:
            for attempt in self._attempts:
                attempt.cancel()

    async def stop(self) -> None:
        """Claim nothing more; `run` returns soon."""
        self._stopping = True
        self._changed.set()

    async def _round(self) -> None:
        """Start what is due, then wait for news, for the next due one, or for an attempt's end."""
        rung = self._database.bell.rung("deliveries")
        self._changed.clear()
        try:
            due = await self._start_due()
        except Exception as fault:  # the next round may do better, and nothing is lost meanwhile
            self._outage.note(fault)
            due = None
        else:
            self._outage.over()
        if not self._stopping:
            await self._wait(due, rung)

    async def _start_due(self) -> datetime | None:
        """Claim and start what may be started; gives when the next delivery falls due."""
        free = self._at_once - len(self._attempts)
        if free <= 0:
            return None
        full = [each for each, count in self._busy.items() if count >= self._most_each]
        now = self._now()
        due = await self._database.read(lambda c: deliveries.next_due(c, full))
        if due is None or due > now:
            return due
        under_way = dict(self._busy)
        claims = await self._database.write(
            lambda c: deliveries.claim(
                c, now, self._lease, most=free, most_each=self._most_each, under_way=under_way
            )
        )
        for claim in claims:
            self._start(claim)
        return now if claims else None

    def _start(self, claim: Claim) -> None:
        self._busy[claim.delivery.endpoint_id] += 1
        attempt = asyncio.create_task(self._deliver(claim), name=claim.delivery.id)
        self._attempts.add(attempt)
        attempt.add_done_callback(lambda done: self._ended(claim.delivery.endpoint_id, done))

    def _ended(self, endpoint_id: str, attempt: asyncio.Task[None]) -> None:
        self._attempts.discard(attempt)
        self._busy[endpoint_id] -= 1
        if self._busy[endpoint_id] <= 0:
            del self._busy[endpoint_id]
        self._changed.set()
        if not attempt.cancelled() and (failure := attempt.exception()):
            # Left to its lease: the delivery is not lost, only late.
            _log.error("attempt %s was not settled", attempt.get_name(), exc_info=failure)

    async def _wait(self, due: datetime | None, rung: int) -> None:
        seconds = self._poll
        if due is not None:
            seconds = min(max((due - self._now()).total_seconds(), 0.0), self._poll)
        waits = {
            asyncio.ensure_future(self._database.bell.wait("deliveries", seconds, rung)),
            asyncio.ensure_future(self._changed.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    async def _deliver(self, claim: Claim) -> None:
        try:
            answer = await self._attempt(claim)
        except Unavailable as fault:
            # Ours, not the receiver's: nothing was sent, so nothing is counted. When the database
            # does not take it back either, the lease does.
            _log.warning("attempt %s waits for the database: %s", claim.delivery.id, fault)
            again_at = self._now() + timedelta(seconds=self._poll)
            await self._database.write(lambda c: deliveries.give_back(c, claim.delivery, again_at))
            return
        except Exception:  # settled all the same, or it would be tried for ever
            _log.exception("attempt %s broke off", claim.delivery.id)
            answer = Answer(fault=Fault.NOTHING_TO_SEND)
        at = self._now()
        settled = await self._database.write(
            lambda c: deliveries.finish(c, claim.delivery, answer, at)
        )
        _report(claim.delivery, settled)

    async def _attempt(self, claim: Claim) -> Answer:
        body = await self._represent(claim.owner, claim.delivery)
        if body is None:
            return Answer(fault=Fault.NOTHING_TO_SEND)
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        message = SignedMessage(id=claim.delivery.id, body=text, secrets=claim.secrets)
        return await self._sender.send(claim.url, message, self._now())


def _report(delivery: Delivery, settled: Settlement | None) -> None:
    if settled is None:
        _log.info("attempt %d of %s came too late to count", delivery.attempts, delivery.id)
    elif settled.disable_because:
        _log.warning("webhook %s disabled: %s", delivery.endpoint_id, settled.disable_because)
