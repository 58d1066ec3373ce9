"""Where a meeting stands, for the operator's eye: parties by number, times in UTC, no names."""

from datetime import datetime

from domain.meetings.events import MeetingEvent
from domain.meetings.messages import MeetingInput
from domain.meetings.model import MeetingState, PartyState, Status
from domain.values import Slot

_HEADLINES = {
    Status.REQUESTED: "Asked for; nobody has been invited yet",
    Status.NEGOTIATING: "Looking for a time",
    Status.CONFIRMED: "Agreed",
    Status.DECLINED: "Ended: no time suited everybody",
    Status.EXPIRED: "Ended: not everybody answered",
    Status.CANCELLED: "Ended: called off",
    Status.OVER: "Over",
}


def details(state: MeetingState) -> str:
    """The meeting as a few lines of Markdown."""
    lines = [f"**{_HEADLINES[state.status]}**", ""]
    if state.slot is not None:
        lines.append(f"- time: {_slot(state.slot)} (revision {state.sequence}, {_origin(state)})")
    lines += [f"- party {party.number}: {_answer(party)}" for party in state.parties]
    if state.proposal is not None:
        by, slot = state.proposal.party, _slot(state.proposal.slot)
        lines.append(f"- party {by} proposes {slot}; the others have been asked")
    if state.answer_by is not None:
        lines.append(f"- answers are due by {_instant(state.answer_by)}")
    return "\n".join(lines)


def _slot(slot: Slot) -> str:
    return f"{_instant(slot.start)} to {slot.end:%H:%M} UTC"


def _instant(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"


def _origin(state: MeetingState) -> str:
    return f"proposed by party {state.origin}" if state.origin else "offered by the owner"


def _answer(party: PartyState) -> str:
    said = party.partstat.value.lower().replace("needs-action", "has not answered")
    return f"{said}; mail to it cannot be delivered" if party.unreachable else said


def input_summary(body: MeetingInput) -> str:
    """An input in a few words, for the summary of the activity that records it."""
    party = getattr(body, "party", 0)
    who = f"party {party}" if party else "owner"
    return f"{who}: {body.kind}"


def events_summary(events: tuple[MeetingEvent, ...]) -> str:
    """What was decided, in the names of its facts."""
    return ", ".join(event.type for event in events) or "nothing new"
