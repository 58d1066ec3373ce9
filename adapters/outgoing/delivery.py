"""One attempt to send one message: signed, marked before the final dot, and judged."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from adapters.db import outbox_claims
from adapters.db.batching import Batched
from adapters.db.database import Database
from adapters.db.outbox_claims import Held
from adapters.db.outbox_results import Result
from adapters.outage import Outage
from adapters.outgoing.ports import Mailer, Signer
from domain.access import numbered
from domain.errors import BadInput
from domain.outbox.model import Claim, Phase, Report
from domain.outbox.rules import rule_on

_log = logging.getLogger(__name__)


class Timing(NamedTuple):
    """The clock (aware UTC), chance in [0, 1), and how long a mark holds."""

    now: Callable[[], datetime]
    jitter: Callable[[], float]
    sending_lease: timedelta


class _Mark(NamedTuple):
    """A message about to have its final dot, and what it was signed with for the first time."""

    held: Held
    signature: str | None


class Delivery:
    """Sends claimed messages; what it broke off before the final dot is in `dotless`.
    `dots` are the instants (monotonic seconds) of those that wait for the reply to theirs."""

    def __init__(
        self, database: Database, mailer: Mailer, signer: Signer | None, timing: Timing
    ) -> None:
        self.dotless: set[Held] = set()
        self.dots: dict[Held, float] = {}
        self._database = database
        self._mailer = mailer
        self._signer = signer
        self._timing = timing
        self._marks = Batched(self._write_marks)
        self._marking = Outage(_log, "outbox: marking messages")

    async def attempt(self, claim: Claim) -> Result:
        """What became of it, whatever the mailer raises. Cancelled before the final dot, it
        notes that the message may go back to the queue."""
        report = await self._report(claim)
        now = self._timing.now()
        ruling = rule_on(
            report,
            on_unknown=claim.on_unknown,
            resends=claim.resends,
            attempt=claim.attempt,
            since=claim.tried_at,
            now=now,
            jitter=self._timing.jitter(),
        )
        return Result(claim, report, ruling, now)

    async def _report(self, claim: Claim) -> Report:
        may_be_out = False
        signature: str | None = None

        async def mark() -> bool:
            nonlocal may_be_out
            # From here to the dot the mailer never waits, so that nothing can come between.
            may_be_out = await self._may_finish(_Mark(_held(claim), signature))
            if may_be_out:
                self.dots[_held(claim)] = time.monotonic()
            return may_be_out

        try:
            signature = await self._signature(claim)
            raw = (signature or "").encode("ascii") + claim.raw
            sender = numbered(claim.mail_from, claim.id)
            return await self._mailer.send(sender, claim.recipient, raw, mark)
        except asyncio.CancelledError:
            if not may_be_out:
                self.dotless.add(_held(claim))
            raise
        except BadInput as refusal:  # it cannot be signed, nor ever will be
            return Report(phase=Phase.MAIL, code=554, reply=f"5.6.0 {refusal}")
        except Exception as fault:
            _log.exception("outbox: sending message %d broke off", claim.id)
            phase = Phase.DOT if may_be_out else Phase.BODY
            return Report(phase=phase, reply=f"broke off: {type(fault).__name__}")
        finally:
            self.dots.pop(_held(claim), None)

    async def _signature(self, claim: Claim) -> str | None:
        """That of the first attempt, whatever key is used by now: all attempts have the same
        bytes."""
        if claim.signature is not None or self._signer is None:
            return claim.signature
        return await self._signer.sign(claim.raw, claim.created_at)

    async def _may_finish(self, asked: _Mark) -> bool:
        """Commits the mark. Without a committed mark there is no dot, so a failure is a no."""
        try:
            may_finish = await self._marks.ask(asked)
        except Exception as fault:
            self._marking.note(fault)
            return False
        self._marking.over()
        return may_finish

    async def _write_marks(self, marks: Sequence[_Mark]) -> list[bool]:
        now = self._timing.now()
        until = now + self._timing.sending_lease
        held = [one.held for one in marks]
        signatures = {one.held: one.signature for one in marks if one.signature is not None}
        marked = await self._database.write(
            lambda c: outbox_claims.mark_sending(c, held, now, until, signatures)
        )
        return [one.held in marked for one in marks]


def _held(claim: Claim) -> Held:
    return Held(claim.id, claim.token)
