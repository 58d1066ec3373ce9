"""What a party's answer does: which revision it is about, whether it counts, what follows."""

from enum import StrEnum

from domain.meetings.course import Course
from domain.meetings.events import AnswerRecorded, AnswerSetAside
from domain.meetings.messages import Answer, Effect, TakenInput
from domain.meetings.model import OWNER, MeetingState, Offer, Partstat, Status
from domain.meetings.offers import confirm, offer, offer_next, refuse_carried, restore
from domain.meetings.proposals import propose, proposed_slot
from domain.meetings.ruling import Ruling, applied

_RESENDS = 1
"""Copies of one revision sent to a party because it answered an older one."""


class Revisions(StrEnum):
    CURRENT = "current"
    STALE = "stale"
    AHEAD = "ahead"


def take_answer(course: Course, taken: TakenInput, answer: Answer) -> Ruling:
    """Apply an answer to the current revision; keep any other one aside, with the reason."""
    state = course.state
    if is_copy(state, answer):
        return Ruling(Effect.DUPLICATE, "duplicate", "This answer had already been taken.")
    reason = objection(state, answer)
    if reason is not None:
        return _set_aside(course, taken, answer, reason)
    slot = proposed_slot(state, answer)
    if slot is not None:
        return propose(course, taken, answer, slot, decline=_declined)
    return _take_partstat(course, taken, answer)


def is_copy(state: MeetingState, answer: Answer) -> bool:
    """Whether this very answer came before, perhaps in another mail (calendar-mail B8).

    Without a DTSTAMP copies cannot be told from an answer given twice; both apply harmlessly.
    """
    return answer.dtstamp is not None and answer.key() in state.party(answer.party).seen


def objection(state: MeetingState, answer: Answer) -> str | None:
    """Why an answer may not be applied, or None."""
    if state.status.is_ended:
        return "ended"
    if answer.other_party:
        return "other-party"
    relation = revision_answered(state, answer)
    if relation is not Revisions.CURRENT:
        return relation.value
    if is_superseded(state, answer):
        return "superseded"
    return None


def revision_answered(state: MeetingState, answer: Answer) -> Revisions:
    """Which revision an answer is about (RFC 5546 §2.1.5; calendar-mail B6).

    Without SEQUENCE the echoed start tells; without that, only a single revision leaves no
    doubt. A proposal numbered one ahead comes from clients that count it as their own change.
    """
    if answer.sequence is None:
        return _revision_by_echo(state, answer)
    if answer.sequence == state.sequence:
        return Revisions.CURRENT
    if answer.sequence < state.sequence:
        return Revisions.STALE
    if answer.proposal is not None and answer.sequence == state.sequence + 1:
        return Revisions.CURRENT
    return Revisions.AHEAD


def _revision_by_echo(state: MeetingState, answer: Answer) -> Revisions:
    if len(state.revisions) == 1:
        return Revisions.CURRENT
    if state.slot is not None and answer.seen_start == state.slot.start:
        return Revisions.CURRENT
    return Revisions.STALE


def is_superseded(state: MeetingState, answer: Answer) -> bool:
    """Whether the party has already said something later, by its own clock."""
    last = state.party(answer.party).mail_dtstamp
    return answer.dtstamp is not None and last is not None and answer.dtstamp < last


_ASIDE = {
    "ended": (Effect.SET_ASIDE, "The meeting had already ended."),
    "other-party": (Effect.SET_ASIDE, "It answered in the name of the other party."),
    "stale": (Effect.STALE, "It answered an older time; the current one was sent again."),
    "ahead": (Effect.SET_ASIDE, "It answered a revision that was never sent."),
    "superseded": (Effect.SUPERSEDED, "The party had already given a later answer."),
    "no-answer": (Effect.SET_ASIDE, "It held no answer that counts."),
    "delegated": (Effect.SET_ASIDE, "It names somebody else to attend; the owner decides."),
    "unchanged": (Effect.SET_ASIDE, "It proposed the time that stands already."),
}


def _set_aside(course: Course, taken: TakenInput, answer: Answer, reason: str) -> Ruling:
    state = course.state
    tells = reason in ("stale", "ahead", "ended") and state.status is not Status.OVER
    resend = tells and bool(state.revisions) and state.party(answer.party).resent < _RESENDS
    course.happen(
        AnswerSetAside(
            party=answer.party,
            reason=reason,
            partstat=answer.partstat,
            sequence=answer.sequence,
            resend=resend,
            input=taken.id,
        )
    )
    effect, detail = _ASIDE[reason]
    return Ruling(effect, reason, detail)


def _take_partstat(course: Course, taken: TakenInput, answer: Answer) -> Ruling:
    match answer.partstat:
        case Partstat.ACCEPTED:
            _record(course, taken, answer, Partstat.ACCEPTED)
            _accepted(course)
        case Partstat.DECLINED:
            _record(course, taken, answer, Partstat.DECLINED)
            _declined(course, answer.party)
        case Partstat.TENTATIVE:
            _record(course, taken, answer, Partstat.TENTATIVE)
        case Partstat.DELEGATED:
            return _set_aside(course, taken, answer, "delegated")
        case _:
            reason = "unchanged" if answer.proposal else "no-answer"
            return _set_aside(course, taken, answer, reason)
    return applied(answer.partstat.value.lower())


def _record(course: Course, taken: TakenInput, answer: Answer, partstat: Partstat) -> None:
    course.happen(
        AnswerRecorded(
            party=answer.party,
            partstat=partstat,
            sequence=course.state.sequence,
            via=answer.via,
            key=answer.key(),
            dtstamp=answer.dtstamp,
            aligned=answer.aligned,
            input=taken.id,
        )
    )


def _accepted(course: Course) -> None:
    if course.state.status is Status.NEGOTIATING and course.state.all_accepted():
        confirm(course)


def _declined(course: Course, party: int) -> None:
    """A decline takes the time off the table, whoever brought it."""
    state = course.state
    proposal = state.proposal
    if state.status is Status.CONFIRMED and proposal is not None:
        if proposal.party != party:
            # The agreed time is gone, so the one the other proposed goes to everybody.
            offer(
                course,
                proposal.slot,
                Offer.COUNTER,
                origin=proposal.party,
                accepted=(proposal.party, *proposal.accepted_by),
            )
        return  # its own proposal is still open; the agreed time falls with that
    if state.status is Status.NEGOTIATING and state.origin != OWNER:
        reason = "withdrawn" if state.origin == party else "declined"
        refuse_carried(course, by=party, reason=reason)
        restore(course, ending=Status.DECLINED, by=party, reason="declined")
        return
    offer_next(course, Offer.NEXT, ending=Status.DECLINED, by=party, reason="declined")
