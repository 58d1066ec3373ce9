"""The one way into the inbox: mail is durable for each recipient before anybody is told yes.

SMTP, LMTP, IMAP and HTTP give what they received to `Reception.accept` and translate what comes
back (mail-safety §12, §13). Whoever gets no answer sends again, and the message key makes that
one mail: so it may be called any number of times, and dying at any line is safe.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple, TypeVar

import sqlalchemy as sa

from adapters.db import capabilities, inbox, quarantine, signed_requests
from adapters.db.belonging import owner_of
from adapters.db.database import Database
from adapters.intake.rates import PeerRate
from domain.access import OPERATOR, Capability, TokenAddress, read_token_address
from domain.errors import Unavailable
from domain.inbox.acceptance import (
    PURPOSES,
    Admission,
    Envelope,
    Outcome,
    Reason,
    Source,
    beyond_limits,
    worst,
)
from domain.inbox.identity import message_key, with_crlf
from domain.inbox.load import Load
from domain.inbox.repetition import SignedRequest
from domain.inbox.reports import reported_address
from domain.values import same_mailbox

T = TypeVar("T")

COMMIT_WITHIN = 20.0
"""Seconds after which a sender is told to come again instead of waiting on."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class _Addressed(NamedTuple):
    """A recipient, and what its address opens; None for one that is unknown or revoked."""

    recipient: str
    named: TokenAddress | None
    capability: Capability | None


class _Mail(NamedTuple):
    raw: bytes
    mail_from: str
    source: Source


class Reception:
    """Takes mail for the living token addresses of `mail_domain`.

    `rate` bounds what one peer may bring. A mail to `feedback_address` counts as one to the bounce
    address that it reports on, and is kept for the operator where there is none.

    Both methods raise `Unavailable` for every fault of ours, the slow ones too; then nothing was
    kept, or all was and nobody knows.
    """

    def __init__(
        self,
        database: Database,
        mail_domain: str,
        *,
        rate: PeerRate | None = None,
        feedback_address: str = "",
        commit_within: float = COMMIT_WITHIN,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._database = database
        self._mail_domain = mail_domain
        self._rate = rate or PeerRate(0)
        self._feedback_address = feedback_address
        self._commit_within = commit_within
        self._now = now

    async def look_up(self, address: str, source: Source) -> Admission | None:
        """Why a mail to `address` would not be taken now, before it is sent; None when it would.

        A wrong address counts as a mail of its peer: nobody tries many.
        """
        if not self._rate.has_room(source.peer):
            return Admission.TOO_OFTEN
        if self._is_for_reports(address):
            return None
        load = await self._in_time(self._database.read(lambda c: self._load(c, address)))
        if load is None:
            self._rate.take(source.peer)
            return Admission.UNKNOWN
        return Admission.FULL if load.is_full else None

    async def accept(self, raw: bytes, envelope: Envelope, source: Source) -> tuple[Outcome, ...]:
        """Keep a mail for each of its recipients, in one transaction, and say what became of it
        for each, in their order; for a mail without recipients one outcome.

        A signed request that comes again gets the same outcomes, unless it was told to. Raises
        `ContentDiffers`.
        """
        recipients = envelope.recipients or ("",)
        if not self._rate.take(source.peer):
            return tuple(Outcome(recipient=r, admission=Admission.TOO_OFTEN) for r in recipients)
        mail = _Mail(with_crlf(raw), envelope.mail_from, source)
        excess = beyond_limits(mail.raw) if envelope.holds_all else Reason.CUT

        def work(c: sa.Connection) -> tuple[Outcome, ...]:
            if source.signed is None:
                return self._keep(c, mail, recipients, excess)
            keep = partial(self._keep, c, mail, recipients, excess)
            return _once(c, source.signed, keep)

        return await self._in_time(self._database.write(work))

    async def _in_time(self, asked: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._commit_within):
                return await asked
        except TimeoutError:
            raise Unavailable("The database did not answer in time.") from None

    def _load(self, c: sa.Connection, address: str) -> Load | None:
        """What has come to an address; None for one that is unknown or revoked."""
        capability = self._open(c, address).capability
        return None if capability is None else inbox.load_of(c, capability, self._now())

    def _open(self, c: sa.Connection, address: str) -> _Addressed:
        named = read_token_address(address, self._mail_domain)
        if named is None or named.purpose not in PURPOSES:
            return _Addressed(address, None, None)
        return _Addressed(address, named, capabilities.find(c, named.purpose, named.token))

    def _is_for_reports(self, address: str) -> bool:
        return self._feedback_address != "" and same_mailbox(address, self._feedback_address)

    def _open_for(self, c: sa.Connection, recipient: str, mail: _Mail) -> _Addressed:
        """What `recipient` opens for `mail`."""
        meant = recipient
        if self._is_for_reports(recipient):
            meant = reported_address(mail.raw, self._mail_domain) or recipient
        return self._open(c, meant)._replace(recipient=recipient)

    def _keep(
        self, c: sa.Connection, mail: _Mail, recipients: Sequence[str], excess: Reason | None
    ) -> tuple[Outcome, ...]:
        opened = [self._open_for(c, one, mail) for one in dict.fromkeys(recipients)]
        # Inputs of several streams are accepted in the order of their names (see `inputs.accept`),
        # and mails in one order whatever the envelope's: two of one mail would stop each other.
        opened.sort(key=_place)
        found = {one.recipient: self._keep_for(c, mail, one, excess) for one in opened}
        outcomes = tuple(found[one] for one in recipients)
        is_anybodys = any(one.admission is not Admission.UNKNOWN for one in outcomes)
        is_report = any(self._is_for_reports(one) for one in recipients)
        if is_anybodys or (mail.source.way.may_refuse and not is_report):
            return outcomes
        reason = excess if excess is Reason.CUT else Reason.NOBODY
        found |= self._keep_for_nobody(c, mail, opened, reason)
        return tuple(found[one] for one in recipients)

    def _keep_for_nobody(
        self, c: sa.Connection, mail: _Mail, opened: Sequence[_Addressed], reason: Reason
    ) -> dict[str, Outcome]:
        """For everybody whose address it was once, or else for the operator; by recipient."""
        found = {}
        for one in opened:
            former = _former(c, one)
            if former is not None:
                found[one.recipient] = self._quarantine(c, mail, one, former, reason)
        first = opened[0]
        return found or {first.recipient: self._quarantine(c, mail, first, None, reason)}

    def _keep_for(
        self, c: sa.Connection, mail: _Mail, one: _Addressed, excess: Reason | None
    ) -> Outcome:
        if one.named is None or one.capability is None:
            return Outcome(recipient=one.recipient, admission=Admission.UNKNOWN)
        if excess is Reason.TOO_LARGE and mail.source.way.may_refuse:
            return Outcome(recipient=one.recipient, admission=Admission.TOO_LARGE)
        if excess is not None:
            return self._quarantine(c, mail, one, one.capability, excess)
        key = message_key(one.named.mark, mail.raw)
        if not inbox.is_copy(c, key):
            now = self._now()
            if inbox.load_of(c, one.capability, now).is_full:
                return Outcome(recipient=one.recipient, admission=Admission.FULL)
            inbox.accept(
                c,
                key=key,
                capability=one.capability,
                mail_from=mail.mail_from,
                source=mail.source.way.value,
                raw=mail.raw,
                received_at=now,
                about=one.named.number,
            )
        return Outcome(recipient=one.recipient, admission=Admission.ACCEPTED, key=key)

    def _quarantine(
        self,
        c: sa.Connection,
        mail: _Mail,
        one: _Addressed,
        belongs_to: Capability | None,
        reason: Reason,
    ) -> Outcome:
        key = message_key(one.recipient, mail.raw)
        kept = Outcome(recipient=one.recipient, admission=Admission.QUARANTINED, key=key)
        if quarantine.is_copy(c, key):
            return kept
        holding = mail.source.way.value if belongs_to is None else _name_of(belongs_to)
        held = quarantine.holding_of(c, holding)
        if held.is_full(of_address=belongs_to is not None):
            return Outcome(recipient=one.recipient, admission=Admission.NO_ROOM)
        quarantine.keep(
            c,
            key=key,
            owner=OPERATOR if belongs_to is None else owner_of(c, belongs_to.stream),
            holding=holding,
            reason=reason,
            mail_from=mail.mail_from,
            recipient=one.recipient,
            source=mail.source.way.value,
            raw=mail.raw,
            received_at=self._now(),
        )
        return kept


def _once(
    c: sa.Connection, signed: SignedRequest, keep: Callable[[], tuple[Outcome, ...]]
) -> tuple[Outcome, ...]:
    known = signed_requests.first_answer(c, signed)
    if known is not None:
        return tuple(Outcome(**one) for one in known)
    outcomes = keep()
    if not worst(outcomes).must_come_again:
        signed_requests.answer(c, signed, [one.model_dump(mode="json") for one in outcomes])
    return outcomes


def _place(one: _Addressed) -> tuple[str, int, str]:
    if one.capability is None:
        return "", 0, ""
    return one.capability.stream, one.capability.party, one.recipient.lower()


def _name_of(capability: Capability) -> str:
    """One name for all spellings of an address: whoever knows it writes any number behind it."""
    return f"{capability.purpose}/{capability.stream}/{capability.party}"


def _former(c: sa.Connection, one: _Addressed) -> Capability | None:
    """Whose a dead address was, None for one that never lived."""
    if one.named is None:
        return None
    return capabilities.find_revoked(c, one.named.purpose, one.named.token)
