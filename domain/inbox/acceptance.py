"""What becomes of a mail at the door, for each of its recipients, whichever way it came.

The ways only translate it: SMTP and LMTP into reply codes, HTTP into a status, IMAP into a flag.
A fault of ours is none of these outcomes but an exception, and so temporary everywhere.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from itertools import chain, islice

from domain.access import Purpose
from domain.inbox.repetition import SignedRequest
from domain.values import Frozen

SIZE_LIMIT = 2 * 1024 * 1024
"""Octets of one mail."""

NESTING_LIMIT = 100
"""Bodies that begin inside others, as Postfix counts them (mime_nesting_limit). No mail program
makes more than a handful."""

PURPOSES = frozenset(Purpose) - {Purpose.PAGE}
"""What addresses that take mail are for."""

_NESTS = re.compile(rb"boundary\s*=|message/(?:rfc822|global)", re.IGNORECASE)


class Way(StrEnum):
    """How mail comes in; its sources are named so in the inbox."""

    SMTP = "smtp"
    LMTP = "lmtp"
    IMAP = "imap"
    WEBHOOK = "webhook"
    POSTMARK = "postmark"
    MAILGUN = "mailgun"

    @property
    def may_refuse(self) -> bool:
        """Whether a sender is still there to be refused. Elsewhere the mail has been accepted by
        somebody already, and what we turn away is lost."""
        return self in (Way.SMTP, Way.LMTP)


class Source(Frozen):
    """Where a mail comes from: the way, the peer whose mails are counted (None for one whose are
    not), and the request that brought it, where that was signed."""

    way: Way
    peer: str | None = None
    signed: SignedRequest | None = None


class Envelope(Frozen):
    """The sender ('' for the null path) and the recipients, as they were named beside the mail.
    `holds_all` is False where the mail was so large that only the beginning of it is there."""

    mail_from: str
    recipients: tuple[str, ...]
    holds_all: bool = True


class Admission(StrEnum):
    ACCEPTED = "accepted"  # durably in the inbox
    QUARANTINED = "quarantined"  # durably kept for an operator
    UNKNOWN = "unknown"  # no address of ours, or a revoked one: nobody is told which
    FULL = "full"  # too much has come to it; later again
    NO_ROOM = "no-room"  # quarantine holds too much like it; once somebody has settled some
    TOO_OFTEN = "too-often"  # too many mails from one peer; later again
    TOO_LARGE = "too-large"


class Outcome(Frozen):
    """What became of a mail for one recipient; `key` names the mail where it was kept."""

    recipient: str
    admission: Admission
    key: str = ""

    @property
    def is_kept(self) -> bool:
        return self.admission in (Admission.ACCEPTED, Admission.QUARANTINED)

    @property
    def must_come_again(self) -> bool:
        """Whether the sender should try again, to whom repeating what was kept does no harm."""
        return self.admission in (Admission.FULL, Admission.NO_ROOM, Admission.TOO_OFTEN)

    @property
    def waits_for_somebody(self) -> bool:
        """Whether trying again is of no use before an operator has done something."""
        return self.admission is Admission.NO_ROOM


class Reason(StrEnum):
    """Why a mail is in quarantine."""

    NOBODY = "nobody"  # none of its addresses is one of ours, or lives
    TOO_LARGE = "too-large"
    TOO_NESTED = "too-nested"
    CUT = "cut"  # so large that only the beginning of what came is kept


def beyond_limits(raw: bytes) -> Reason | None:
    """What about `raw` exceeds what is given to a saga, None when nothing does.

    Counted without parsing: parsing is what such mail is made to hurt (mail-safety §7).
    """
    if len(raw) > SIZE_LIMIT:
        return Reason.TOO_LARGE
    nests = sum(1 for _ in islice(_NESTS.finditer(raw), NESTING_LIMIT + 1))
    return Reason.TOO_NESTED if nests > NESTING_LIMIT else None


def worst(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome to tell whoever can be told only one for all recipients: what must come again
    first, since the rest is recognised then; a refusal only when nobody took the mail."""
    again = (one for one in outcomes if one.must_come_again)
    kept = (one for one in outcomes if one.is_kept)
    return next(chain(again, kept, outcomes))
