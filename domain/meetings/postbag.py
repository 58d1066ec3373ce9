"""From facts to mails: which letters one decision sends, at most one calendar letter a party."""

from collections.abc import Iterator
from datetime import datetime
from typing import TypeVar

from domain.meetings.course import Course
from domain.meetings.events import (
    AnswerRecorded,
    AnswerSetAside,
    CurrentStateResent,
    MeetingConfirmed,
    MeetingEnded,
    ProposalMade,
    ProposalRefused,
    ReminderSent,
    SlotOffered,
)
from domain.meetings.letters import Letter, LetterKind
from domain.meetings.model import OWNER, Offer, Partstat, Status
from domain.values import Slot

E = TypeVar("E")


def letters_for(course: Course) -> Iterator[Letter]:
    """The letters that the decision in `course` sends.

    Only its end counts for the calendars: of several changes, the last one is mailed, so that
    nobody gets a time that was already off the table when the mail was written.
    """
    yield from _refusals(course)
    yield from _calendar_letters(course)
    yield from _questions(course)
    yield from _reminders(course)
    yield from _notices(course)


def _letter(course: Course, kind: LetterKind, party: int, **more: object) -> Letter:
    state = course.state
    fields: dict[str, object] = {
        "kind": kind,
        "party": party,
        "occasion": state.version,
        "at": _stamp(course),
        "sequence": state.sequence,
        "slot": state.slot,
        "partstats": tuple(each.partstat for each in state.parties),
        "answer_by": state.answer_by,
        **more,
    }
    return Letter.model_validate(fields)


def _stamp(course: Course) -> datetime:
    """The instant that letters carry: never the one of an earlier calendar object."""
    before, after = course.before.stamped_at, course.state.stamped_at
    return course.now if after is None or after == before else after


def _everybody(course: Course, kind: LetterKind, **more: object) -> Iterator[Letter]:
    for party in course.state.parties:
        yield _letter(course, kind, party.number, **more)


def _last(course: Course, kind: type[E]) -> E | None:
    """The last fact of one kind in this decision."""
    found = [event for event in course.events if isinstance(event, kind)]
    return found[-1] if found else None


def _calendar_letters(course: Course) -> Iterator[Letter]:
    ended = _last(course, MeetingEnded)
    offered = _last(course, SlotOffered)
    if ended is not None:
        yield from _cancellations(course, ended)
    elif _last(course, MeetingConfirmed) is not None:
        yield from _everybody(course, LetterKind.CONFIRMATION, **_why(course))
    elif offered is not None:
        first = offered.offer is Offer.FIRST
        kind = LetterKind.INVITATION if first else LetterKind.RESCHEDULE
        yield from _everybody(course, kind, **_why(course))
    else:
        for party in sorted(_to_resend(course)):
            yield _current(course, party)


def _cancellations(course: Course, ended: MeetingEnded) -> Iterator[Letter]:
    """A CANCEL to whoever was ever sent a REQUEST."""
    if ended.ending is Status.OVER or not course.before.revisions:
        return
    yield from _everybody(course, LetterKind.CANCELLATION, reason=ended.reason, by=ended.by)


def _current(course: Course, party: int) -> Letter:
    kind = LetterKind.CANCELLATION if course.state.status.is_ended else LetterKind.CURRENT
    return _letter(course, kind, party, reason="current")


def _to_resend(course: Course) -> set[int]:
    parties: set[int] = set()
    for event in course.events:
        match event:
            case AnswerSetAside(resend=True) | CurrentStateResent() | ProposalRefused():
                parties.add(event.party)
    return parties


def _why(course: Course) -> dict[str, object]:
    """What brought the time on the table, and whose deed it was."""
    state = course.state
    offer = state.offer or Offer.FIRST
    return {"reason": offer.value, "by": _doer(course, offer)}


def _doer(course: Course, offer: Offer) -> int:
    if offer in (Offer.COUNTER, Offer.AGREED):
        return course.state.origin
    refusal = _last(course, ProposalRefused)
    if offer is Offer.RESTORED and refusal is not None:
        return refusal.by
    answer = _last(course, AnswerRecorded)
    if answer is not None and answer.partstat is Partstat.DECLINED:
        return answer.party
    return OWNER


def _refusals(course: Course) -> Iterator[Letter]:
    """DECLINECOUNTER for proposals that came to nothing (RFC 5546 §3.2.8).

    None where the calendars say it better: the meeting ended, the proposer took it back, or
    another proposal took its place in the calendar.
    """
    if _last(course, MeetingEnded) is not None:
        return
    for event in _last_refusals(course):
        yield _letter(
            course,
            LetterKind.PROPOSAL_DECLINED,
            event.party,
            sequence=event.sequence,
            slot=event.slot,
            reason=event.reason,
            by=event.by,
            proposed=event.slot,
        )


def _last_refusals(course: Course) -> list[ProposalRefused]:
    """One a party, as every kind of letter is sent once in a decision."""
    carried = course.before.status is Status.NEGOTIATING
    told: dict[int, ProposalRefused] = {}
    for event in course.events:
        if not isinstance(event, ProposalRefused) or event.reason == "withdrawn":
            continue
        if event.reason == "replaced" and carried:
            continue
        told[event.party] = event
    return list(told.values())


def _questions(course: Course) -> Iterator[Letter]:
    proposal = course.state.proposal
    made = _last(course, ProposalMade)
    if proposal is None or made is None or made.asked_at is None:
        return
    for party in course.state.others(proposal.party):
        yield _about_proposal(course, LetterKind.PROPOSAL_QUESTION, party)


def _about_proposal(course: Course, kind: LetterKind, party: int) -> Letter:
    proposal = course.state.proposal
    slot: Slot | None = proposal.slot if proposal else None
    return _letter(
        course,
        kind,
        party,
        proposed=slot,
        by=proposal.party if proposal else OWNER,
        answer_by=proposal.answer_by if proposal else None,
    )


def _reminders(course: Course) -> Iterator[Letter]:
    if course.state.status.is_ended:
        return
    for event in course.events:
        if not isinstance(event, ReminderSent) or _overtaken(course, event):
            continue
        for party in event.parties:
            yield _reminder(course, event.about, party)


def _overtaken(course: Course, event: ReminderSent) -> bool:
    """Whether the question was settled later in the same decision, or the meeting has begun."""
    state = course.state
    match event.about:
        case "answer":
            return state.status is not Status.NEGOTIATING
        case "proposal":
            return state.proposal is None
        case _:
            begun = state.slot is None or state.slot.start <= course.now
            return state.status is not Status.CONFIRMED or begun


def _reminder(course: Course, about: str, party: int) -> Letter:
    match about:
        case "answer":
            return _letter(course, LetterKind.ANSWER_REMINDER, party)
        case "proposal":
            return _about_proposal(course, LetterKind.PROPOSAL_REMINDER, party)
        case _:
            return _letter(course, LetterKind.MEETING_REMINDER, party)


def _notices(course: Course) -> Iterator[Letter]:
    """Somebody answered from an address we do not know: the registered one is told."""
    for event in course.events:
        match event:
            case AnswerRecorded(aligned=False):
                partstat = event.partstat
            case ProposalMade(aligned=False):
                partstat = Partstat.DECLINED if event.declined else Partstat.TENTATIVE
            case _:
                continue
        proposed = event.slot if isinstance(event, ProposalMade) else None
        yield _letter(course, LetterKind.NOTICE, event.party, partstat=partstat, proposed=proposed)
