"""From facts to mails: which letters one decision sends, at most one calendar letter a party."""

from collections.abc import Iterator
from datetime import datetime
from typing import TypeVar

from domain.meetings.course import Course
from domain.meetings.events import (
    AddressCorrected,
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
from domain.meetings.letters import CORRECTED, Letter, LetterKind
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
        corrected = _corrected(course)
        for party in sorted(_to_resend(course) | corrected):
            yield _first(course, party) if party in corrected else _current(course, party)


def _cancellations(course: Course, ended: MeetingEnded) -> Iterator[Letter]:
    """A CANCEL to whoever was ever sent a REQUEST."""
    if ended.ending is Status.OVER or not course.before.revisions:
        return
    yield from _everybody(course, LetterKind.CANCELLATION, reason=ended.reason, by=ended.by)


def _current(course: Course, party: int) -> Letter:
    kind = LetterKind.CANCELLATION if course.state.status.is_ended else LetterKind.CURRENT
    return _letter(course, kind, party, reason="current")


def _corrected(course: Course) -> set[int]:
    """Parties with a new address, if there is anything that they must know."""
    if not course.state.revisions:
        return set()
    return {event.party for event in course.events if isinstance(event, AddressCorrected)}


def _first(course: Course, party: int) -> Letter:
    """What stands, for somebody who perhaps never heard of the meeting."""
    is_open = course.state.status is Status.NEGOTIATING
    kind = LetterKind.INVITATION if is_open else LetterKind.CURRENT
    return _letter(course, kind, party, reason=CORRECTED)


def _to_resend(course: Course) -> set[int]:
    parties = {refusal.party for refusal in _refusals_told(course)}
    for event in course.events:
        match event:
            case AnswerSetAside(resend=True) | CurrentStateResent():
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
    """DECLINECOUNTER for proposals that came to nothing (RFC 5546 §3.2.8), unless the meeting has
    ended, which the CANCEL says."""
    if _last(course, MeetingEnded) is not None:
        return
    for event in _refusals_told(course):
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


def _refusals_told(course: Course) -> list[ProposalRefused]:
    """The last one a party, as every kind of letter is sent once in a decision.

    Not those that their proposer took back, nor those that another proposal replaced: the
    question about that one says so.
    """
    told: dict[int, ProposalRefused] = {}
    for event in course.events:
        silent = isinstance(event, ProposalRefused) and event.reason in ("withdrawn", "replaced")
        if isinstance(event, ProposalRefused) and event.told and not silent:
            told[event.party] = event
    return list(told.values())


def _questions(course: Course) -> Iterator[Letter]:
    """The others are asked about a proposal made after confirmation, or told that it is no more."""
    proposal = course.state.proposal
    made = _last(course, ProposalMade)
    if proposal is not None and made is not None and made.asked_at is not None:
        for party in course.state.others(proposal.party):
            yield _about_proposal(course, LetterKind.PROPOSAL_QUESTION, party)
    elif proposal is not None:
        done = {proposal.party, *proposal.accepted_by}
        for party in sorted(_corrected(course) - done):
            yield _about_proposal(course, LetterKind.PROPOSAL_QUESTION, party)
    asked = course.before.proposal
    refusal = _last(course, ProposalRefused)
    took_back = refusal is not None and refusal.reason == "withdrawn"
    if asked is not None and took_back and course.state.status is Status.CONFIRMED:
        for party in course.state.others(asked.party):
            yield _letter(
                course,
                LetterKind.PROPOSAL_WITHDRAWN,
                party,
                by=asked.party,
                proposed=asked.slot,
            )


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
    for index, event in enumerate(course.events):
        if isinstance(event, ReminderSent) and not _overtaken(course, event, index):
            for party in event.parties:
                yield _reminder(course, event.about, party)


def _overtaken(course: Course, event: ReminderSent, index: int) -> bool:
    """Whether the same decision went on to settle the question, to ask another one, or came
    after the meeting had begun."""
    state = course.state
    asked_anew = any(
        isinstance(later, SlotOffered | ProposalMade) for later in course.events[index:]
    )
    match event.about:
        case "answer":
            return asked_anew or state.status is not Status.NEGOTIATING
        case "proposal":
            return asked_anew or state.proposal is None or state.status.is_ended
        case _:
            begun = state.slot is None or state.slot.start <= course.now
            return asked_anew or begun or state.status is not Status.CONFIRMED


def _reminder(course: Course, about: str, party: int) -> Letter:
    match about:
        case "answer":
            return _letter(course, LetterKind.ANSWER_REMINDER, party)
        case "proposal":
            return _about_proposal(course, LetterKind.PROPOSAL_REMINDER, party)
        case _:
            return _letter(course, LetterKind.MEETING_REMINDER, party)


def _notices(course: Course) -> Iterator[Letter]:
    """Somebody answered from an address we do not know: the registered one is told, about the time
    that was answered, and what came of it (`reason`: ended, moved, unconfirmed, or nothing)."""
    for event in course.events:
        match event:
            case AnswerRecorded(aligned=False) | AnswerSetAside(aligned=False):
                partstat = event.partstat
            case ProposalMade(aligned=False):
                partstat = Partstat.DECLINED if event.declined else Partstat.TENTATIVE
            case _:
                continue
        yield _letter(
            course,
            LetterKind.NOTICE,
            event.party,
            slot=course.before.slot,
            partstat=partstat,
            proposed=event.slot if isinstance(event, ProposalMade) else None,
            reason=_what_came_of_it(course),
        )
        return  # one a decision, as of every kind


def _what_came_of_it(course: Course) -> str:
    if course.state.status.is_ended:
        return "ended"
    if course.state.slot != course.before.slot:
        return "moved"
    aside = _last(course, AnswerSetAside)
    return "" if aside is None else aside.reason
