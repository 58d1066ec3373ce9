"""The facts of a meeting, as its journal keeps them. Type names and fields are frozen; fields are
only ever added, with defaults. No personal data: parties are numbers, words stay with the input.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from domain.journal import NewEvent
from domain.meetings.messages import Via
from domain.meetings.model import Offer, Partstat, Status, Terms
from domain.postage import MailWish
from domain.values import Frozen, Instant, Slot


class MeetingRequested(Frozen):
    """The owner asked for a meeting. The only event not appended by the saga."""

    type: Literal["MeetingRequested"] = "MeetingRequested"
    terms: Terms


class SlotOffered(Frozen):
    """A time went into every calendar as a REQUEST with this SEQUENCE.

    `partstats` are the answers the parties stand with, in order of their numbers.
    """

    type: Literal["SlotOffered"] = "SlotOffered"
    sequence: int
    slot: Slot
    offer: Offer
    origin: int
    slot_index: int
    partstats: tuple[Partstat, ...]
    asked_at: Instant
    answer_by: Instant
    slots: tuple[Slot, ...] | None = None  # the owner's new slots, when rescheduled


class AnswerRecorded(Frozen):
    """A party's answer to the current revision was applied."""

    type: Literal["AnswerRecorded"] = "AnswerRecorded"
    party: int
    partstat: Partstat
    sequence: int
    via: Via
    key: str
    dtstamp: Instant | None = None
    aligned: bool = True
    input: int | None = None


class AnswerSetAside(Frozen):
    """An answer was kept but not applied. `reason`: stale, ahead, superseded, ended,
    other-party, foreign-event, unconfirmed, no-answer, unchanged, delegated.

    `resend`: the party gets the current state again. `aligned` is False when nobody knows the
    address it came from, and the registered one is told."""

    type: Literal["AnswerSetAside"] = "AnswerSetAside"
    party: int
    reason: str
    partstat: Partstat | None = None
    sequence: int | None = None
    resend: bool = False
    input: int | None = None
    aligned: bool = True


class ProposalMade(Frozen):
    """A party proposed another time. `declined`: it declined the present one as well."""

    type: Literal["ProposalMade"] = "ProposalMade"
    party: int
    slot: Slot
    declined: bool
    via: Via
    key: str
    dtstamp: Instant | None = None
    aligned: bool = True
    input: int | None = None
    # After confirmation the others are asked before any calendar changes:
    asked_at: Instant | None = None
    answer_by: Instant | None = None


class ProposalAccepted(Frozen):
    """A party agreed to a time proposed after confirmation."""

    type: Literal["ProposalAccepted"] = "ProposalAccepted"
    party: int
    proposal: int
    input: int | None = None


class ProposalRefused(Frozen):
    """A proposal came to nothing; its proposer is told (RFC 5546 §3.2.8).

    `by` is who refused (0: the rules). `reason`: declined, replaced, withdrawn, past, too-long,
    too-short, too-far, begun, rounds, silence. `sequence` is the revision the proposal answered.
    """

    type: Literal["ProposalRefused"] = "ProposalRefused"
    party: int
    slot: Slot | None
    by: int
    reason: str
    sequence: int
    input: int | None = None
    # Of one refused by the rules: what makes copies of it known, and whether its sender is told.
    key: str = ""
    told: bool = True


class MeetingConfirmed(Frozen):
    """Every party has accepted the current revision."""

    type: Literal["MeetingConfirmed"] = "MeetingConfirmed"
    sequence: int
    slot: Slot


class ReminderSent(Frozen):
    """Parties were reminded: `about` answer or proposal (they owe one), or the meeting itself."""

    type: Literal["ReminderSent"] = "ReminderSent"
    parties: tuple[int, ...]
    about: str
    number: int = 1  # the how-manieth of this question


class CurrentStateResent(Frozen):
    """A party asked for the current state of the event and got it (RFC 5546 §3.2.6)."""

    type: Literal["CurrentStateResent"] = "CurrentStateResent"
    party: int
    input: int | None = None


class RemarkReceived(Frozen):
    """Mail from a party that changes nothing by itself; the owner is told."""

    type: Literal["RemarkReceived"] = "RemarkReceived"
    party: int
    verdict: str
    input: int | None = None


class PartyUnreachable(Frozen):
    """A mail to a party failed for good, or not `certain`: may have; the owner is told, with the
    `reason` of `Undelivered`."""

    type: Literal["PartyUnreachable"] = "PartyUnreachable"
    party: int
    letter: str
    input: int | None = None
    certain: bool = True
    reason: str = ""


class AddressCorrected(Frozen):
    """A party is written to elsewhere from now on, under new tokens, and was sent what stands; the
    address is among the words of `input`. `answer_by` is the new deadline where an answer was
    awaited and got more time."""

    type: Literal["AddressCorrected"] = "AddressCorrected"
    party: int
    input: int
    answer_by: Instant | None = None


class MailPreferenceStated(Frozen):
    """A party said which mail it wants; the outbox obeys, the meeting goes on."""

    type: Literal["MailPreferenceStated"] = "MailPreferenceStated"
    party: int
    wish: MailWish
    input: int | None = None


class MeetingEnded(Frozen):
    """The meeting is over, one way or another. `by` is who ended it (0: owner or time).

    `sequence` is that of the CANCEL when there is one to send, else the last revision's.
    """

    type: Literal["MeetingEnded"] = "MeetingEnded"
    ending: Status
    by: int
    sequence: int
    reason: str


MeetingEvent = Annotated[
    MeetingRequested
    | SlotOffered
    | AnswerRecorded
    | AnswerSetAside
    | ProposalMade
    | ProposalAccepted
    | ProposalRefused
    | MeetingConfirmed
    | ReminderSent
    | CurrentStateResent
    | RemarkReceived
    | PartyUnreachable
    | AddressCorrected
    | MailPreferenceStated
    | MeetingEnded,
    Field(discriminator="type"),
]

_adapter: TypeAdapter[MeetingEvent] = TypeAdapter(MeetingEvent)


def to_journal(event: MeetingEvent) -> NewEvent:
    """The event as the journal takes it."""
    data = event.model_dump(mode="json", exclude={"type"})
    return NewEvent(type=event.type, data=data)


def from_journal(event_type: str, data: dict[str, object]) -> MeetingEvent:
    """The event that `to_journal` wrote. Raises pydantic's ValidationError on unknown types."""
    return _adapter.validate_python({"type": event_type, **data}, strict=False)
