"""Who may do what to a meeting now: the one table behind links, forms, buttons and refusals.

A row says in which states a deed may be asked for, by whom, under which guard, and how it is
offered. A deed that is offered is accepted when it is asked for at that instant; what the
saga makes of it later is the outcome of the command or input.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.errors import Refused
from domain.meetings.model import OWNER, MeetingState, Partstat, Proposal, Status
from domain.meetings.views import MeetingView
from domain.values import Slot


class Deed(StrEnum):
    """What can be asked of a meeting. The owner has the first three, each party the others."""

    CANCEL = "cancel"
    RESCHEDULE = "reschedule"
    CORRECT_ADDRESS = "correct-address"  # of a party, who is then sent what stands
    ACCEPT = "accept"
    TENTATIVE = "tentative"
    DECLINE = "decline"
    PROPOSE = "propose"
    AGREE = "agree"  # with a time proposed after confirmation
    DISAGREE = "disagree"
    TAKE_BACK = "take-back"  # the proposer's own, made after confirmation
    WITHDRAW = "withdraw"  # a party calls the meeting off


@dataclass(frozen=True)
class Standing:
    """What the guards look at: the state of a meeting, whoever folded it."""

    status: Status
    slot: Slot | None
    partstats: tuple[Partstat, ...]
    proposal: Proposal | None = None


Guard = Callable[[Standing, int, datetime], bool]


@dataclass(frozen=True)
class Transition:
    """One row. `rel` is the link relation and `form` the label it is offered under."""

    deed: Deed
    statuses: frozenset[Status]
    by_owner: bool
    guard: Guard
    rel: str
    form: str


def _not_over(standing: Standing, party: int, now: datetime) -> bool:
    """The time on the table has not ended; a meeting in progress may still be called off."""
    return standing.slot is None or now < standing.slot.end


def _not_begun(standing: Standing, party: int, now: datetime) -> bool:
    return standing.slot is not None and now < standing.slot.start


def _answers_otherwise(answer: Partstat) -> Guard:
    """Before the start, unless this is already the party's answer."""

    def guard(standing: Standing, party: int, now: datetime) -> bool:
        given = standing.partstats[party - 1]
        return given is not answer and _not_begun(standing, party, now)

    return guard


def _is_asked(standing: Standing, party: int, now: datetime) -> bool:
    """Another party's proposal waits for this party's word."""
    proposal = standing.proposal
    return (
        proposal is not None
        and proposal.party != party
        and party not in proposal.accepted_by
        and now < proposal.answer_by
    )


def _has_asked(standing: Standing, party: int, now: datetime) -> bool:
    """This party's own proposal waits for the others."""
    proposal = standing.proposal
    return proposal is not None and proposal.party == party and now < proposal.answer_by


_OPEN = frozenset({Status.NEGOTIATING, Status.CONFIRMED})
_LIVING = _OPEN | {Status.REQUESTED}


def _by_owner(deed: Deed, guard: Guard, form: str) -> Transition:
    return Transition(deed, _LIVING, True, guard, f"parley:{deed}", form)


def _by_party(deed: Deed, guard: Guard, form: str) -> Transition:
    return Transition(deed, _OPEN, False, guard, f"parley:{deed}", form)


TRANSITIONS: tuple[Transition, ...] = (
    _by_owner(Deed.CANCEL, _not_over, "Call the meeting off"),
    _by_owner(Deed.RESCHEDULE, _not_over, "Offer other times"),
    _by_owner(Deed.CORRECT_ADDRESS, _not_over, "Correct a party's address"),
    _by_party(Deed.ACCEPT, _answers_otherwise(Partstat.ACCEPTED), "Accept this time"),
    _by_party(Deed.TENTATIVE, _answers_otherwise(Partstat.TENTATIVE), "Answer maybe"),
    _by_party(Deed.DECLINE, _answers_otherwise(Partstat.DECLINED), "Decline this time"),
    _by_party(Deed.PROPOSE, _not_begun, "Propose another time"),
    _by_party(Deed.AGREE, _is_asked, "Agree to the proposed time"),
    _by_party(Deed.DISAGREE, _is_asked, "Keep the agreed time"),
    _by_party(Deed.TAKE_BACK, _has_asked, "Take your proposal back"),
    _by_party(Deed.WITHDRAW, _not_over, "Call the meeting off"),
)


OWNERS_DEEDS = frozenset(row.deed for row in TRANSITIONS if row.by_owner)
PARTYS_DEEDS = frozenset(row.deed for row in TRANSITIONS if not row.by_owner)


def standing_of(meeting: MeetingState | MeetingView) -> Standing:
    """What the guards need of a folded state or of a view. Views do not know a pending
    proposal; no deed of the owner depends on it."""
    proposal = meeting.proposal if isinstance(meeting, MeetingState) else None
    partstats = tuple(party.partstat for party in meeting.parties)
    return Standing(meeting.status, meeting.slot, partstats, proposal)


def possible(standing: Standing, actor: int, now: datetime) -> Iterator[Transition]:
    """The rows that `actor` (0: the owner, else a party's number) may follow at `now`."""
    for row in TRANSITIONS:
        if _may_follow(row, standing, actor, now):
            yield row


def is_possible(deed: Deed, standing: Standing, actor: int, now: datetime) -> bool:
    return any(row.deed is deed for row in possible(standing, actor, now))


def need_possible(deed: Deed, standing: Standing, actor: int, now: datetime) -> None:
    """Raises `Refused`, saying where the meeting stands, unless `deed` would be offered now."""
    if is_possible(deed, standing, actor, now):
        return
    if standing.status.is_ended:
        raise Refused(f"The meeting has ended: it is {standing.status}.")
    raise Refused(f"This cannot be asked of a meeting that is {standing.status} at this time.")


def _may_follow(row: Transition, standing: Standing, actor: int, now: datetime) -> bool:
    return (
        standing.status in row.statuses
        and row.by_owner == (actor == OWNER)
        and row.guard(standing, actor, now)
    )
