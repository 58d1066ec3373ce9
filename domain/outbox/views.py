"""Messages as their owner sees them: which ones to list, one with its story, how many there are."""

from collections.abc import Mapping

from pydantic import Field

from domain.journal import JournalEvent
from domain.outbox.model import DeliveryFate, Hold, MessageState, Proof
from domain.outbox.transitions import Standing
from domain.postage import OnUnknown, Priority
from domain.values import Frozen, Instant

MOST_COUNTED = 2_000
"""How many messages on their way, or sent, are counted for a list; the newest of them."""


class MessageView(Frozen):
    """One message: what it is, and all that is known of it.

    `subject` is the stream it is about. `next_at` is when it is due again, while it waits.
    """

    id: int
    owner: str
    kind: str
    subject: str
    occasion: str
    party: int | None
    recipient: str
    message_id: str
    state: MessageState
    attempts: int
    created_at: Instant
    next_at: Instant
    sent_at: Instant | None = None
    last_reply: str | None = None
    priority: Priority = Priority.NORMAL
    on_unknown: OnUnknown = OnUnknown.HOLD
    expires_at: Instant | None = None
    zone: str | None = None
    quiet: bool = False
    optional: bool = False
    held_because: Hold | None = None
    resends: int = 0
    proof: Proof | None = None
    fate: DeliveryFate | None = None
    digest: str | None = None
    merged_into: int | None = None
    whole_state: MessageState | None = None  # of the digest it was merged into
    whole_fate: DeliveryFate | None = None
    raw_forgotten_at: Instant | None = None
    is_former: bool = False  # it went to an address that its party has no longer

    @property
    def standing(self) -> Standing:
        """What decides what may be done about it."""
        return Standing(
            state=self.state,
            held_because=self.held_because if self.state is MessageState.HELD else None,
            has_bytes=self.raw_forgotten_at is None,
            is_former=self.is_former,
        )


def needs_attention(message: MessageView) -> bool:
    """Whether somebody should look at it: in doubt, failed, bounced, or held by a person."""
    is_held = message.state is MessageState.HELD and message.held_because is Hold.PERSON
    has_failed = message.state in (MessageState.UNCERTAIN, MessageState.FAILED)
    came_back = message.fate in (DeliveryFate.BOUNCED, DeliveryFate.COMPLAINED)
    return is_held or has_failed or came_back


class MessageFilter(Frozen):
    """Which messages to list, newest first. Ranges include their start and exclude their end.

    `kind` is one, or with a dot at its end all that begin so. `recipient` finds an address whatever
    its case; `subject` is a stream (`meeting/7f3a…`) or an integrator's own id. A page goes on
    below the id `before`.
    """

    owner: str
    states: tuple[MessageState, ...] = ()
    kind: str | None = None
    recipient: str | None = None
    subject: str | None = None
    created_from: Instant | None = None
    created_before: Instant | None = None
    sent_from: Instant | None = None
    sent_before: Instant | None = None
    needs_attention: bool = False
    before: int | None = None
    limit: int = Field(default=50, ge=1, le=201)


class TimelineLine(Frozen):
    """One thing that happened to a message. `type` is a stable word: an event's type, `attempt`,
    or what was done or heard. `phase`, `code` and `server` are of attempts only; so is `times`,
    where the relay let several down in the same way, the last of them at `until`. `by` is the
    API key behind a person's deed."""

    at: Instant
    type: str
    text: str
    phase: str | None = None
    code: int | None = None
    server: str | None = None
    state: str | None = None
    times: int = 1
    until: Instant | None = None
    by: str | None = None


class MessageStory(Frozen):
    """A message with everything that happened to it, in order."""

    message: MessageView
    timeline: tuple[TimelineLine, ...]
    cause: JournalEvent | None = None  # the decision it followed from
    resent_as: tuple[int, ...] = ()  # the ids of its resends


class MessageBytes(Frozen):
    """A message as it is sent. `raw` is None once its bytes were forgotten."""

    id: int
    raw: bytes | None
    forgotten_at: Instant | None = None


StateCounts = Mapping[MessageState, int]
