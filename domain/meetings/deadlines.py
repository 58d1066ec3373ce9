"""What time does to a meeting: reminders, silence, and the end.

The timer only wakes the saga; whether something is due is decided here, on stored instants.
"""

from datetime import datetime

from domain.meetings.course import Course
from domain.meetings.events import ReminderSent
from domain.meetings.model import OWNER, MeetingState, Offer, Partstat, Status
from domain.meetings.offers import end, offer_next, refuse_carried, refuse_pending, restore


def next_wake(state: MeetingState) -> datetime | None:
    """The next instant (aware UTC) at which time alone changes something, or None."""
    instants = [*_question_instants(state), *_meeting_instants(state)]
    return min(instants, default=None)


def _question_instants(state: MeetingState) -> list[datetime]:
    asked_at, answer_by = _question(state)
    if asked_at is None or answer_by is None:
        return []
    reminder = _next_reminder(state, asked_at, answer_by)
    return [answer_by] if reminder is None else [answer_by, reminder]


def _question(state: MeetingState) -> tuple[datetime | None, datetime | None]:
    """Since when and until when an answer is awaited."""
    if state.status is Status.NEGOTIATING:
        return state.asked_at, state.answer_by
    if state.status is Status.CONFIRMED and state.proposal is not None:
        return state.proposal.asked_at, state.proposal.answer_by
    return None, None


def _next_reminder(state: MeetingState, asked_at: datetime, answer_by: datetime) -> datetime | None:
    if not _owing(state):
        return None  # nobody who could be reached
    pending = state.terms.remind_after[state.reminders_sent :]
    instants = (asked_at + wait for wait in pending)
    return min((instant for instant in instants if instant < answer_by), default=None)


def _meeting_instants(state: MeetingState) -> list[datetime]:
    if state.status is not Status.CONFIRMED or state.slot is None:
        return []
    reminder = _meeting_reminder(state)
    return [state.slot.end] if reminder is None else [state.slot.end, reminder]


def _meeting_reminder(state: MeetingState) -> datetime | None:
    """When to remind of the meeting; never when it was agreed on later than that."""
    before = state.terms.remind_before
    if before is None or state.meeting_reminder_sent or state.slot is None:
        return None
    instant = state.slot.start - before
    agreed_in_time = state.asked_at is not None and state.asked_at < instant
    return instant if agreed_in_time else None


def lapse(course: Course, at: datetime) -> None:
    """Let everything happen that was due by `at`, one thing after the other.

    Each step moves the next instant forward or ends the meeting, so this comes to an end.
    """
    while (wake := next_wake(course.state)) is not None and wake <= at:
        _lapse_once(course, at)


def _lapse_once(course: Course, at: datetime) -> None:
    state = course.state
    if state.status is Status.CONFIRMED and state.slot is not None and state.slot.end <= at:
        end(course, Status.OVER, by=OWNER, reason="over")
        return
    _, answer_by = _question(state)
    if answer_by is not None and answer_by <= at:
        _silence(course)
        return
    _remind(course, at)


def _silence(course: Course) -> None:
    """Nobody answered in time: a proposal falls, and an offer ends the meeting, unless it was its
    own beginning that cut the time short: then the next slot gets its chance."""
    state = course.state
    if state.status is Status.CONFIRMED:
        refuse_pending(course, by=OWNER, reason="silence")
    elif state.origin != OWNER:
        refuse_carried(course, by=OWNER, reason="silence")
        restore(course, ending=Status.EXPIRED, by=OWNER, reason="silence")
    elif state.slot is not None and state.answer_by == state.slot.start:
        offer_next(course, Offer.NEXT, ending=Status.EXPIRED, by=OWNER, reason="silence")
    else:
        end(course, Status.EXPIRED, by=OWNER, reason="silence")


def _remind(course: Course, at: datetime) -> None:
    """One reminder stands for all that fell due while nobody was looking."""
    state = course.state
    asked_at, answer_by = _question(state)
    if asked_at is not None and answer_by is not None:
        number = sum(1 for wait in state.terms.remind_after if asked_at + wait <= at)
        if number > state.reminders_sent:
            about = "answer" if state.status is Status.NEGOTIATING else "proposal"
            owing = _owing(state)
            course.happen(ReminderSent(parties=owing, about=about, number=number))
            return
    numbers = tuple(party.number for party in state.parties)
    course.happen(ReminderSent(parties=numbers, about="meeting"))


def _owing(state: MeetingState) -> tuple[int, ...]:
    """The parties whose answer is awaited and who can be reached."""
    reachable = [party for party in state.parties if not party.unreachable]
    if state.proposal is not None:
        done = {state.proposal.party, *state.proposal.accepted_by}
        return tuple(party.number for party in reachable if party.number not in done)
    open_answers = (Partstat.NEEDS_ACTION, Partstat.TENTATIVE)
    return tuple(party.number for party in reachable if party.partstat in open_answers)
