"""What a party chose on its page, and the input that it becomes.

Which deeds are possible is the table in `transitions`; this says what they were about.
"""

from datetime import datetime

from domain.errors import BadTimes
from domain.meetings.messages import (
    Answer,
    Cancellation,
    MeetingInput,
    ProposalAnswer,
    ProposedTime,
    Via,
)
from domain.meetings.model import MeetingState, Partstat
from domain.meetings.proposals import unacceptable
from domain.meetings.transitions import Deed
from domain.values import Frozen, Slot


class Seen(Frozen):
    """What a party was looking at when it chose: the revision, and the proposal made after
    confirmation (0: none). A choice about what has changed since is then told apart."""

    sequence: int
    proposal: int = 0


def seen_by(state: MeetingState) -> Seen:
    """What the pages show in `state`."""
    pending = 0 if state.proposal is None else state.proposal.version
    return Seen(sequence=state.sequence, proposal=pending)


def input_of(deed: Deed, party: int, seen: Seen) -> MeetingInput:
    """The input that `deed` of `party` becomes; a proposal is made by `proposal_of`."""
    match deed:
        case Deed.WITHDRAW | Deed.CANCEL:
            return Cancellation(party=party)
        case Deed.AGREE | Deed.DISAGREE | Deed.TAKE_BACK:
            accepts = deed is Deed.AGREE
            return ProposalAnswer(party=party, proposal=seen.proposal, accepts=accepts)
    return Answer(party=party, partstat=_PARTSTAT[deed], sequence=seen.sequence, via=Via.PAGE)


_PARTSTAT = {
    Deed.ACCEPT: Partstat.ACCEPTED,
    Deed.TENTATIVE: Partstat.TENTATIVE,
    Deed.DECLINE: Partstat.DECLINED,
}


def proposal_of(party: int, seen: Seen, slot: Slot, *, declines_present: bool) -> Answer:
    """A proposal of `slot`; `declines_present` says that the present time is impossible."""
    return Answer(
        party=party,
        partstat=Partstat.DECLINED if declines_present else None,
        proposal=ProposedTime(start=slot.start, end=slot.end),
        sequence=seen.sequence,
        via=Via.PAGE,
    )


def check_proposal(state: MeetingState, slot: Slot, now: datetime) -> None:
    """Refuses at once what the rules would refuse later. Raises `BadTimes`."""
    if slot == state.slot:
        raise BadTimes("This is the time that is being asked about already.", field="date")
    reason = unacceptable(state, slot, now)
    if reason is not None:
        raise BadTimes(_WHY_NOT[reason], field="minutes" if reason in _LENGTHS else "date")


_LENGTHS = frozenset({"too-long", "too-short"})

_WHY_NOT = {
    "past": "This time has already passed; choose a later one.",
    "too-long": "A meeting may last 24 hours at most.",
    "too-short": "A meeting lasts at least five minutes.",
    "rounds": "There have been as many proposals as this meeting allows.",
}
