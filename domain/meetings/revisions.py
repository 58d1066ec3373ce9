"""Which answers count: what revision they are about, copies, and those overtaken by later ones."""

from datetime import datetime, timedelta
from enum import StrEnum

from domain.meetings.messages import Answer, TakenInput, Via
from domain.meetings.model import MeetingState

PAGE_MARGIN = timedelta(minutes=5)
"""How far a mail program's clock may be behind ours before its answer looks older than a click on
the page that in truth came first."""


class Relation(StrEnum):
    """How an answer stands to the revision in the calendars."""

    CURRENT = "current"
    STALE = "stale"
    AHEAD = "ahead"


def objection(state: MeetingState, taken: TakenInput, answer: Answer) -> str | None:
    """Why an answer may not be applied, as a stable word, or None."""
    if state.status.is_ended:
        return "ended"
    if answer.other_party:
        return "other-party"
    if answer.foreign:
        return "foreign-event"
    relation = relation_to_current(state, answer)
    if relation is not Relation.CURRENT:
        return relation.value
    return "superseded" if is_superseded(state, taken, answer) else None


def is_copy(state: MeetingState, answer: Answer) -> bool:
    """Whether this very answer came before, perhaps in another mail (calendar-mail B8).

    At the current revision only a copy of the last one is: whoever says yes, perhaps and yes
    again within a second means the last. Without a DTSTAMP copies cannot be told from an
    answer given twice.
    """
    seen = state.party(answer.party).seen
    if answer.dtstamp is None or answer.key() not in seen:
        return False
    return answer.sequence != state.sequence or answer.key() == seen[-1]


def relation_to_current(state: MeetingState, answer: Answer) -> Relation:
    """Which revision an answer is about (RFC 5546 §2.1.5; calendar-mail B6).

    Without SEQUENCE the echoed times tell; without those, only a single revision leaves no
    doubt. A proposal numbered one ahead comes from clients that count it as their own change.
    """
    if answer.sequence is None:
        return _relation_by_echo(state, answer)
    if answer.sequence < state.sequence:
        return Relation.STALE
    if answer.proposal is not None:
        return _relation_of_proposal(state, answer, answer.sequence)
    return Relation.CURRENT if answer.sequence == state.sequence else Relation.AHEAD


def _relation_of_proposal(state: MeetingState, answer: Answer, sequence: int) -> Relation:
    if sequence > state.sequence + 1:
        return Relation.AHEAD
    # A number one ahead of an older revision is today's number; the time it shows is not.
    return Relation.STALE if shows_another_time(state, answer) else Relation.CURRENT


def _relation_by_echo(state: MeetingState, answer: Answer) -> Relation:
    if len(state.revisions) == 1:
        return Relation.CURRENT
    shown = answer.seen_start is not None and not shows_another_time(state, answer)
    return Relation.CURRENT if shown else Relation.STALE


def shows_another_time(state: MeetingState, answer: Answer) -> bool:
    """Whether the answer echoes a start or end that is not the current one."""
    if state.slot is None or answer.seen_start is None:
        return False
    ends_otherwise = answer.seen_end is not None and answer.seen_end != state.slot.end
    return answer.seen_start != state.slot.start or ends_otherwise


def is_superseded(state: MeetingState, taken: TakenInput, answer: Answer) -> bool:
    """Whether the party has said something since, by its own clock; clicks are never old."""
    last, said_at = state.party(answer.party).answered_at, answered_at(taken, answer)
    if answer.via is Via.PAGE or last is None or said_at is None:
        return False
    return said_at < last


def answered_at(taken: TakenInput, answer: Answer) -> datetime | None:
    """When the party answered, for the order of its answers by mail; None leaves that alone.

    A clock that runs ahead is cut to our own, or it would make every later answer look older;
    to its whole second, as DTSTAMP counts no finer and one in the same second is not older.
    """
    if answer.via is Via.PAGE:
        return taken.received_at - PAGE_MARGIN
    received_at = taken.received_at.replace(microsecond=0)
    return None if answer.dtstamp is None else min(answer.dtstamp, received_at)
