"""Sending what the outbox holds: claimed in batches, marked before the final dot, finished.

A dispatcher may die at any line. Before the mark is committed, its messages go back to the queue
when their lease ends: the server cannot have them. After it they become `uncertain`: nobody
sends them again silently, and the saga is told. One that is only stopped gives back whatever it
wrote no dot for. No message is sent by two dispatchers: the mark asks for the newest claim's
token, and no dot is written without it.
"""

import asyncio
import logging
import random
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import sqlalchemy as sa

from adapters.db import outbox, outbox_claims, outbox_results
from adapters.db.batching import Batched
from adapters.db.database import Database
from adapters.db.fates import Fate, tell_sagas
from adapters.db.outbox_claims import Held
from adapters.db.outbox_results import Result
from adapters.loops import cancelled, until_asked
from adapters.outage import Outage
from adapters.smtp import MarkSending
from domain.access import numbered
from domain.outbox.model import Claim, MessageState, Phase, Report
from domain.outbox.rules import CLAIM_LEASE, SENDING_LEASE, rule_on
from domain.values import LATEST

Poke = Callable[[str], Awaitable[None]]
"""Tells a stream's saga to look at its inputs; may fail, since a relay repeats it."""

MaySend = Callable[[], Awaitable[str | None]]
"""Asked before every claim: None when mail may leave here, else the reason why not."""

_PER_SENDER = 8
_log = logging.getLogger(__name__)


class Mailer(Protocol):
    """Sends one mail to one recipient and says how far it got; see `adapters.smtp`."""

    async def send(
        self, mail_from: str, recipient: str, raw: bytes, mark_sending: MarkSending
    ) -> Report: ...

    async def close(self) -> None: ...


async def _always() -> str | None:
    return None


def _utc_now() -> datetime:
    return datetime.now(UTC)


class OutboxDispatcher:
    """Sends due messages on `senders` connections at once until it is stopped.

    Order between messages is not promised: SEQUENCE tells calendars which is newer. `poll` is
    how many seconds news from other processes may go unseen. `takes_over` ends every lease at
    the start: right where no other process can be alive, which is so of a SQLite file.
    """

    def __init__(
        self,
        database: Database,
        mailer: Mailer,
        poke: Poke,
        *,
        senders: int = 4,
        poll: float = 5.0,
        claim_lease: timedelta = CLAIM_LEASE,
        sending_lease: timedelta = SENDING_LEASE,
        now: Callable[[], datetime] = _utc_now,
        jitter: Callable[[], float] = random.random,
        takes_over: bool | None = None,
        may_send: MaySend = _always,
    ) -> None:
        self.name = f"dispatcher-{uuid.uuid4().hex[:12]}"
        self._database = database
        self._mailer = mailer
        self._poke = poke
        self._senders = senders
        self._poll = poll
        self._claim_lease = claim_lease
        self._sending_lease = sending_lease
        self._now = now
        self._jitter = jitter
        self._takes_over = database.dialect == "sqlite" if takes_over is None else takes_over
        self._may_send = may_send
        self._held_back: str | None = None
        self._stopping = asyncio.Event()
        self._patience = 0.0
        self._unsent: dict[Held, datetime] = {}
        self._dotless: set[Held] = set()  # broken off before the final dot, to be given back
        self._unwritten: dict[Held, Result] = {}
        self._queue: asyncio.Queue[Claim | None] = asyncio.Queue(senders * _PER_SENDER)
        self._marks = Batched(self._write_marks)
        self._results = Batched(self._write_results)
        self._marking = Outage(_log, "outbox: marking messages")
        self._settling = Outage(_log, "outbox: writing results")

    async def run(self) -> None:
        """Dispatch until `stop` is called. Cancelling it cuts conversations off.

        Raises `LoopEnded` when a part of it ends by itself.
        """
        feeding = [
            asyncio.create_task(self._keep_feeding(), name="outbox feeder"),
            asyncio.create_task(self._keep_reaping(), name="outbox reaper"),
        ]
        sending = [
            asyncio.create_task(self._send_from_queue(), name=f"outbox sender {number}")
            for number in range(self._senders)
        ]
        try:
            await until_asked(self._stopping, [*feeding, *sending])
            await cancelled(feeding)
            self._empty_queue()
            await self._give_back_unsent()
            await asyncio.wait(sending, timeout=self._patience)
        finally:
            await cancelled([*feeding, *sending])
            await self._give_back_unsent()
            await self._write_unwritten()
            await self._mailer.close()

    def stop(self, patience: float = 20.0) -> None:
        """Ask `run` to return: nothing new is begun, conversations get `patience` seconds."""
        self._patience = patience
        self._stopping.set()

    async def _keep_feeding(self) -> None:
        outage = Outage(_log, "outbox: claiming messages")
        if self._takes_over:
            await outage.outlast(self._take_over)
        while True:
            await outage.outlast(self._feed)

    async def _keep_reaping(self) -> None:
        outage = Outage(_log, "outbox: settling what was left")
        while True:
            await outage.outlast(self._reap)

    async def _take_over(self) -> None:
        while await self._release_lapsed(LATEST):
            pass

    async def _feed(self) -> None:
        reason = await self._may_send()
        self._note_reason(reason)
        if reason is not None:
            await asyncio.sleep(self._poll)
            return
        rung = self._database.bell.rung(outbox.BELL)
        limit = self._senders * _PER_SENDER // 2
        until = self._now() + self._claim_lease
        claims = (
            await self._database.write(
                lambda c: outbox_claims.take(
                    c, outbox_claims.Order(self.name, limit, until), self._now()
                )
            )
        ).claims
        self._unsent |= {_held(claim): until for claim in claims}
        for claim in claims:
            await self._queue.put(claim)
        if len(claims) < limit:
            wait = await self._time_to_next()
            await self._database.bell.wait(outbox.BELL, wait, since=rung)

    def _note_reason(self, reason: str | None) -> None:
        if reason != self._held_back:
            _log.warning("outbox: %s", reason or "mail leaves again")
        self._held_back = reason

    async def _time_to_next(self) -> float:
        due = await self._database.read(outbox.next_due)
        if due is None:
            return self._poll
        return min(self._poll, max((due - self._now()).total_seconds(), 0.01))

    async def _reap(self) -> None:
        await self._release_lapsed(self._now())
        await asyncio.sleep(min(self._claim_lease.total_seconds() / 5, 30.0))

    async def _release_lapsed(self, before: datetime) -> int:
        now = self._now()

        def work(c: sa.Connection) -> tuple[int, list[str]]:
            fates = outbox_results.release_lapsed(c, before, now)
            return len(fates), tell_sagas(c, fates)

        released, told = await self._database.write(work)
        await self._try_poke(told)
        return released

    async def _send_from_queue(self) -> None:
        while (claim := await self._queue.get()) is not None:
            until = self._unsent.pop(_held(claim), None)
            try:
                if until is None or self._now() > until - self._claim_lease / 2:
                    await self._give_back([_held(claim)])
                else:
                    await self._deliver(claim)
            except Exception:  # its lease decides what becomes of it
                _log.exception("outbox: message %d was left to its lease", claim.id)

    async def _deliver(self, claim: Claim) -> None:
        held = _held(claim)
        report = await self._attempt(claim)
        # What the server said is known only here; it must not be dropped.
        self._unwritten[held] = result = self._judged(claim, report)
        await self._settling.outlast(lambda: self._results.ask(result), pause=0.5)
        del self._unwritten[held]

    async def _attempt(self, claim: Claim) -> Report:
        """What became of it, whatever the mailer raises. Cancelled before the final dot, it
        notes that the message may go back to the queue."""
        may_be_out = False

        async def mark() -> bool:
            nonlocal may_be_out
            # From here to the dot the mailer never waits, so that nothing can come between.
            may_be_out = await self._may_finish(claim)
            return may_be_out

        try:
            sender = numbered(claim.mail_from, claim.id)
            return await self._mailer.send(sender, claim.recipient, claim.raw, mark)
        except asyncio.CancelledError:
            if not may_be_out:
                self._dotless.add(_held(claim))
            raise
        except Exception as fault:
            _log.exception("outbox: sending message %d broke off", claim.id)
            phase = Phase.DOT if may_be_out else Phase.BODY
            return Report(phase=phase, reply=f"broke off: {type(fault).__name__}")

    def _judged(self, claim: Claim, report: Report) -> Result:
        now = self._now()
        ruling = rule_on(
            report,
            on_unknown=claim.on_unknown,
            resends=claim.resends,
            attempt=claim.attempt,
            since=claim.tried_at,
            now=now,
            jitter=self._jitter(),
        )
        return Result(claim, report, ruling, now)

    async def _may_finish(self, claim: Claim) -> bool:
        """Commits the mark. Without a committed mark there is no dot, so a failure is a no."""
        try:
            may_finish = await self._marks.ask(_held(claim))
        except Exception as fault:
            self._marking.note(fault)
            return False
        self._marking.over()
        return may_finish

    async def _write_marks(self, held: Sequence[Held]) -> list[bool]:
        now = self._now()
        until = now + self._sending_lease
        marked = await self._database.write(
            lambda c: outbox_claims.mark_sending(c, held, now, until)
        )
        return [one in marked for one in held]

    async def _write_results(self, results: Sequence[Result]) -> list[None]:
        def work(c: sa.Connection) -> list[str]:
            stands = outbox_results.finish(c, results)
            fates = [
                _fate(one, stands[held]) for one in results if (held := _held(one.claim)) in stands
            ]
            return tell_sagas(c, fates)

        await self._try_poke(await self._database.write(work))
        return [None] * len(results)

    async def _try_poke(self, streams: Sequence[str]) -> None:
        for stream in streams:
            try:
                await self._poke(stream)
            except Exception as fault:  # the input is committed; the relay pokes again
                _log.warning("outbox: %s was not poked: %s", stream, type(fault).__name__)

    def _empty_queue(self) -> None:
        """Let every sender end after what it has in hand; the rest stays in `_unsent`."""
        while not self._queue.empty():
            self._queue.get_nowait()
        for _ in range(self._senders):
            self._queue.put_nowait(None)

    async def _give_back_unsent(self) -> None:
        unsent = [*self._unsent, *self._dotless]
        try:
            await self._give_back(unsent)
        except Exception as fault:  # their leases decide
            _log.error("outbox: %d messages stay claimed: %s", len(unsent), type(fault).__name__)
        else:
            self._unsent.clear()
            self._dotless.clear()

    async def _write_unwritten(self) -> None:
        """A result written twice counts once, so one under way may be among them."""
        results, self._unwritten = list(self._unwritten.values()), {}
        try:
            if results:
                await self._write_results(results)
        except Exception as fault:  # they become uncertain: nobody else knows what they came to
            _log.error("outbox: %d results are lost: %s", len(results), type(fault).__name__)

    async def _give_back(self, held: Sequence[Held]) -> None:
        if held:
            await self._database.write(lambda c: outbox_claims.give_back(c, held))


def _held(claim: Claim) -> Held:
    return Held(claim.id, claim.token)


def _fate(result: Result, state: MessageState) -> Fate:
    claim = result.claim
    return Fate(claim.id, claim.kind, claim.subject, claim.party, state, result.at)
