"""Mail on its way out: what is to be sent, once, and what is known of it."""

from enum import StrEnum

from domain.postage import OnUnknown, Postage, Priority
from domain.values import Frozen, Instant


class Draft(Frozen):
    """A mail fixed by the decision that caused it: bytes, Date and Message-ID never change.

    `(kind, subject, occasion, recipient)` is its permanent business key: `subject` is the
    stream it is about, `occasion` the journal version of the decision. `mail_from` is the
    envelope sender (our bounce address).
    """

    kind: str
    subject: str
    occasion: str
    recipient: str
    party: int | None
    mail_from: str
    message_id: str
    raw: bytes
    postage: Postage = Postage()


class MessageState(StrEnum):
    """What is known of a message; see docs/outbox.md for the protocol.

    `uncertain` is the honest state of RFC 1047: the final dot was written, no reply was read.
    """

    QUEUED = "queued"
    CLAIMED = "claimed"  # a dispatcher has it; nothing sent
    SENDING = "sending"  # committed before the final dot
    SENT = "sent"
    RETRY = "retry"  # provably not accepted; due again at `next_at`
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    HELD = "held"  # until `next_at`, or, where that is `NEVER`, until a person releases it
    SUPPRESSED = "suppressed"  # its address takes no mail like this; see `Suppression`
    EXPIRED = "expired"  # not wanted any more: its `expires_at` passed before it left
    CANCELLED = "cancelled"  # dropped by a person
    MERGED = "merged"  # became a part of the digest `merged_into`


FINAL_STATES = frozenset(
    {
        MessageState.SENT,
        MessageState.FAILED,
        MessageState.UNCERTAIN,
        MessageState.SUPPRESSED,
        MessageState.EXPIRED,
        MessageState.CANCELLED,
        MessageState.MERGED,
    }
)


class Hold(StrEnum):
    """Why a message is held."""

    PERSON = "person"  # until a person releases it
    QUIET_HOURS = "quiet-hours"  # until the recipient's morning
    RECIPIENT_CAP = "recipient-cap"  # until the recipient has had less mail in a day
    DIGEST = "digest"  # until its digest is due
    SCHEDULED = "scheduled"  # until the instant its sender asked for


class Proof(StrEnum):
    """How it is known that a message was taken by the recipient's side."""

    REPLY = "reply"  # 250 to the final dot
    ASSUMED = "assumed"  # nobody knows; its kind says so (`OnUnknown.ASSUME_SENT`)
    ANSWER = "answer"  # somebody answered it, which they could not without having it
    CLICK = "click"  # a link that only it carries was followed
    REPORT = "report"  # a delivery report or a bounce came back for it (RFC 3464)
    PROVIDER = "provider"  # the relay's own event says so
    PERSON = "person"  # a person looked, and said so


class DeliveryFate(StrEnum):
    """What was heard of a message after it left, in the words senders share."""

    DELIVERED = "delivered"
    DELAYED = "delayed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


class SuppressionScope(StrEnum):
    """Which mail an address is not sent."""

    ALL = "all"
    OPTIONAL = "optional"  # reminders and the like: what can be unsubscribed from


class SuppressionReason(StrEnum):
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    PERSON = "person"


class Suppression(Frozen):
    """An address that an owner's mail does not go to, and why. `until` None: until lifted."""

    id: int
    owner: str
    address: str
    scope: SuppressionScope
    reason: SuppressionReason
    detail: str = ""
    message: int | None = None  # the one it came of
    created_at: Instant
    until: Instant | None = None

    @property
    def is_total(self) -> bool:
        """Whether no mail at all goes there, not only none that is optional."""
        return self.scope is SuppressionScope.ALL


class Phase(StrEnum):
    """How far an SMTP conversation got; decides what a failure means."""

    CONNECT = "connect"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"  # body written, final dot not yet
    DOT = "dot"  # final dot written, no reply read
    DONE = "done"  # the reply to the dot was read


class Report(Frozen):
    """What one attempt to send came to: the phase reached, and the reply if one was read.
    `server` says who took part, and how the line was protected: "host:port TLSv1.3"."""

    phase: Phase
    code: int | None = None
    reply: str = ""
    server: str | None = None


class Claim(Frozen):
    """A message in a dispatcher's hands. `token` fences: a result counts only with the token of
    the newest claim, so a dispatcher that slept through its lease cannot overwrite another's.
    `signature` is what it was signed with at an earlier attempt. `troubled`: its domain asked for
    less mail, and has not taken any since."""

    id: int
    token: int
    attempt: int
    kind: str
    subject: str
    party: int | None
    mail_from: str
    recipient: str
    raw: bytes
    created_at: Instant
    tried_at: Instant  # since when it has been tried; holds and the like counted out
    priority: Priority = Priority.NORMAL
    domain: str = ""  # the recipient's
    on_unknown: OnUnknown = OnUnknown.HOLD
    resends: int = 0
    signature: str | None = None
    troubled: bool = False


class Part(Frozen):
    """A message that is to become a part of the digest with the key `digest`."""

    id: int
    owner: str
    kind: str
    subject: str
    occasion: str
    recipient: str
    party: int | None
    mail_from: str
    message_id: str
    raw: bytes
    created_at: Instant
    digest: str


class MessageStatus(Frozen):
    """A message as operators see it; `message_id` finds it in anybody's logs."""

    id: int
    kind: str
    party: int | None
    message_id: str
    state: MessageState
    attempts: int
    created_at: Instant
    next_at: Instant
    sent_at: Instant | None = None
    last_reply: str | None = None
