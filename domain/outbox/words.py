"""A message's state in plain English: what it means, and what happens next."""

from collections.abc import Mapping

from domain.outbox.model import DeliveryFate, Hold, MessageState, Proof
from domain.outbox.views import MessageView

_STATES: Mapping[MessageState, str] = {
    MessageState.QUEUED: "waiting to be sent",
    MessageState.CLAIMED: "about to be sent",
    MessageState.SENDING: "being sent",
    MessageState.RETRY: "not accepted yet; it is tried again",
    MessageState.SENT: "sent",
    MessageState.FAILED: "could not be delivered",
    MessageState.UNCERTAIN: (
        "handed over, but the server's answer never came: it may or may not have arrived"
    ),
    MessageState.HELD: "held back",
    MessageState.SUPPRESSED: "not sent: its address takes no mail like this",
    MessageState.EXPIRED: "not sent: it was not wanted any more",
    MessageState.CANCELLED: "dropped by a person",
    MessageState.MERGED: "became a part of a digest",
}
_HOLDS: Mapping[Hold, str] = {
    Hold.PERSON: "held by a person until somebody releases it",
    Hold.QUIET_HOURS: "held until the recipient's quiet hours are over",
    Hold.RECIPIENT_CAP: "held: its recipient has had as much mail in a day as is allowed",
    Hold.DIGEST: "held until its digest goes out",
    Hold.SCHEDULED: "held until the time it was asked for",
}
_PROOFS: Mapping[Proof, str] = {
    Proof.REPLY: "the server said that it was taken",
    Proof.ASSUMED: "nobody knows; mail of its kind counts as sent",
    Proof.ANSWER: "it was answered",
    Proof.CLICK: "a link in it was followed",
    Proof.REPORT: "a report came back for it",
    Proof.PROVIDER: "the relay said so",
    Proof.PERSON: "a person said so",
}
_FATES: Mapping[DeliveryFate, str] = {
    DeliveryFate.DELIVERED: "delivered",
    DeliveryFate.DELAYED: "delayed on its way",
    DeliveryFate.BOUNCED: "came back",
    DeliveryFate.COMPLAINED: "its recipient complained",
}


def state_words(message: MessageView) -> str:
    """What the state of `message` means."""
    if message.state is MessageState.HELD and message.held_because is not None:
        return _HOLDS[message.held_because]
    words = _STATES[message.state]
    if message.whole_state is not None:
        words = f"{words}: {_STATES[message.whole_state]}"
    if message.state is MessageState.SENT and message.proof is not None:
        words = f"{words}: {_PROOFS[message.proof]}"
    fate = message.fate or message.whole_fate
    return words if fate is None else f"{words}; {_FATES[fate]}"


def is_planned(message: MessageView) -> bool:
    """Whether `next_at` says when something happens to it by itself."""
    if message.state is MessageState.HELD:
        return message.held_because is not Hold.PERSON
    return message.state in (MessageState.QUEUED, MessageState.RETRY)
