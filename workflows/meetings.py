"""The saga of a meeting: two people who have never met agree on a time by calendar mail.

Its inputs are rows in the database; a signal only says that there are some. It ends when the
meeting has ended and every input is decided; an input that comes later starts it again, and it
reads its state from the journal.
"""

import contextlib
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ActivityError, ApplicationError

from activities.meetings import (
    INPUTS_AT_ONCE,
    DecisionRecord,
    MeetingActivities,
    Resumed,
    Taken,
)
from domain.meetings.messages import MeetingRef
from domain.meetings.model import MeetingState
from domain.meetings.progress import details, events_summary, input_summary
from domain.meetings.rules import Decision, decide, next_wake, pass_time
from workflows.support.timeouts import DATABASE

MEETING_STATUS = SearchAttributeKey.for_keyword("MeetingStatus")
"""What operators filter meetings by; one of the words of `Status`, nothing personal."""

_UNREAD_PAUSE = timedelta(seconds=30)
"""How soon to look again for a mail whose reading holds a deadline back and whose poke was lost."""


@workflow.defn(name="Meeting")
class MeetingWorkflow:
    """One meeting, from the owner's request until its time has passed."""

    @workflow.init
    def __init__(self, ref: MeetingRef) -> None:
        self._ref = ref
        self._poked = False
        self._unread_since: datetime | None = None

    @workflow.run
    async def run(self, ref: MeetingRef) -> str:
        """Returns the ending, in the words of `Status`."""
        state = await self._resume()
        while not state.status.is_ended or self._poked:
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(ref)
            await self._poke_or_deadline(state)
            state = await self._take_inputs(state)
            state = await self._pass_time(state)
        self._show(state)
        return state.status.value

    @workflow.signal(description="There are inputs to take. Carries nothing that matters.")
    def poke(self) -> None:
        self._poked = True

    @workflow.query(description="Where the meeting stands, parties by number.")
    def standing(self) -> str:
        return workflow.get_current_details()

    async def _resume(self) -> MeetingState:
        """Begin, or begin again, from the journal."""
        self._poked = False
        resumed: Resumed = await workflow.execute_activity_method(
            MeetingActivities.resume, self._ref, summary="read the journal", **DATABASE
        )
        state = await self._decide_all(resumed.state, resumed.taken)
        if len(resumed.taken.inputs) == INPUTS_AT_ONCE:
            state = await self._take_inputs(state)
        return await self._pass_time(state)

    async def _poke_or_deadline(self, state: MeetingState) -> None:
        """Sleep until there is something to do. Whether it is due is for the rules to say."""
        self._show(state)
        wake = self._next_wake(state)
        if self._poked or (wake is not None and wake <= workflow.now()):
            return
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._poked,
                timeout=None if wake is None else wake - workflow.now(),
                timeout_summary=None
                if wake is None
                else f"next deadline {wake:%Y-%m-%d %H:%M} UTC",
            )

    def _next_wake(self, state: MeetingState) -> datetime | None:
        """The next deadline; while an unread mail holds it back, a little later."""
        wake = next_wake(state)
        if wake is not None and self._unread_since is not None and wake > self._unread_since:
            return max(wake, workflow.now() + _UNREAD_PAUSE)
        return wake

    async def _take_inputs(self, state: MeetingState) -> MeetingState:
        """Take everything that waits, before any deadline is looked at: an answer that was
        accepted in time counts, however late the saga hears of it."""
        more = True
        while more:
            self._poked = False
            taken = await workflow.execute_activity_method(
                MeetingActivities.take_inputs, self._ref, summary="take what came in", **DATABASE
            )
            state = await self._decide_all(state, taken)
            more = self._poked or len(taken.inputs) == INPUTS_AT_ONCE
        return state

    async def _decide_all(self, state: MeetingState, taken: Taken) -> MeetingState:
        self._unread_since = taken.unread_since
        for each in taken.inputs:
            decision = decide(state, each, workflow.now())
            if not await self._record(state, decision, input_summary(each.body)):
                return await self._resume()
            state = decision.state
        return state

    async def _pass_time(self, state: MeetingState) -> MeetingState:
        """Let happen what was due before the oldest mail that is still unread."""
        until = min(workflow.now(), self._unread_since or workflow.now())
        decision = pass_time(state, until, workflow.now())
        if not decision.events:
            return state
        if not await self._record(state, decision, "time passed"):
            return await self._resume()
        return decision.state

    async def _record(self, before: MeetingState, decision: Decision, cause: str) -> bool:
        """Make a decision fact; False when the journal moved on without this saga, as it does
        when an operator has ended a run whose last activity was still under way."""
        record = DecisionRecord(
            meeting_id=self._ref.meeting_id,
            expected_version=before.version,
            events=decision.events,
            letters=decision.letters,
            outcome=decision.outcome,
            at=workflow.now(),
        )
        summary = f"{cause}: {events_summary(decision.events)}"[:200]
        try:
            await workflow.execute_activity_method(
                MeetingActivities.record_decision, record, summary=summary, **DATABASE
            )
        except ActivityError as failure:
            if _is_stream_moved(failure):
                return False
            raise
        return True

    def _show(self, state: MeetingState) -> None:
        """Tell the operator where the meeting stands; the attribute only when it changed."""
        workflow.set_current_details(details(state))
        status = state.status.value
        if workflow.info().typed_search_attributes.get(MEETING_STATUS) != status:
            workflow.upsert_search_attributes([MEETING_STATUS.value_set(status)])


def _is_stream_moved(failure: ActivityError) -> bool:
    return isinstance(failure.cause, ApplicationError) and failure.cause.type == "stream-moved"
