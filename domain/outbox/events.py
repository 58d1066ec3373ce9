"""What happened to a message of an integrator's own: facts on its own stream, for its owner.

A meeting's mails are told of by the meeting's events. Type names and fields are frozen; the
facts name the kind, subject and occasion that the integrator chose, and nobody.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from domain.access import nameless
from domain.journal import NewEvent
from domain.outbox.model import DeliveryFate, MessageState


class MessageEvent(StrEnum):
    """Types of a message's events."""

    REQUESTED = "MessageRequested"
    HELD = "MessageHeld"
    RELEASED = "MessageReleased"
    SENT = "MessageSent"
    FAILED = "MessageFailed"
    UNCERTAIN = "MessageUncertain"
    SUPPRESSED = "MessageSuppressed"
    EXPIRED = "MessageExpired"
    CANCELLED = "MessageCancelled"
    MERGED = "MessageMerged"
    DELIVERED = "MessageDelivered"
    DELAYED = "MessageDelayed"
    BOUNCED = "MessageBounced"
    COMPLAINED = "MessageComplained"


_OF_STATE: Mapping[MessageState, MessageEvent] = {
    MessageState.HELD: MessageEvent.HELD,
    MessageState.SENT: MessageEvent.SENT,
    MessageState.FAILED: MessageEvent.FAILED,
    MessageState.UNCERTAIN: MessageEvent.UNCERTAIN,
    MessageState.SUPPRESSED: MessageEvent.SUPPRESSED,
    MessageState.EXPIRED: MessageEvent.EXPIRED,
    MessageState.CANCELLED: MessageEvent.CANCELLED,
    MessageState.MERGED: MessageEvent.MERGED,
}
_OF_FATE: Mapping[DeliveryFate, MessageEvent] = {
    DeliveryFate.DELIVERED: MessageEvent.DELIVERED,
    DeliveryFate.DELAYED: MessageEvent.DELAYED,
    DeliveryFate.BOUNCED: MessageEvent.BOUNCED,
    DeliveryFate.COMPLAINED: MessageEvent.COMPLAINED,
}

_EXTERNAL = "external/"


def stream_of(message_id: int) -> str:
    """The journal stream of a message."""
    return f"message/{message_id}"


def external_subject(owner: str, subject: str) -> str:
    """The stream that an integrator's own mails about `subject` belong to."""
    return f"{_EXTERNAL}{owner}/{subject}"


def own_subject(stream: str) -> str | None:
    """The integrator's own subject id within a stream; None for other streams."""
    if not stream.startswith(_EXTERNAL):
        return None
    return stream.removeprefix(_EXTERNAL).partition("/")[2]


def external_owner(stream: str) -> str | None:
    """Whose own subject a stream is; None for other streams."""
    if not stream.startswith(_EXTERNAL):
        return None
    return stream.removeprefix(_EXTERNAL).partition("/")[0]


def returning_stream(stream: str, address: str) -> str:
    """The stream that what comes back of an integrator's mails about `stream` to one address is
    kept under: what one recipient was told must not speak of another's mail. It names nobody."""
    return f"{stream}/to/{nameless(address)}"


def is_external(stream: str) -> bool:
    """Whether a message about `stream` is told of by events of its own."""
    return stream.startswith(_EXTERNAL)


def event_of_state(state: MessageState) -> MessageEvent | None:
    """The event that tells of `state`; None for what is simply on its way."""
    return _OF_STATE.get(state)


def event_of_fate(fate: DeliveryFate) -> MessageEvent:
    """The event that tells of what was heard after a message had left."""
    return _OF_FATE[fate]


def told(type: MessageEvent, kind: str, stream: str, occasion: str, **more: Any) -> NewEvent:
    """The fact as it is appended; `more` names nobody."""
    subject = own_subject(stream) or stream
    data = {"kind": kind, "subject": subject, "occasion": occasion, **more}
    return NewEvent(type=type.value, data=data)


def sentence(type: str, data: Mapping[str, Any]) -> str:
    """The fact in one English sentence; what has no words of its own is named by its type."""
    what = f"The mail {data.get('kind', '')} about {data.get('subject', '')}"
    words = _WORDS.get(type)
    return f"{what} {words}." if words else f"{what}: {type}."


_WORDS: Mapping[str, str] = {
    MessageEvent.REQUESTED: "was asked for",
    MessageEvent.HELD: "is held back",
    MessageEvent.RELEASED: "was released",
    MessageEvent.SENT: "was sent",
    MessageEvent.FAILED: "could not be delivered",
    MessageEvent.UNCERTAIN: "may or may not have arrived: the server's answer never came",
    MessageEvent.SUPPRESSED: "was not sent: its recipient takes no mail like it",
    MessageEvent.EXPIRED: "was not sent: it was not wanted any more",
    MessageEvent.CANCELLED: "was dropped",
    MessageEvent.MERGED: "became a part of a digest",
    MessageEvent.DELIVERED: "was delivered",
    MessageEvent.DELAYED: "is delayed on its way",
    MessageEvent.BOUNCED: "came back",
    MessageEvent.COMPLAINED: "was complained about",
}
