"""A saga's decision made fact: events, views, outcomes and mail in one transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from adapters.db import commands, inputs, journal, outbox
from adapters.db.schema import inputs as inputs_table
from adapters.db.schema import meetings, parties
from domain.commands import CommandState, Outcome
from domain.errors import NotFound, StreamMoved
from domain.journal import JournalEvent
from domain.meetings.events import AnswerRecorded, MeetingEvent, ProposalMade, to_journal
from domain.meetings.messages import Effect, InputOutcome, stream_of
from domain.meetings.model import MeetingState, Partstat
from domain.meetings.rules import evolve, fold
from domain.outbox.model import Draft

# Locked, so that two attempts at one decision meet here and the second finds the first's work.
_LOCK = sa.select(meetings.c.owner).where(meetings.c.id == sa.bindparam("id")).with_for_update()


def record(
    c: sa.Connection,
    meeting_id: str,
    expected_version: int,
    events: Sequence[MeetingEvent],
    outcomes: Sequence[InputOutcome],
    drafts: Sequence[Draft],
    at: datetime,
) -> bool:
    """Append `events` after `expected_version` with everything that follows from them.

    A second call with the same arguments changes nothing and gives False: it finds its own
    events and outcomes. Raises `StreamMoved` when the stream holds other ones after
    `expected_version`, `NotFound` when there is no such meeting.
    """
    stream = stream_of(meeting_id)
    owner = c.execute(_LOCK, {"id": meeting_id}).scalar()
    if owner is None:
        raise NotFound("There is no such meeting.")
    kept = journal.read_stream(c, stream)
    if len(kept) != expected_version:
        _check_done(c, stream, kept, expected_version, events, outcomes)
        return False
    new = [to_journal(event) for event in events]
    journal.append(
        c,
        owner=owner,
        stream=stream,
        expected_version=expected_version,
        events=new,
        at=at,
        because=_because(outcomes),
    )
    if events:
        _update_views(c, meeting_id, _after(fold(kept), events, at), events, at)
    _record_outcomes(c, outcomes, expected_version + len(events), at)
    for draft in drafts:
        outbox.enqueue(c, owner, draft, at)
    return True


def _because(outcomes: Sequence[InputOutcome]) -> str | None:
    return f"input/{outcomes[0].input_id}" if len(outcomes) == 1 else None


def _check_done(
    c: sa.Connection,
    stream: str,
    kept: Sequence[JournalEvent],
    expected: int,
    events: Sequence[MeetingEvent],
    outcomes: Sequence[InputOutcome],
) -> None:
    """Raises `StreamMoved` unless exactly this decision was recorded before."""
    there = [(one.type, one.data) for one in kept[expected : expected + len(events)]]
    asked = [(one.type, one.data) for one in map(to_journal, events)]
    if len(kept) < expected or there != asked or not _are_recorded(c, outcomes):
        raise StreamMoved(stream, expected, len(kept))


def _are_recorded(c: sa.Connection, outcomes: Sequence[InputOutcome]) -> bool:
    columns = inputs_table.c
    query = sa.select(columns.id, columns.effect, columns.code).where(
        columns.id.in_([one.input_id for one in outcomes]), columns.taken_at.is_not(None)
    )
    there = {(row.id, row.effect, row.code) for row in c.execute(query)} if outcomes else set()
    return there == {(one.input_id, one.effect.value, one.code) for one in outcomes}


def _after(state: MeetingState, events: Sequence[MeetingEvent], at: datetime) -> MeetingState:
    for event in events:
        state = evolve(state, event, state.version + 1, at)
    return state


def _update_views(
    c: sa.Connection,
    meeting_id: str,
    state: MeetingState,
    events: Sequence[MeetingEvent],
    at: datetime,
) -> None:
    changes: dict[str, Any] = {
        "status": state.status.value,
        "sequence": state.sequence,
        "starts_at": state.slot and state.slot.start,
        "ends_at": state.slot and state.slot.end,
        "answer_by": state.answer_by,
        "terms": state.terms.model_dump(mode="json"),
        "version": state.version,
        "updated_at": at,
    }
    c.execute(sa.update(meetings).where(meetings.c.id == meeting_id), changes)
    answered = {one.party for one in events if isinstance(one, AnswerRecorded | ProposalMade)}
    for party in state.parties:
        seen: dict[str, Any] = {
            "partstat": party.partstat.value,
            "unreachable": party.unreachable,
        }
        when = _answered_at(party.partstat, party.number in answered, at)
        whose = sa.and_(parties.c.meeting_id == meeting_id, parties.c.number == party.number)
        c.execute(sa.update(parties).where(whose), {**seen, **when})


def _answered_at(partstat: Partstat, is_new: bool, at: datetime) -> dict[str, datetime | None]:
    if partstat is Partstat.NEEDS_ACTION:
        return {"answered_at": None}
    return {"answered_at": at} if is_new else {}


def _record_outcomes(
    c: sa.Connection, outcomes: Sequence[InputOutcome], version: int, at: datetime
) -> None:
    for outcome in outcomes:
        command = inputs.record_outcome(c, outcome, at)
        if command is not None:
            applied = outcome.effect is Effect.APPLIED
            state = CommandState.SUCCEEDED if applied else CommandState.REFUSED
            ending = Outcome(code=outcome.code, detail=outcome.detail, version=version)
            commands.finish(c, command, state, ending, at)
