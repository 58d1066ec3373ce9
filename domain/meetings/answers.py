"""What a party's answer does to the current revision."""

from domain.meetings.course import Course
from domain.meetings.events import AnswerRecorded, AnswerSetAside
from domain.meetings.messages import Answer, Cancellation, Effect, TakenInput
from domain.meetings.model import OWNER, Offer, Partstat, Proposal, Status
from domain.meetings.offers import (
    confirm,
    drop_pending,
    end,
    offer,
    offer_next,
    refuse_carried,
    refuse_pending,
    restore,
)
from domain.meetings.proposals import propose, proposed_slot
from domain.meetings.revisions import answered_at, is_copy, objection, shows_another_time
from domain.meetings.ruling import Ruling, applied, refused

_RESENDS = 1
"""Copies of one revision sent to a party because it answered an older one."""

_COPY = Ruling(Effect.DUPLICATE, "duplicate", "This answer had already been taken.")


def take_answer(course: Course, taken: TakenInput, answer: Answer) -> Ruling:
    """Apply an answer to the current revision; keep any other one aside, with the reason."""
    state = course.state
    if is_copy(state, answer):
        return _COPY
    reason = objection(state, taken, answer)
    if reason is not None:
        return _set_aside(course, taken, answer, reason)
    slot = proposed_slot(state, answer)
    if state.proposal is not None and (state.proposal.party, state.proposal.slot) == (
        answer.party,
        slot,
    ):
        return _COPY  # a client that sends no DTSTAMP repeats its proposal
    if slot is not None:
        return propose(course, taken, answer, slot, decline=_declined)
    return _take_partstat(course, taken, answer)


def take_cancellation(course: Course, taken: TakenInput, wish: Cancellation) -> Ruling:
    """The owner or a party calls the meeting off. A party's CANCEL of an older revision is
    answered like any other answer to one."""
    state = course.state
    if state.status.is_ended:
        return refused("already-ended", f"The meeting is already {state.status.value}.")
    if wish.party != OWNER and wish.sequence is not None and wish.sequence < state.sequence:
        answer = Answer(party=wish.party, sequence=wish.sequence)
        return _set_aside(course, taken, answer, "stale")
    end(course, Status.CANCELLED, by=wish.party, reason="party" if wish.party else "owner")
    return applied("cancelled")


_ASIDE = {
    "ended": (Effect.SET_ASIDE, "The meeting had already ended."),
    "other-party": (Effect.SET_ASIDE, "It answered in the name of the other party."),
    "foreign-event": (Effect.SET_ASIDE, "It was about another event, or one day of a series."),
    "stale": (Effect.STALE, "It answered a time that no longer stands."),
    "ahead": (Effect.SET_ASIDE, "It answered a revision that was never sent."),
    "superseded": (Effect.SUPERSEDED, "The party had already given a later answer."),
    "no-answer": (Effect.SET_ASIDE, "It held no answer that counts."),
    "delegated": (Effect.SET_ASIDE, "It names somebody else to attend; the owner decides."),
    "unchanged": (Effect.SET_ASIDE, "It proposed the time that stands already."),
    "unconfirmed": (
        Effect.SET_ASIDE,
        "It came from an unknown address and would have ended the meeting; the party was asked.",
    ),
}
_TELLING = ("stale", "ahead", "ended")


def _set_aside(course: Course, taken: TakenInput, answer: Answer, reason: str) -> Ruling:
    state = course.state
    tells = reason in _TELLING and state.status is not Status.OVER and bool(state.revisions)
    resend = tells and state.party(answer.party).resent < _RESENDS
    course.happen(
        AnswerSetAside(
            party=answer.party,
            reason=reason,
            partstat=answer.partstat,
            sequence=answer.sequence,
            resend=resend,
            input=taken.id,
            aligned=reason != "unconfirmed",
        )
    )
    effect, detail = _ASIDE[reason]
    sent = " What stands now was sent again." if resend else ""
    return Ruling(effect, reason, detail + sent)


def _take_partstat(course: Course, taken: TakenInput, answer: Answer) -> Ruling:
    match answer.partstat:
        case Partstat.ACCEPTED:
            _record(course, taken, answer, Partstat.ACCEPTED)
            _accepted(course, answer.party)
        case Partstat.DECLINED:
            if _would_end(course, taken, answer):
                return _set_aside(course, taken, answer, "unconfirmed")
            _record(course, taken, answer, Partstat.DECLINED)
            _declined(course, answer.party)
        case Partstat.TENTATIVE:
            _record(course, taken, answer, Partstat.TENTATIVE)
        case Partstat.DELEGATED:
            return _set_aside(course, taken, answer, "delegated")
        case _:
            reason = "unchanged" if answer.proposal else "no-answer"
            return _set_aside(course, taken, answer, reason)
    flagged = shows_another_time(course.before, answer)
    detail = "It echoed another time than the one it was sent." if flagged else ""
    return applied(answer.partstat.value.lower(), detail)


def _would_end(course: Course, taken: TakenInput, answer: Answer) -> bool:
    """Whether a decline from an unknown address would end the meeting, which could not be undone
    (mail-safety §2: such an answer may do only what is reversible)."""
    if answer.aligned:
        return False
    trial = Course(course.state, course.now)
    _record(trial, taken, answer, Partstat.DECLINED)
    _declined(trial, answer.party)
    return trial.state.status.is_ended


def _record(course: Course, taken: TakenInput, answer: Answer, partstat: Partstat) -> None:
    course.happen(
        AnswerRecorded(
            party=answer.party,
            partstat=partstat,
            sequence=course.state.sequence,
            via=answer.via,
            key=answer.key(),
            dtstamp=answered_at(taken, answer),
            aligned=answer.aligned,
            input=taken.id,
        )
    )


def _accepted(course: Course, party: int) -> None:
    state = course.state
    if state.status is Status.NEGOTIATING and state.all_accepted():
        confirm(course)
    elif state.proposal is not None and state.proposal.party == party:
        # Its last word is yes to the agreed time, so it no longer asks for another.
        refuse_pending(course, by=party, reason="withdrawn")


def _declined(course: Course, party: int) -> None:
    """A decline takes the time off the table, whoever brought it."""
    state = course.state
    if state.status is Status.CONFIRMED and _has_begun(course):
        return  # recorded and shown; what is under way is not rearranged
    if state.status is Status.CONFIRMED and state.proposal is not None:
        if state.proposal.party != party:
            _put_on_the_table(course, state.proposal, by=party)
        return  # its own proposal is still open; the agreed time falls with that
    if state.status is Status.NEGOTIATING and state.origin != OWNER:
        reason = "withdrawn" if state.origin == party else "declined"
        refuse_carried(course, by=party, reason=reason)
        restore(course, ending=Status.DECLINED, by=party, reason="declined")
        return
    offer_next(course, Offer.NEXT, ending=Status.DECLINED, by=party, reason="declined")


def _has_begun(course: Course) -> bool:
    slot = course.state.slot
    return slot is not None and slot.start <= course.now


def _put_on_the_table(course: Course, proposal: Proposal, *, by: int) -> None:
    """The agreed time is gone, so the one that the other proposed goes to everybody."""
    if proposal.slot.start <= course.now:
        drop_pending(course, by=OWNER, reason="past")
        offer_next(course, Offer.NEXT, ending=Status.DECLINED, by=by, reason="declined")
        return
    accepted = (proposal.party, *proposal.accepted_by)
    offer(course, proposal.slot, Offer.COUNTER, origin=proposal.party, accepted=accepted)
