"""How each fact changes what is known of a meeting: the fold from journal to state."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from domain.errors import NotFound
from domain.journal import JournalEvent
from domain.meetings.events import (
    AddressCorrected,
    AnswerRecorded,
    AnswerSetAside,
    CurrentStateResent,
    MeetingConfirmed,
    MeetingEnded,
    MeetingEvent,
    MeetingRequested,
    PartyUnreachable,
    ProposalAccepted,
    ProposalMade,
    ProposalRefused,
    ReminderSent,
    SlotOffered,
    from_journal,
)
from domain.meetings.model import (
    OWNER,
    MeetingState,
    Offer,
    Partstat,
    PartyState,
    Proposal,
    Revision,
    Status,
)

_NOTHING_SENT = {"resent": 0, "refreshed": 0, "refused": 0}
_KEYS_KEPT = 50
"""Answer keys remembered per party: more copies of one answer than any client was seen to send."""


def begin(event: MeetingRequested) -> MeetingState:
    """The state after the first event, at version 1."""
    parties = tuple(PartyState(number=n + 1) for n in range(event.terms.parties))
    return MeetingState(terms=event.terms, version=1, parties=parties)


def fold(events: Sequence[JournalEvent]) -> MeetingState:
    """The state that a meeting's whole stream leads to. Raises `NotFound` for an empty stream."""
    if not events:
        raise NotFound("There is no such meeting.")
    first, *rest = (from_journal(event.type, event.data) for event in events)
    if not isinstance(first, MeetingRequested):
        raise NotFound("The stream does not begin with MeetingRequested.")
    state = begin(first)
    for event, kept in zip(rest, events[1:], strict=True):
        state = evolve(state, event, kept.version, kept.at)
    return state


def evolve(state: MeetingState, event: MeetingEvent, version: int, at: datetime) -> MeetingState:
    """The state after `event`, decided at the instant `at`, became version `version`."""
    changes = _changes(state, event, version, at)
    if _is_mailed(event):
        changes["stamped_at"] = _next_stamp(state, at)
    return state.model_copy(update={"version": version, **changes})


def _is_mailed(event: MeetingEvent) -> bool:
    """Whether a calendar object may follow from the event."""
    match event:
        case AnswerSetAside():
            return event.resend
        case SlotOffered() | MeetingConfirmed() | MeetingEnded():
            return True
        case ProposalRefused() | CurrentStateResent() | AddressCorrected():
            return True
        case _:
            return False


def _next_stamp(state: MeetingState, at: datetime) -> datetime:
    """A DTSTAMP later than every one before. It counts whole seconds, and of two objects with one
    SEQUENCE and one DTSTAMP a calendar keeps whichever came first (RFC 5546 §2.1.5)."""
    stamp = at.replace(microsecond=0)
    if state.stamped_at is not None and stamp <= state.stamped_at:
        return state.stamped_at + timedelta(seconds=1)
    return stamp


def _changes(  # noqa: C901  # one arm per event type, flat
    state: MeetingState, event: MeetingEvent, version: int, at: datetime
) -> dict[str, Any]:
    match event:
        case SlotOffered():
            return _offered(state, event)
        case AnswerRecorded():
            return _answered(state, event)
        case ProposalMade():
            return _proposed(state, event, version)
        case AnswerSetAside(resend=True):
            return _with_party(state, event.party, resent=state.party(event.party).resent + 1)
        case CurrentStateResent():
            refreshed = state.party(event.party).refreshed + 1
            return _with_party(state, event.party, refreshed=refreshed)
        case PartyUnreachable(certain=True):
            return _with_party(state, event.party, unreachable=True)
        case AddressCorrected():
            return _moved(state, event)
        case ProposalAccepted():
            return _seconded(state, event)
        case ProposalRefused():
            return _refused(state, event)
        case MeetingConfirmed():
            return _confirmed(at)
        case ReminderSent(about="meeting"):
            return {"meeting_reminder_sent": True}
        case ReminderSent():
            return {"reminders_sent": event.number}
        case MeetingEnded():
            return _ended(state, event)
        case _:
            return {}


def _with_party(state: MeetingState, number: int, **changes: object) -> dict[str, Any]:
    parties = tuple(
        party.model_copy(update=changes) if party.number == number else party
        for party in state.parties
    )
    return {"parties": parties}


def _offered(state: MeetingState, event: SlotOffered) -> dict[str, Any]:
    parties = tuple(
        party.model_copy(update={"partstat": partstat, "answered_at": None, **_NOTHING_SENT})
        for party, partstat in zip(state.parties, event.partstats, strict=True)
    )
    changes: dict[str, Any] = {
        "status": Status.NEGOTIATING,
        "sequence": event.sequence,
        "slot": event.slot,
        "offer": event.offer,
        "origin": event.origin,
        "slot_index": event.slot_index,
        "parties": parties,
        "revisions": (*state.revisions, Revision(sequence=event.sequence, slot=event.slot)),
        "proposal": None,
        "asked_at": event.asked_at,
        "answer_by": event.answer_by,
        "reminders_sent": 0,
        "meeting_reminder_sent": False,
    }
    if event.slots is not None:
        changes["terms"] = state.terms.model_copy(update={"slots": event.slots})
    return {**changes, **_standing(state, event)}


def _standing(state: MeetingState, event: SlotOffered) -> dict[str, Any]:
    """The owner's slot that a party's time stands in for, with what the parties said to it."""
    if event.offer is not Offer.COUNTER:
        return {"standing": None, "standing_accepted": (), "standing_declined": ()}
    if state.origin != OWNER:
        return {}
    return {
        "standing": state.slot,
        "standing_accepted": _numbers(state, Partstat.ACCEPTED),
        "standing_declined": _numbers(state, Partstat.DECLINED),
    }


def _numbers(state: MeetingState, partstat: Partstat) -> tuple[int, ...]:
    return tuple(party.number for party in state.parties if party.partstat is partstat)


def _heard(state: MeetingState, event: AnswerRecorded | ProposalMade) -> dict[str, object]:
    """What to remember of an answer, so that copies and older ones are recognised."""
    heard = {"seen": _with_key(state, event.party, event.key), "unreachable": False}
    return heard if event.dtstamp is None else {**heard, "answered_at": event.dtstamp}


def _with_key(state: MeetingState, party: int, key: str) -> tuple[str, ...]:
    return (*state.party(party).seen, key)[-_KEYS_KEPT:]


def _answered(state: MeetingState, event: AnswerRecorded) -> dict[str, Any]:
    return _with_party(state, event.party, partstat=event.partstat, **_heard(state, event))


def _refused(state: MeetingState, event: ProposalRefused) -> dict[str, Any]:
    """Only the proposal that was refused is gone; another party's stays open."""
    changes: dict[str, Any] = {}
    if event.key:
        seen = _with_key(state, event.party, event.key)
        refused = state.party(event.party).refused + 1
        changes = _with_party(state, event.party, seen=seen, refused=refused)
    pending = state.proposal
    if pending is not None and (pending.party, pending.slot) == (event.party, event.slot):
        changes |= {"proposal": None, "reminders_sent": 0}
    return changes


def _moved(state: MeetingState, event: AddressCorrected) -> dict[str, Any]:
    """What was said from the old address stands; nothing has been sent to the new one yet."""
    changes = _with_party(state, event.party, unreachable=False, **_NOTHING_SENT)
    return changes if event.answer_by is None else {**changes, "answer_by": event.answer_by}


def _proposed(state: MeetingState, event: ProposalMade, version: int) -> dict[str, Any]:
    heard = _heard(state, event)
    if event.declined:
        heard["partstat"] = Partstat.DECLINED
    elif event.asked_at is None:
        heard["partstat"] = Partstat.TENTATIVE  # whoever proposes no longer stands by a yes
    changes = {"rounds": state.rounds + 1, **_with_party(state, event.party, **heard)}
    if event.asked_at is not None and event.answer_by is not None:
        changes["reminders_sent"] = 0
        changes["proposal"] = Proposal(
            party=event.party,
            slot=event.slot,
            version=version,
            asked_at=event.asked_at,
            answer_by=event.answer_by,
        )
    return changes


def _seconded(state: MeetingState, event: ProposalAccepted) -> dict[str, Any]:
    if state.proposal is None:
        return {}
    accepted = (*state.proposal.accepted_by, event.party)
    return {"proposal": state.proposal.model_copy(update={"accepted_by": accepted})}


def _confirmed(at: datetime) -> dict[str, Any]:
    return {
        "status": Status.CONFIRMED,
        "answer_by": None,
        "asked_at": at,
        "standing": None,
        "standing_accepted": (),
        "standing_declined": (),
        "proposal": None,
        "reminders_sent": 0,
    }


def _ended(state: MeetingState, event: MeetingEnded) -> dict[str, Any]:
    parties = tuple(party.model_copy(update=_NOTHING_SENT) for party in state.parties)
    return {
        "status": event.ending,
        "sequence": event.sequence,
        "parties": parties,
        "answer_by": None,
        "proposal": None,
    }
