"""What an integrator asks to be sent: a mail of its own kind, about a subject of its own.

`(kind, subject, occasion, recipient)` names it for ever, addresses compared whatever their
case: who asks again gets the same message, who asks for something else under the same name is
refused.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from domain.errors import BadInput, BadTimes, Refused
from domain.outbox.events import external_subject
from domain.postage import Postage
from domain.values import Address, Frozen, Instant, domain_of

KIND_PATTERN = r"^[a-z][a-z0-9-]{0,29}(\.[a-z0-9-]{1,30}){0,3}$"
SUBJECT_PATTERN = r"^[0-9A-Za-z][0-9A-Za-z._:~+=@/-]{0,119}$"
OCCASION_PATTERN = r"^[0-9A-Za-z][0-9A-Za-z._:~+=-]{0,59}$"

RESERVED_KINDS = frozenset({"meeting", "parley", "digest"})
"""First words of kinds that are Parley's own."""

MORNING = 8
"""The hour, on the recipient's clocks, at which a day's digest goes out."""

LONGEST_DELAY = timedelta(days=366)
SUBJECT_LIMIT = 200
TEXT_LIMIT = 100_000
"""Characters of a text or HTML body once its variables are filled in."""


class Correspondent(Frozen):
    """A mailbox in a header: a bare address and the name shown with it."""

    address: Address
    name: str = ""


class Words(Frozen):
    """A mail written out: one line for the subject, text, and HTML where there is some."""

    subject: str
    text: str
    html: str | None = None


class ReadyMime(Frozen):
    """A mail that its sender has put together: its headers are checked, its body is kept as it
    is."""

    raw: bytes


class Every(StrEnum):
    """How often a digest goes out."""

    HOUR = "PT1H"
    DAY = "P1D"


class DigestOrder(Frozen):
    """That a mail may wait and go as a part of one mail with others of its kind. `subject` is
    the digest's own; empty for the usual words."""

    every: Every
    subject: str = ""


def window_end(digest: DigestOrder, zone: str | None, now: datetime) -> datetime:
    """When the digest that is being collected at `now` goes out: at the next full hour, or at
    the next morning of `zone` (UTC without one). Always later than `now`."""
    if digest.every is Every.HOUR:
        return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    local = now.astimezone(ZoneInfo(zone or "UTC"))
    today = local.replace(hour=MORNING, minute=0, second=0, microsecond=0)
    morning = today if today > local else today + timedelta(days=1)
    return morning.astimezone(UTC)


class MessageOrder(Frozen):
    """A mail as its integrator asked for it, checked and written out.

    `fingerprint` tells a repetition from another request under the same key. `sender_name` is
    shown beside our address. `send_at` None: as soon as possible.
    """

    owner: str
    kind: str
    subject: str
    occasion: str
    recipient: Correspondent
    content: Words | ReadyMime
    sender_name: str
    reply_to: Correspondent | None = None
    postage: Postage = Postage()
    send_at: Instant | None = None
    digest: DigestOrder | None = None
    fingerprint: str

    @property
    def stream(self) -> str:
        """The stream it is about, as the outbox keeps it."""
        return external_subject(self.owner, self.subject)


class MessageDiffers(Refused):
    """Another mail has this kind, subject, occasion and recipient already."""

    code = "message-differs"

    def __init__(self, present: int) -> None:
        super().__init__(
            "A message with this kind, subject, occasion and recipient was asked for with other "
            f"content: message {present}. Ask under another occasion to send this one as well."
        )
        self.present = present


def check_message(order: MessageOrder, mail_domain: str) -> None:
    """Raises `BadInput` for what can be told without a clock, naming the field at fault."""
    if order.kind.partition(".")[0] in RESERVED_KINDS:
        raise BadInput("Kinds that begin so are Parley's own; choose another.", field="kind")
    if domain_of(order.recipient.address) == mail_domain.lower():
        raise BadInput("This is an address of Parley's own.", field="recipient.address")
    if order.digest is not None and isinstance(order.content, ReadyMime):
        raise BadInput("Ready MIME cannot be a part of a digest; send a template.", field="digest")
    if order.digest is not None and order.send_at is not None:
        raise BadInput("A digest says itself when it goes; leave `send_at` out.", field="send_at")


def check_message_times(order: MessageOrder, now: datetime) -> None:
    """Raises `BadTimes` for instants that make no sense at `now`. Not asked of repetitions, whose
    times may have passed meanwhile."""
    send_at, expires_at = order.send_at, order.postage.expires_at
    if send_at is not None and send_at - now > LONGEST_DELAY:
        raise BadTimes("A mail may wait for a year at most.", field="send_at")
    if expires_at is not None and expires_at <= _goes_at(order, now):
        raise BadTimes("It would expire before it is sent.", field="expires_at")


def _goes_at(order: MessageOrder, now: datetime) -> datetime:
    """The first instant at which it may be sent."""
    if order.digest is not None:
        return window_end(order.digest, order.postage.zone, now)
    return max(now, order.send_at or now)
