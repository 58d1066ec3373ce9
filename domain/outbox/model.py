"""Mail on its way out: what is to be sent, once, and what is known of it."""

from enum import StrEnum

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


FINAL_STATES = frozenset({MessageState.SENT, MessageState.FAILED, MessageState.UNCERTAIN})


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
    """What one attempt to send came to: the phase reached, and the reply if one was read."""

    phase: Phase
    code: int | None = None
    reply: str = ""


class Claim(Frozen):
    """A message in a dispatcher's hands. `token` fences: a result counts only with the token of
    the newest claim, so a dispatcher that slept through its lease cannot overwrite another's."""

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
