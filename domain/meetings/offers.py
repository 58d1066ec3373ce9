"""Putting a time on the table, taking it off again, and ending a meeting."""

from datetime import datetime, timedelta

from domain.meetings.course import Course
from domain.meetings.events import (
    MeetingConfirmed,
    MeetingEnded,
    ProposalRefused,
    SlotOffered,
)
from domain.meetings.model import OWNER, MeetingState, Offer, Partstat, Status
from domain.values import Slot

FARTHEST = timedelta(days=5 * 366)
LONGEST = timedelta(hours=24)
SHORTEST = timedelta(minutes=5)


def offer(
    course: Course,
    slot: Slot,
    why: Offer,
    *,
    origin: int = OWNER,
    accepted: tuple[int, ...] = (),
    slot_index: int | None = None,
    slots: tuple[Slot, ...] | None = None,
) -> None:
    """Put `slot` into every calendar under the next SEQUENCE (RFC 5546 §2.1.4).

    Whoever is in `accepted` stands as ACCEPTED, everybody else is asked (RFC 5546 §3.2.2.1).
    An answer is due after the agreed time to answer, and before the slot begins.
    """
    state = course.state
    partstats = tuple(
        Partstat.ACCEPTED if party.number in accepted else Partstat.NEEDS_ACTION
        for party in state.parties
    )
    course.happen(
        SlotOffered(
            sequence=state.sequence + 1,
            slot=slot,
            offer=why,
            origin=origin,
            slot_index=state.slot_index if slot_index is None else slot_index,
            partstats=partstats,
            asked_at=course.now,
            answer_by=due(state, course.now, slot),
            slots=slots,
        )
    )


def due(state: MeetingState, now: datetime, *slots: Slot) -> datetime:
    """When an answer asked for now is due: after `answer_for`, but before any slot begins."""
    starts = [slot.start for slot in slots if slot.start > now]
    return min([now + state.terms.answer_for, *starts])


def first_future(slots: tuple[Slot, ...], now: datetime, after: int = -1) -> int | None:
    """The index of the first slot past `after` that has not begun."""
    for index, slot in enumerate(slots):
        if index > after and slot.start > now:
            return index
    return None


def offer_next(course: Course, why: Offer, *, ending: Status, by: int, reason: str) -> None:
    """Offer the owner's next slot that is still to come; end the meeting when none is left."""
    state = course.state
    index = first_future(state.terms.slots, course.now, state.slot_index)
    if index is None:
        end(course, ending, by=by, reason=reason)
        return
    offer(course, state.terms.slots[index], why, slot_index=index)


def restore(course: Course, *, ending: Status, by: int, reason: str) -> None:
    """Bring back the owner's slot that a refused proposal stood in for.

    When somebody had declined that one too, or it has begun meanwhile, the next one follows.
    """
    state = course.state
    slot = state.standing
    if slot is None or state.standing_declined or slot.start <= course.now:
        offer_next(course, Offer.NEXT, ending=ending, by=by, reason=reason)
        return
    offer(course, slot, Offer.RESTORED, accepted=state.standing_accepted)


def refuse_carried(course: Course, *, by: int, reason: str) -> None:
    """A proposal that went into the calendars comes to nothing."""
    state = course.state
    course.happen(
        ProposalRefused(
            party=state.origin,
            slot=state.slot,
            by=by,
            reason=reason,
            # It was carried under the SEQUENCE after the one it answered.
            sequence=state.sequence - 1,
        )
    )


def refuse_pending(course: Course, *, by: int, reason: str) -> None:
    """A time proposed after confirmation comes to nothing; the agreed one stands, unless somebody
    has declined that as well: then the next slot is offered, or the meeting ends."""
    drop_pending(course, by=by, reason=reason)
    decliner = course.state.decliner()
    if decliner is not None:
        offer_next(course, Offer.NEXT, ending=Status.DECLINED, by=decliner, reason="declined")


def drop_pending(course: Course, *, by: int, reason: str) -> None:
    """The time proposed after confirmation is no longer open."""
    proposal = course.state.proposal
    assert proposal is not None, "asked only while a proposal is pending"
    course.happen(
        ProposalRefused(
            party=proposal.party,
            slot=proposal.slot,
            by=by,
            reason=reason,
            sequence=course.state.sequence,
        )
    )


def confirm(course: Course) -> None:
    """Everybody accepted the time in their calendars."""
    state = course.state
    assert state.slot is not None, "a meeting without a slot has no answers to count"
    course.happen(MeetingConfirmed(sequence=state.sequence, slot=state.slot))


def end(course: Course, ending: Status, *, by: int, reason: str) -> None:
    """End the meeting. A CANCEL, where one is due, raises SEQUENCE (RFC 5546 §3.2.5)."""
    state = course.state
    cancels = ending is not Status.OVER and state.sequence >= 0
    sequence = state.sequence + 1 if cancels else state.sequence
    course.happen(MeetingEnded(ending=ending, by=by, sequence=sequence, reason=reason))
