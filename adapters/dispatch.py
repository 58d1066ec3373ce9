"""Sending what the outbox holds: claimed in batches, marked before the final dot, finished.

A dispatcher may die at any line. Before the mark is committed, its messages go back to the queue
when their lease ends: the server cannot have them. After it they become what their kind says of
unknown outcomes, and the saga is told of doubts. One that is only stopped gives back whatever it
wrote no dot for. No message is sent by two dispatchers: the mark asks for the newest claim's
token, and no dot is written without it.
"""

import asyncio
import logging
import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from adapters.db import outbox, outbox_claims
from adapters.db.database import Database
from adapters.db.fates import tell_sagas
from adapters.db.outbox_claims import Held, Order, Taken
from adapters.db.outbox_results import Result
from adapters.loops import cancelled, until_asked
from adapters.outage import Outage
from adapters.outgoing.delivery import Delivery, Timing
from adapters.outgoing.lineup import Lineup, Waiting
from adapters.outgoing.merging import Merging
from adapters.outgoing.ports import Composer, Mailer, MaySend, Poke, Signer, always
from adapters.outgoing.relay import Heard, RelayWatch
from adapters.outgoing.settlement import Settlement
from domain.outbox.model import Claim, Phase
from domain.outbox.rules import CLAIM_LEASE, SENDING_LEASE
from domain.outbox.shaping import Shaping

_CLAIM_ENDS = 5.0
"""Seconds that a claim under way may take when the dispatcher ends."""

_BEYOND = 200
"""How many more a claim looks at, after one that found too few that may go."""

_TRIES = 5
_TRIES_AT_MAIL = 3
"""How often a message is tried on one connection too many before it waits as for a relay that is
down: it may be the message, after all, and is so sooner when MAIL was refused."""

_log = logging.getLogger(__name__)


class Progress(NamedTuple):
    """How a dispatcher is doing: attempts since its start by the state they led to, messages in
    hand, why the relay cannot be reached, and why mail may not leave (None: it may)."""

    counts: Mapping[str, int]
    in_hand: int
    relay_fault: str | None
    held_back: str | None


def _utc_now() -> datetime:
    return datetime.now(UTC)


class OutboxDispatcher:
    """Sends due messages on `senders` connections at once until it is stopped.

    Order between messages is not promised, but that more urgent ones go first: SEQUENCE tells
    calendars which is newer. `poll` is how many seconds news from other processes may go unseen,
    and `probe_every` how many lie between two looks at a relay that is down; sixteen times as many
    when it answers, but only to say no. Of the `senders` fewer are in use while the relay refuses
    one connection of several.
    """

    def __init__(
        self,
        database: Database,
        mailer: Mailer,
        poke: Poke,
        *,
        senders: int = 4,
        poll: float = 5.0,
        probe_every: float = 2.0,
        shaping: Shaping | None = None,
        may_send: MaySend = always,
        signer: Signer | None = None,
        compose: Composer | None = None,
        claim_lease: timedelta = CLAIM_LEASE,
        sending_lease: timedelta = SENDING_LEASE,
        now: Callable[[], datetime] = _utc_now,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.name = f"dispatcher-{uuid.uuid4().hex[:12]}"
        self._database = database
        self._mailer = mailer
        self._senders = senders
        self._poll = poll
        self._probe_every = probe_every
        self._shaping = shaping or Shaping()
        self._may_send = may_send
        self._claim_lease = claim_lease
        self._now = now
        self._stopping = asyncio.Event()
        self._patience = 0.0
        self._held_back: str | None = None
        caps = self._shaping.connections_at_once if self._shaping.connections_to else None
        self._relay = RelayWatch(senders)
        self._lineup = Lineup(senders, caps, lambda: self._relay.at_once)
        self._unsent: set[Held] = set()
        self._settling: set[asyncio.Task[None]] = set()
        self._beyond = 0
        self._claim: asyncio.Task[Taken] | None = None
        self._delivery = Delivery(database, mailer, signer, Timing(now, jitter, sending_lease))
        self._settlement = Settlement(database, poke)
        self._merging = None if compose is None else Merging(database, compose, now)

    async def run(self) -> None:
        """Dispatch until `stop` is called. Cancelling it cuts conversations off.

        Raises `LoopEnded` when a part of it ends by itself.
        """
        feeding = [
            asyncio.create_task(self._keep_feeding(), name="outbox feeder"),
            asyncio.create_task(self._keep_reaping(), name="outbox reaper"),
        ]
        sending = [
            asyncio.create_task(self._send(), name=f"outbox sender {number}")
            for number in range(self._senders)
        ]
        try:
            await until_asked(self._stopping, [*feeding, *sending])
            await cancelled(feeding)
            await self._end_claim()
            self._lineup.end()
            await self._give_back_unsent()
            await asyncio.wait(sending, timeout=self._patience)
        finally:
            await cancelled([*feeding, *sending, *self._settling])
            await self._end_claim()
            await self._give_back_unsent()
            await self._settlement.write_unwritten()
            await self._mailer.close()

    def stop(self, patience: float = 20.0) -> None:
        """Ask `run` to return: nothing new is begun, conversations get `patience` seconds."""
        self._patience = patience
        self._stopping.set()

    def progress(self) -> Progress:
        """How it is doing at this moment; cheap."""
        return Progress(
            {state.value: n for state, n in self._settlement.counts.items()},
            self._lineup.in_hand,
            self._relay.fault,
            self._held_back,
        )

    async def _keep_feeding(self) -> None:
        outage = Outage(_log, "outbox: claiming messages")
        while True:
            await outage.outlast(self._feed)

    async def _keep_reaping(self) -> None:
        outage = Outage(_log, "outbox: settling what was left")
        while True:
            await outage.outlast(self._reap)

    async def _reap(self) -> None:
        now = self._now()
        await self._settlement.release_lapsed(now, now)
        await asyncio.sleep(min(self._claim_lease.total_seconds() / 5, 30.0))

    async def _feed(self) -> None:
        if await self._is_held_back():
            return await asyncio.sleep(self._poll)
        if not self._relay.is_down:
            await self._lineup.wait_for_room()
        if self._relay.is_down:  # which may be why there is room
            await asyncio.sleep(self._relay.probe_after(self._probe_every))
            # One that hangs after its dot is no probe.
            limit = 0 if self._lineup.in_hand > len(self._delivery.dots) else 1
        else:
            limit = self._lineup.room
        rung = self._database.bell.rung(outbox.BELL)
        # Not cut off: what it claims would be nobody's until its lease ends.
        self._claim = asyncio.create_task(self._take(limit))
        taken = await asyncio.shield(self._claim)
        if not taken.is_more and not taken.digests:
            wait = await self._time_to_next()
            await self._database.bell.wait(outbox.BELL, wait, since=rung)

    async def _end_claim(self) -> None:
        if self._claim is not None:
            await asyncio.wait([self._claim], timeout=_CLAIM_ENDS)
            await cancelled([self._claim])

    async def _is_held_back(self) -> bool:
        reason = await self._may_send()
        if reason != self._held_back:
            _log.warning("outbox: %s", reason or "mail may leave again")
        self._held_back = reason
        return reason is not None

    async def _take(self, limit: int) -> Taken:
        until = self._now() + self._claim_lease
        composes = self._merging is not None
        hand = self._lineup.by_domain()
        order = Order(self.name, limit, until, self._shaping, hand, composes, self._beyond)

        def work(c: sa.Connection) -> tuple[Taken, list[str]]:
            taken = outbox_claims.take(c, order, self._now())
            return taken, tell_sagas(c, taken.fates)

        taken, told = await self._database.write(work)
        self._unsent |= {_held(claim) for claim in taken.claims}
        self._lineup.put(taken.claims, until)
        self._beyond = _BEYOND if taken.is_more and len(taken.claims) < limit else 0
        if self._merging is not None:
            told += await self._merging.merge(sorted(taken.digests))
        await self._settlement.poke(told)
        return taken

    async def _time_to_next(self) -> float:
        due = await self._database.read(outbox.next_due)
        if due is None:
            return self._poll
        return min(self._poll, max((due - self._now()).total_seconds(), 0.01))

    async def _send(self) -> None:
        """One connection's worth. A result is written while the next message is on its way, so
        that it is mostly committed together with the mark of that one: commits are what a message
        costs. None is more than one message behind."""
        settled: asyncio.Task[None] | None = None
        while (waiting := await self._lineup.take()) is not None:
            try:
                result = await self._send_one(waiting)
            except Exception:  # its lease decides what becomes of it
                _log.exception("outbox: message %d was left to its lease", waiting.claim.id)
                continue
            finally:
                self._lineup.done(waiting.claim)
            if settled is not None:
                await settled
            settled = None if result is None else self._settle(result)
        if settled is not None:
            await settled

    def _settle(self, result: Result) -> "asyncio.Task[None]":
        task = asyncio.create_task(self._settlement.settle(result))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)
        return task

    async def _send_one(self, waiting: Waiting) -> Result | None:
        """What it came to; None where there was no attempt."""
        claim = waiting.claim
        self._unsent.discard(_held(claim))
        if self._now() > waiting.until - self._claim_lease / 2:
            await self._give_back([_held(claim)])
            return None
        begun = self._relay.begin(claim.id)
        result = await self._delivery.attempt(claim)
        heard = self._relay.note(result.report, begun, self._delivery.dots.values())
        if heard is Heard.LOST:
            await self._return_all(self._lineup.clear())
        tries = _TRIES_AT_MAIL if result.report.phase is Phase.MAIL else _TRIES
        if heard is Heard.CROWDED and waiting.tried + 1 < tries:
            self._unsent.add(_held(claim))
            self._lineup.put_back(waiting)
            await asyncio.sleep(self._relay.pause)
            return None
        return result

    async def _return_all(self, claims: Sequence[Claim]) -> None:
        held = {_held(claim) for claim in claims}
        self._unsent -= held
        await self._give_back(sorted(held))

    async def _give_back_unsent(self) -> None:
        unsent = [*self._unsent, *self._delivery.dotless]
        try:
            await self._give_back(unsent)
        except Exception as fault:  # their leases decide
            _log.error("outbox: %d messages stay claimed: %s", len(unsent), type(fault).__name__)
        else:
            self._unsent.clear()
            self._delivery.dotless.clear()

    async def _give_back(self, held: Sequence[Held]) -> None:
        if held:
            await self._database.write(lambda c: outbox_claims.give_back(c, held))


def _held(claim: Claim) -> Held:
    return Held(claim.id, claim.token)
