"""What a meeting's saga does to the world: read its facts, take its inputs, record decisions."""

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.ports import LetterWriter, MeetingStore
from domain.errors import NotFound, StreamMoved
from domain.meetings.events import AddressCorrected, MeetingEvent
from domain.meetings.letters import Letter
from domain.meetings.messages import InputOutcome, MeetingRef, TakenInput
from domain.meetings.model import MeetingState
from domain.values import Frozen, Instant

INPUTS_AT_ONCE = 20
"""Inputs taken by one activity; the rest is taken when these are decided."""


class Taken(Frozen):
    """Inputs in row order, and since when a mail behind them waits to be read: no deadline after
    that instant has passed yet, since the mail may hold the answer."""

    inputs: tuple[TakenInput, ...]
    unread_since: Instant | None = None


class Resumed(Frozen):
    """Where a meeting stands by its journal, and what waits to be decided."""

    state: MeetingState
    taken: Taken


class DecisionRecord(Frozen):
    """One decision to be made fact. `at` is the instant of the decision, aware UTC."""

    meeting_id: str
    expected_version: int
    events: tuple[MeetingEvent, ...]
    letters: tuple[Letter, ...]
    outcome: InputOutcome | None
    at: Instant


def _corrected(events: tuple[MeetingEvent, ...]) -> dict[int, int]:
    """Parties that this very decision moves to another address, by the input that names it."""
    return {event.party: event.input for event in events if isinstance(event, AddressCorrected)}


class MeetingActivities:
    """The activities of the saga `Meeting`. Each may run any number of times."""

    def __init__(self, store: MeetingStore, writer: LetterWriter) -> None:
        self._store = store
        self._writer = writer

    @activity.defn(name="meetings.resume")
    async def resume(self, ref: MeetingRef) -> Resumed:
        """The state folded from the journal, with the inputs that wait."""
        try:
            state = await self._store.load(ref.meeting_id)
        except NotFound as missing:
            raise ApplicationError(str(missing), type=missing.code, non_retryable=True) from missing
        return Resumed(state=state, taken=await self._take(ref))

    @activity.defn(name="meetings.take_inputs")
    async def take_inputs(self, ref: MeetingRef) -> Taken:
        """The inputs that wait; taking marks nothing, so it repeats freely."""
        return await self._take(ref)

    async def _take(self, ref: MeetingRef) -> Taken:
        # Asked first: a mail that is read in between is then merely thought unread for longer.
        unread_since = await self._store.unread_since(ref.meeting_id)
        inputs = await self._store.take_inputs(ref.meeting_id, INPUTS_AT_ONCE)
        return Taken(inputs=tuple(inputs), unread_since=unread_since)

    @activity.defn(name="meetings.record_decision")
    async def record_decision(self, record: DecisionRecord) -> None:
        """Write the letters and make the decision fact, in one transaction.

        The journal's version makes a second run harmless. A stream that moved on without this
        saga is reported as `stream-moved`, and the saga reads it again.
        """
        drafts = []
        if record.letters:
            card = await self._store.card(record.meeting_id, _corrected(record.events))
            drafts = [self._writer.compose(letter, card) for letter in record.letters]
        outcomes = [] if record.outcome is None else [record.outcome]
        try:
            await self._store.record(
                record.meeting_id,
                record.expected_version,
                record.events,
                outcomes,
                drafts,
                record.at,
            )
        except StreamMoved as moved:
            raise ApplicationError(str(moved), type=moved.code, non_retryable=True) from moved
