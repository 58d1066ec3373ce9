"""Another time: proposed, carried to the others, agreed or refused."""

from collections.abc import Callable
from datetime import datetime

from domain.meetings.course import Course
from domain.meetings.events import (
    AnswerRecorded,
    ProposalAccepted,
    ProposalMade,
    ProposalRefused,
)
from domain.meetings.messages import Answer, Effect, ProposalAnswer, TakenInput
from domain.meetings.model import OWNER, MeetingState, Offer, Partstat, Status
from domain.meetings.offers import (
    FARTHEST,
    LONGEST,
    SHORTEST,
    confirm,
    drop_pending,
    due,
    offer,
    refuse_carried,
    refuse_pending,
)
from domain.meetings.revisions import answered_at
from domain.meetings.ruling import Ruling, applied, refused
from domain.values import LATEST, Slot

Decline = Callable[[Course, int], None]

_REFUSALS_TOLD = 3
"""Refusals by the rules that a party is told of at one revision; a client in a loop hears no
more."""


def proposed_slot(state: MeetingState, answer: Answer) -> Slot | None:
    """The new time an answer proposes, or None.

    Without an end it keeps the length of the slot it replaces. Times that change nothing are
    no proposal (calendar-mail E3), and an end before the start means the length was lost.
    """
    if answer.proposal is None or state.slot is None:
        return None
    start, end = answer.proposal.start, answer.proposal.end
    if end is None or end <= start:
        end = min(start + state.slot.length, LATEST)
    if end <= start:
        return None  # the last instant there is
    slot = Slot(start=start, end=end)
    return None if slot == state.slot else slot


def unacceptable(state: MeetingState, slot: Slot, now: datetime) -> str | None:
    """Why the rules refuse a proposed time, as a stable word, or None."""
    begun = state.slot is not None and state.slot.start <= now
    objections = {
        "past": slot.start <= now,
        "too-far": slot.start > now + FARTHEST,
        "too-long": slot.length > LONGEST,
        "too-short": slot.length < SHORTEST,
        "begun": state.status is Status.CONFIRMED and begun,
        "rounds": state.rounds >= state.terms.max_rounds,
    }
    return next((reason for reason, holds in objections.items() if holds), None)


_WHY_NOT = {
    "past": "The proposed time has passed.",
    "too-far": "The proposed time lies more than five years ahead.",
    "too-long": "A meeting may not be longer than 24 hours.",
    "too-short": "A meeting may not be shorter than five minutes.",
    "begun": "The meeting has already begun.",
    "rounds": "There have been as many proposals as this meeting allows.",
}


def propose(
    course: Course, taken: TakenInput, answer: Answer, slot: Slot, *, decline: Decline
) -> Ruling:
    """Carry a proposed time to the others, or refuse it by the rules.

    Before confirmation it goes into every calendar at once; after confirmation the agreed time
    stands there until the others agree. `decline` is what a PARTSTAT of DECLINED does.
    """
    reason = unacceptable(course.state, slot, course.now)
    if reason is not None:
        return _refuse_by_rule(course, taken, answer, slot, reason, decline)
    if course.state.status is Status.CONFIRMED:
        return _ask_others(course, taken, answer, slot)
    _carry(course, taken, answer, slot)
    return applied("proposed")


def _refuse_by_rule(
    course: Course, taken: TakenInput, answer: Answer, slot: Slot, reason: str, decline: Decline
) -> Ruling:
    course.happen(
        ProposalRefused(
            party=answer.party,
            slot=slot,
            by=OWNER,
            reason=reason,
            sequence=course.state.sequence,
            input=taken.id,
            key=answer.key(),
            told=course.state.party(answer.party).refused < _REFUSALS_TOLD,
        )
    )
    if answer.partstat is not None and answer.partstat is not Partstat.NEEDS_ACTION:
        _keep_partstat(course, taken, answer, answer.partstat)
    if answer.partstat is Partstat.DECLINED and answer.aligned:
        decline(course, answer.party)
    return refused(reason, _WHY_NOT[reason])


def _keep_partstat(course: Course, taken: TakenInput, answer: Answer, partstat: Partstat) -> None:
    course.happen(
        AnswerRecorded(
            party=answer.party,
            # Whoever asks for another time does not stand by a yes to this one.
            partstat=Partstat.TENTATIVE if partstat is Partstat.ACCEPTED else partstat,
            sequence=course.state.sequence,
            via=answer.via,
            key=answer.key(),
            dtstamp=answered_at(taken, answer),
            aligned=answer.aligned,
            input=taken.id,
        )
    )


def _made(answer: Answer, taken: TakenInput, slot: Slot) -> ProposalMade:
    return ProposalMade(
        party=answer.party,
        slot=slot,
        declined=answer.partstat is Partstat.DECLINED,
        via=answer.via,
        key=answer.key(),
        dtstamp=answered_at(taken, answer),
        aligned=answer.aligned,
        input=taken.id,
    )


def _carry(course: Course, taken: TakenInput, answer: Answer, slot: Slot) -> None:
    """Before confirmation: a REQUEST with the new time to everybody, the proposer too
    (RFC 5546 §3.2.7)."""
    if course.state.origin not in (OWNER, answer.party):
        refuse_carried(course, by=answer.party, reason="replaced")
    course.happen(_made(answer, taken, slot))
    offer(course, slot, Offer.COUNTER, origin=answer.party, accepted=(answer.party,))


def _ask_others(course: Course, taken: TakenInput, answer: Answer, slot: Slot) -> Ruling:
    pending = course.state.proposal
    if pending is not None and pending.party != answer.party:
        if pending.slot == slot:
            return _second(course, answer.party, taken.id)
        drop_pending(course, by=answer.party, reason="replaced")
    asked = {
        "asked_at": course.now,
        "answer_by": due(course.state, course.now, slot, *_agreed(course.state)),
    }
    course.happen(_made(answer, taken, slot).model_copy(update=asked))
    return applied("proposed", "The others have been asked; until they agree nothing changes.")


def _agreed(state: MeetingState) -> tuple[Slot, ...]:
    return () if state.slot is None else (state.slot,)


def take_proposal_answer(course: Course, taken: TakenInput, answer: ProposalAnswer) -> Ruling:
    """A yes or no to a time proposed after confirmation, given on a page; the proposer's own no
    takes it back."""
    pending = course.state.proposal
    own = pending is not None and pending.party == answer.party
    if pending is None or pending.version != answer.proposal or (own and answer.accepts):
        return Ruling(
            Effect.STALE, "stale", "That proposal is no longer open; look at the page again."
        )
    if answer.accepts:
        return _second(course, answer.party, taken.id)
    refuse_pending(course, by=answer.party, reason="withdrawn" if own else "declined")
    return applied("withdrawn" if own else "declined")


def _second(course: Course, party: int, input_id: int) -> Ruling:
    pending = course.state.proposal
    assert pending is not None, "asked only while a proposal is pending"
    if pending.slot.start <= course.now:
        refuse_pending(course, by=OWNER, reason="past")
        return refused("past", _WHY_NOT["past"])
    if party not in pending.accepted_by:
        course.happen(ProposalAccepted(party=party, proposal=pending.version, input=input_id))
    everybody = {pending.party, party, *pending.accepted_by}
    if len(everybody) == len(course.state.parties):
        numbers = tuple(party.number for party in course.state.parties)
        offer(course, pending.slot, Offer.AGREED, origin=pending.party, accepted=numbers)
        confirm(course)
    return applied("accepted")
