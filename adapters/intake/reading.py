"""Reading what the inbox holds: each unread mail once, in the sandbox, and on to its saga.

Reading happens after the 250 and may be repeated: a process that dies in the middle leaves the
mail unread until its claim ends, and what is recorded first stays. A mail is claimed when its
reading begins and not before, and an end that is not its own doing is uncounted. Mails are read
side by side; their effects keep the order in which they were accepted, because their inputs
already stand in it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import sqlalchemy as sa

from adapters.db import correspondents, feedback, inbox, inputs, outbox, unsubscribing
from adapters.db.database import Database
from adapters.db.inbox import Claim
from adapters.loops import until_asked
from adapters.outage import Outage
from domain.access import Purpose
from domain.inbox.addressing import Circle
from domain.inbox.model import Arrival, Reading, Verdict
from domain.meetings.messages import MeetingInput, Remark
from domain.sagas import has_saga
from domain.values import same_mailbox

Poke = Callable[[str], Awaitable[None]]
"""Tells a stream's saga to look at its inputs; may fail, since a relay repeats it."""

MAX_ATTEMPTS = 8
"""Readings that ended with the process, after which a mail counts as unreadable."""

_CLAIM_LEASE = timedelta(minutes=2)
"""Longer than any reading takes; after it a mail is begun again by whoever looks first."""

_PAUSE = timedelta(seconds=1)
"""After a fault of ours."""

_log = logging.getLogger(__name__)


class Reader(Protocol):
    """Reads mail where it can do no harm; raises only when it cannot work at all."""

    async def read(self, raw: bytes) -> Reading: ...


class Interpretation(Protocol):
    @property
    def body(self) -> MeetingInput: ...

    @property
    def words(self) -> dict[str, str]: ...


Interpret = Callable[[Reading, Circle, Purpose, str | None, str], Interpretation]
"""`activities.inbox.interpret`: reading, parties, purpose of the address, kind of the
letter, envelope sender."""


class _Background(Circle):
    """What is known around one mail; `letter` is the kind of mail a bounce is about, and None for
    a bounce of, or a wish from, an address that the party no longer has."""

    letter: str | None


def _utc_now() -> datetime:
    return datetime.now(UTC)


class InboxReader:
    """Reads unread mails, `parallel` at a time, until it is stopped.

    `poll` is how many seconds a mail accepted by another process may wait. `takes_over` ends
    every claim at the start: right where no other process can be alive, which is so of a SQLite
    file.
    """

    def __init__(
        self,
        database: Database,
        reader: Reader,
        interpret: Interpret,
        poke: Poke,
        *,
        mail_domain: str,
        parallel: int = 4,
        poll: float = 2.0,
        now: Callable[[], datetime] = _utc_now,
        takes_over: bool | None = None,
    ) -> None:
        self._database = database
        self._reader = reader
        self._interpret = interpret
        self._poke = poke
        self._mail_domain = mail_domain
        self._poll = poll
        self._now = now
        self._takes_over = database.dialect == "sqlite" if takes_over is None else takes_over
        self._parallel = parallel
        self._in_hand: dict[asyncio.Task[None], Claim] = {}
        self._outage = Outage(_log, "inbox: reading mail", traces=False)
        self._stopping = asyncio.Event()
        self._patience = 0.0

    async def run(self) -> None:
        """Read until `stop` is called. Cancelling it is like dying: safe, but abrupt.

        Raises `LoopEnded` when its feeding ends by itself.
        """
        feeding = asyncio.create_task(self._keep_feeding(), name="inbox feeder")
        try:
            await until_asked(self._stopping, [feeding])
            # Feeding is not cut off: a claim whose answer nobody sees would stay counted.
            await asyncio.wait([feeding, *self._in_hand], timeout=self._patience)
        finally:
            unfinished = dict(self._in_hand)
            for task in (feeding, *unfinished):
                task.cancel()
            await asyncio.gather(feeding, *unfinished, return_exceptions=True)
            if unfinished:
                await self._put_back(list(unfinished.values()))

    def stop(self, patience: float = 10.0) -> None:
        """Ask `run` to return: no mail is begun, those in hand get `patience` seconds."""
        self._patience = patience
        self._stopping.set()
        self._database.bell.ring(inbox.BELL)

    async def _keep_feeding(self) -> None:
        outage = Outage(_log, "inbox: looking for mail", traces=False)
        while not self._stopping.is_set():
            try:
                await self._feed()
            except Exception as fault:  # the database is down; every mail waits in it
                outage.note(fault)
                await asyncio.sleep(_PAUSE.total_seconds())
            else:
                outage.over()

    async def _feed(self) -> None:
        if self._takes_over:
            await self._database.write(inbox.void_claims)
            self._takes_over = False
        if len(self._in_hand) >= self._parallel:
            await asyncio.wait(self._in_hand, return_when=asyncio.FIRST_COMPLETED)
            return
        rung = self._database.bell.rung(inbox.BELL)
        claims = await self._claim(self._parallel - len(self._in_hand))
        for claim in claims:
            task = asyncio.create_task(self._read(claim))
            self._in_hand[task] = claim
            task.add_done_callback(self._in_hand.pop)
        if not claims and not self._stopping.is_set():
            await self._database.bell.wait(inbox.BELL, self._poll, since=rung)

    async def _claim(self, limit: int) -> list[Claim]:
        now = self._now()
        until = now + _CLAIM_LEASE
        return await self._database.write(lambda c: inbox.claim_unread(c, limit, now, until))

    async def _read(self, claim: Claim) -> None:
        arrival = claim.arrival
        try:
            reading = await self._reading(arrival, claim.attempt)
            await self._record(arrival, reading)
        except Exception as fault:  # not the mail's: it stays unread, and is taken again
            self._outage.note(fault)
            await self._put_back([claim], self._now() + _PAUSE)
            await asyncio.sleep(_PAUSE.total_seconds())
        else:
            self._outage.over()
            if has_saga(arrival.stream):
                await self._try_poke(arrival.stream)

    async def _reading(self, arrival: Arrival, attempts: int) -> Reading:
        if attempts > MAX_ATTEMPTS:
            problem = f"given up: reading it ended the process {MAX_ATTEMPTS} times"
            return Reading(verdict=Verdict.UNREADABLE, problems=(problem,))
        return await self._reader.read(arrival.raw)

    async def _record(self, arrival: Arrival, reading: Reading) -> None:
        background = await self._database.read(lambda c: self._background(c, arrival))
        dumped, words = self._understood(arrival, reading, background)
        at = self._now()

        def work(c: sa.Connection) -> None:
            if inbox.record_reading(c, arrival.id, reading, dumped, dict(words), at):
                feedback.heed(c, arrival, reading, at)
                if not has_saga(arrival.stream):
                    inputs.settle_mail(c, arrival.id, at)

        await self._database.write(work)

    def _background(self, c: sa.Connection, arrival: Arrival) -> _Background:
        addresses = correspondents.addresses_of(c, arrival.stream)
        return _Background(
            party=arrival.party,
            addresses=addresses,
            uid=correspondents.uid_of(c, arrival.stream, arrival.party),
            domain=self._mail_domain,
            letter=_letter(c, arrival, addresses.get(arrival.party, ())[:1]),
        )

    def _understood(
        self, arrival: Arrival, reading: Reading, background: _Background
    ) -> tuple[dict[str, Any], Mapping[str, str]]:
        """An input for every mail: one that we fail to understand must not hold back the rest."""
        if not has_saga(arrival.stream):
            return {"kind": "heard", "verdict": reading.verdict.value}, {}
        purpose = Purpose(arrival.purpose)
        try:
            found = self._interpret(
                reading, background, purpose, background.letter, arrival.mail_from
            )
        except Exception:
            _log.exception("inbox: mail %d could not be interpreted", arrival.id)
            unread = Remark(party=arrival.party, verdict=Verdict.UNREADABLE.value)
            return unread.model_dump(mode="json"), {}
        return found.body.model_dump(mode="json"), found.words

    async def _put_back(self, claims: Sequence[Claim], until: datetime | None = None) -> None:
        try:
            await self._database.write(lambda c: inbox.put_back(c, claims, until))
        except Exception as fault:  # their claims end by themselves
            _log.error("inbox: %d mails stay claimed: %s", len(claims), type(fault).__name__)

    async def _try_poke(self, stream: str) -> None:
        try:
            await self._poke(stream)
        except Exception as fault:  # the input is committed; the relay pokes again
            _log.warning("inbox: %s was not poked: %s", stream, type(fault).__name__)


def _letter(c: sa.Connection, arrival: Arrival, present: Sequence[str]) -> str | None:
    """See `_Background`; `present` is the address that the party has."""
    match arrival.purpose:
        case Purpose.BOUNCE:
            return _returned_letter(c, arrival, present)
        case Purpose.UNSUBSCRIBE:
            who = unsubscribing.of_mail(c, arrival)
            return None if who is None or who.party != arrival.party else ""
        case _:
            return ""


def _returned_letter(c: sa.Connection, arrival: Arrival, present: Sequence[str]) -> str | None:
    """The kind of mail that a bounce brings back: the one it is about, else the newest sent to
    the party; None where that one did not go to the `present` address."""
    about = feedback.message_about(c, arrival)
    found = about or next(iter(outbox.letters_to(c, arrival.stream, arrival.party)), None)
    if found is None:
        return ""
    is_former = not any(same_mailbox(found.recipient, one) for one in present)
    return None if present and is_former else found.kind
