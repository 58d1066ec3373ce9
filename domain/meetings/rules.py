"""The rules of a meeting: what each input and the passing of time lead to.

`decide` and `pass_time` are pure; the saga asks them and carries out what they say.
Changing them changes histories as surely as changing the saga: gate it by `workflow.patched`.
"""

from datetime import datetime

from domain.meetings.answers import take_answer, take_cancellation
from domain.meetings.course import Course
from domain.meetings.deadlines import lapse, next_wake
from domain.meetings.events import (
    AddressCorrected,
    CurrentStateResent,
    MailPreferenceStated,
    MeetingEvent,
    PartyUnreachable,
    RemarkReceived,
)
from domain.meetings.evolution import begin, evolve, fold
from domain.meetings.letters import Letter
from domain.meetings.messages import (
    AddressCorrection,
    Answer,
    Cancellation,
    Effect,
    InputOutcome,
    MailPreference,
    Opening,
    ProposalAnswer,
    Refresh,
    Remark,
    Reschedule,
    TakenInput,
    Undelivered,
    Unintelligible,
)
from domain.meetings.model import MeetingState, Offer, Partstat, Status
from domain.meetings.offers import due, first_future, offer, offer_next
from domain.meetings.postbag import letters_for
from domain.meetings.proposals import take_proposal_answer
from domain.meetings.ruling import Ruling, applied, refused
from domain.values import Frozen

__all__ = ["Decision", "begin", "decide", "evolve", "fold", "next_wake", "pass_time"]

_REFRESHES = 5
"""Copies of one revision a party's client may ask for; a client in a loop gets no more."""


class Decision(Frozen):
    """What follows from one input, or from time: facts, mails, and the input's outcome."""

    state: MeetingState
    events: tuple[MeetingEvent, ...]
    letters: tuple[Letter, ...]
    outcome: InputOutcome | None = None


def decide(state: MeetingState, taken: TakenInput, now: datetime) -> Decision:
    """What `taken` leads to, decided at `now` (aware UTC).

    Deadlines that had passed when the input was accepted take effect before it; a deadline
    that passed while it waited does not.
    """
    course = Course(state, now)
    lapse(course, min(taken.received_at, now))
    try:
        ruling = _rule(course, taken)
    except (ValueError, ArithmeticError) as fault:
        # Values beyond what the rules were made for must not stop a meeting for ever.
        course = Course(state, now)
        ruling = Ruling(Effect.SET_ASIDE, "not-understood", type(fault).__name__)
    outcome = InputOutcome(
        input_id=taken.id, effect=ruling.effect, code=ruling.code, detail=ruling.detail
    )
    return _decision(course, outcome)


def pass_time(state: MeetingState, until: datetime, now: datetime) -> Decision:
    """What was due by `until`, decided at `now` (both aware UTC); no events when nothing was.

    The two differ while a mail accepted at `until` is still unread.
    """
    course = Course(state, now)
    lapse(course, until)
    return _decision(course, None)


def _decision(course: Course, outcome: InputOutcome | None) -> Decision:
    return Decision(
        state=course.state,
        events=tuple(course.events),
        letters=tuple(letters_for(course)),
        outcome=outcome,
    )


def _rule(course: Course, taken: TakenInput) -> Ruling:  # noqa: C901  # one arm per input, flat
    match taken.body:
        case Opening():
            return _open(course)
        case Answer() as answer:
            return take_answer(course, taken, answer)
        case ProposalAnswer() as answer:
            return take_proposal_answer(course, taken, answer)
        case Refresh(party=party):
            return _refresh(course, taken, party)
        case Cancellation() as wish:
            return take_cancellation(course, taken, wish)
        case Reschedule() as reschedule:
            return _reschedule(course, reschedule)
        case Remark(party=party, verdict=verdict):
            course.happen(RemarkReceived(party=party, verdict=verdict, input=taken.id))
            return Ruling(Effect.SET_ASIDE, verdict, "Kept for the owner to read.")
        case Undelivered() as loss:
            return _lose(course, taken, loss)
        case AddressCorrection(party=party):
            return _correct(course, taken, party)
        case MailPreference(party=party, wish=wish):
            course.happen(MailPreferenceStated(party=party, wish=wish, input=taken.id))
            return applied(wish.value)
        case Unintelligible():
            return refused("not-understood", "This release of Parley cannot read it; it is kept.")


def _open(course: Course) -> Ruling:
    already = course.state.status is not Status.REQUESTED
    if already:
        return Ruling(Effect.DUPLICATE, "duplicate", "The parties had already been invited.")
    offer_next(course, Offer.FIRST, ending=Status.EXPIRED, by=0, reason="past")
    if course.state.status is Status.EXPIRED:
        return refused("past", "Every offered slot had passed before anybody could be invited.")
    return applied("invited")


def _lose(course: Course, taken: TakenInput, loss: Undelivered) -> Ruling:
    course.happen(
        PartyUnreachable(
            party=loss.party,
            letter=loss.letter,
            input=taken.id,
            certain=loss.certain,
            reason=loss.reason,
        )
    )
    return applied("unreachable" if loss.certain else "uncertain")


def _correct(course: Course, taken: TakenInput, party: int) -> Ruling:
    """The party gets what stands at its new address; the others need not know."""
    state = course.state
    if state.status.is_ended:
        return refused("already-ended", f"The meeting is already {state.status.value}.")
    answer_by = _more_time(state, party, course.now)
    course.happen(AddressCorrected(party=party, input=taken.id, answer_by=answer_by))
    return applied("corrected")


def _more_time(state: MeetingState, party: int, now: datetime) -> datetime | None:
    """A party that hears of the meeting only now has as long to answer as the others had."""
    owes = state.party(party).partstat in (Partstat.NEEDS_ACTION, Partstat.TENTATIVE)
    if state.status is not Status.NEGOTIATING or state.answer_by is None or not owes:
        return None
    slots = () if state.slot is None else (state.slot,)
    return max(state.answer_by, due(state, now, *slots))


def _refresh(course: Course, taken: TakenInput, party: int) -> Ruling:
    state = course.state
    if state.status is Status.OVER:
        return refused("over", "The meeting has taken place; there is nothing to send again.")
    if not state.revisions or state.party(party).refreshed >= _REFRESHES:
        return refused("too-many", "The current state had been sent again often enough.")
    course.happen(CurrentStateResent(party=party, input=taken.id))
    return applied("resent")


def _reschedule(course: Course, reschedule: Reschedule) -> Ruling:
    if course.state.status.is_ended:
        return refused("already-ended", f"The meeting is already {course.state.status.value}.")
    index = first_future(reschedule.slots, course.now)
    if index is None:
        return refused("past", "Every one of the new slots has passed.")
    slots = reschedule.slots
    offer(course, slots[index], Offer.RESCHEDULED, slot_index=index, slots=slots)
    return applied("rescheduled")
