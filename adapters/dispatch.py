"""Sending what the outbox holds: claimed in batches, marked before the final dot, finished.

A dispatcher may die at any line. Before the mark is committed, its messages go back to the queue
when their lease ends: the server cannot have them. After it they become `uncertain`, and nobody
sends them again silently. No message is sent by two dispatchers: the mark asks for the newest
claim's token, and no dot is written without it.
"""

import asyncio
import logging
import random
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import sqlalchemy as sa

from adapters.db import inputs, outbox
from adapters.db.batching import Batched
from adapters.db.database import Database
from adapters.db.outbox import Held, Result
from adapters.smtp import MarkSending
from domain.errors import NotFound
from domain.meetings.messages import Undelivered
from domain.outbox.model import Claim, MessageState, Report
from domain.outbox.rules import CLAIM_LEASE, SENDING_LEASE, rule_on
from domain.sagas import workflow_of
from domain.values import LATEST

Poke = Callable[[str], Awaitable[None]]
"""Tells a stream's saga to look at its inputs; may fail, since a relay repeats it."""

_PER_SENDER = 8
_log = logging.getLogger(__name__)


class Mailer(Protocol):
    """Sends one mail to one recipient and says how far it got; see `adapters.smtp`."""

    async def send(
        self, mail_from: str, recipient: str, raw: bytes, mark_sending: MarkSending
    ) -> Report: ...

    async def close(self) -> None: ...


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
        self._stopping = asyncio.Event()
        self._patience = 0.0
        self._unsent: dict[Held, datetime] = {}
        self._queue: asyncio.Queue[Claim | None] = asyncio.Queue(senders * _PER_SENDER)
        self._marks = Batched(self._write_marks)
        self._results = Batched(self._write_results)

    async def run(self) -> None:
        """Dispatch until `stop` is called. Cancelling it is like dying: safe, but abrupt."""
        feeding = [
            asyncio.create_task(step) for step in (self._keep_feeding(), self._keep_reaping())
        ]
        sending = [asyncio.create_task(self._send_from_queue()) for _ in range(self._senders)]
        try:
            await self._stopping.wait()
            await _cancelled(feeding)
            await self._empty_queue()
            await asyncio.wait(sending, timeout=self._patience)
        finally:
            await _cancelled([*feeding, *sending])
            await self._mailer.close()

    def stop(self, patience: float = 20.0) -> None:
        """Ask `run` to return: nothing new is begun, conversations get `patience` seconds."""
        self._patience = patience
        self._stopping.set()

    async def _keep_feeding(self) -> None:
        if self._takes_over:
            await _in_the_end(self._take_over)
        while True:
            await _in_the_end(self._feed)

    async def _keep_reaping(self) -> None:
        while True:
            await _in_the_end(self._reap)

    async def _take_over(self) -> None:
        while await self._release_lapsed(LATEST):
            pass

    async def _feed(self) -> None:
        rung = self._database.bell.rung(outbox.BELL)
        limit = self._senders * _PER_SENDER // 2
        until = self._now() + self._claim_lease
        claims = await self._database.write(
            lambda c: outbox.claim(c, self.name, limit, self._now(), until)
        )
        self._unsent |= {_held(claim): until for claim in claims}
        for claim in claims:
            await self._queue.put(claim)
        if len(claims) < limit:
            wait = await self._time_to_next()
            await self._database.bell.wait(outbox.BELL, wait, since=rung)

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
        return await self._database.write(lambda c: outbox.release_lapsed(c, before, now))

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
        async def mark() -> bool:
            return await self._may_finish(claim)

        report = await self._mailer.send(claim.mail_from, claim.recipient, claim.raw, mark)
        result = self._judged(claim, report)
        while True:
            try:
                await self._results.ask(result)
                return
            except Exception:  # what the server said is known only here; do not drop it
                _log.exception("outbox: the result of message %d is not written yet", claim.id)
                await asyncio.sleep(0.5)

    def _judged(self, claim: Claim, report: Report) -> Result:
        now = self._now()
        ruling = rule_on(
            report,
            kind=claim.kind,
            attempt=claim.attempt,
            created_at=claim.created_at,
            now=now,
            jitter=self._jitter(),
        )
        return Result(claim, report, ruling, now)

    async def _may_finish(self, claim: Claim) -> bool:
        """Commits the mark. Without a committed mark there is no dot, so a failure is a no."""
        try:
            return await self._marks.ask(_held(claim))
        except Exception:
            _log.exception("outbox: message %d could not be marked", claim.id)
            return False

    async def _write_marks(self, held: Sequence[Held]) -> list[bool]:
        now = self._now()
        until = now + self._sending_lease
        marked = await self._database.write(lambda c: outbox.mark_sending(c, held, now, until))
        return [one in marked for one in held]

    async def _write_results(self, results: Sequence[Result]) -> list[None]:
        def work(c: sa.Connection) -> list[str]:
            stands = outbox.finish(c, results)
            return [
                one.claim.subject
                for one in sorted(results, key=lambda one: one.claim.subject)
                if _held(one.claim) in stands and _tell_saga(c, one)
            ]

        for stream in await self._database.write(work):
            await self._try_poke(stream)
        return [None] * len(results)

    async def _try_poke(self, stream: str) -> None:
        try:
            await self._poke(stream)
        except Exception as fault:  # the input is committed; the relay pokes again
            _log.warning("outbox: %s was not poked: %s", stream, type(fault).__name__)

    async def _empty_queue(self) -> None:
        """Give back what nobody began to send, and let every sender end."""
        while not self._queue.empty():
            self._queue.get_nowait()
        for _ in range(self._senders):
            self._queue.put_nowait(None)
        unsent, self._unsent = list(self._unsent), {}
        await self._give_back(unsent)

    async def _give_back(self, held: Sequence[Held]) -> None:
        await self._database.write(lambda c: outbox.give_back(c, held))


def _held(claim: Claim) -> Held:
    return Held(claim.id, claim.token)


def _tell_saga(c: sa.Connection, result: Result) -> bool:
    """Make a failed mail to a party an input of its saga; the key makes it one, for ever."""
    claim = result.claim
    if result.ruling.state is not MessageState.FAILED or claim.party is None:
        return False
    if not _has_saga(claim.subject):
        return False
    body = Undelivered(party=claim.party, letter=claim.kind).model_dump(mode="json")
    key = f"outbox/{claim.id}/failed"
    inputs.accept(c, stream=claim.subject, key=key, body=body, received_at=result.at)
    return True


def _has_saga(stream: str) -> bool:
    try:
        workflow_of(stream)
    except NotFound:
        return False
    return True


async def _in_the_end(step: Callable[[], Awaitable[None]]) -> None:
    """Runs `step` until it succeeds: a database that is down for a while is no reason to end."""
    while True:
        try:
            return await step()
        except Exception:
            _log.exception("outbox: trying again in a second")
            await asyncio.sleep(1.0)


async def _cancelled(tasks: Sequence["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
