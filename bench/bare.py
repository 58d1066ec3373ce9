"""The peer of a meeting: a bare workflow that takes the same inputs and runs the same number of
activities with the same database and SMTP work, and decides nothing. What it records was decided
and written beforehand."""

from datetime import timedelta

from temporalio import activity, workflow

from activities.ports import MeetingStore
from domain.meetings.events import MeetingEvent
from domain.meetings.messages import InputOutcome, MeetingRef
from domain.outbox.model import Draft
from domain.values import Frozen, Instant
from workflows.support.timeouts import DATABASE


class Step(Frozen):
    """Which of the prepared decisions is recorded, for which input."""

    meeting_id: str
    number: int
    input_id: int


class Prepared(Frozen):
    """A decision made beforehand. `drafts` are templates: a meeting's own id is put into them."""

    expected_version: int
    events: tuple[MeetingEvent, ...]
    outcome: InputOutcome
    drafts: tuple[Draft, ...]
    at: Instant


class BareActivities:
    """The same transactions as a meeting's activities."""

    def __init__(self, store: MeetingStore, prepared: list[Prepared]) -> None:
        self._store = store
        self._prepared = prepared

    @activity.defn(name="bare.resume")
    async def resume(self, ref: MeetingRef) -> list[int]:
        await self._store.load(ref.meeting_id)
        await self._store.unread_since(ref.meeting_id)
        return [taken.id for taken in await self._store.take_inputs(ref.meeting_id, 20)]

    @activity.defn(name="bare.take")
    async def take(self, ref: MeetingRef) -> list[int]:
        await self._store.unread_since(ref.meeting_id)
        return [taken.id for taken in await self._store.take_inputs(ref.meeting_id, 20)]

    @activity.defn(name="bare.record")
    async def record(self, step: Step) -> None:
        ready = self._prepared[step.number]
        await self._store.card(step.meeting_id)
        outcome = ready.outcome.model_copy(update={"input_id": step.input_id})
        drafts = [_own(draft, step.meeting_id) for draft in ready.drafts]
        await self._store.record(
            step.meeting_id, ready.expected_version, ready.events, [outcome], drafts, ready.at
        )


def _own(draft: Draft, meeting_id: str) -> Draft:
    changes = {
        "subject": f"meeting/{meeting_id}",
        "message_id": draft.message_id.replace("<", f"<{meeting_id}."),
    }
    return draft.model_copy(update=changes)


@workflow.defn(name="Bare")
class BareWorkflow:
    """Resume, then record whatever comes, step by step."""

    @workflow.init
    def __init__(self, ref: MeetingRef) -> None:
        self._poked = True

    @workflow.run
    async def run(self, ref: MeetingRef) -> None:
        number = 0
        waiting = await workflow.execute_activity_method(BareActivities.resume, ref, **DATABASE)
        self._poked = False
        while True:
            for input_id in waiting:
                step = Step(meeting_id=ref.meeting_id, number=number, input_id=input_id)
                await workflow.execute_activity_method(BareActivities.record, step, **DATABASE)
                number += 1
            await workflow.wait_condition(lambda: self._poked, timeout=timedelta(days=7))
            self._poked = False
            waiting = await workflow.execute_activity_method(BareActivities.take, ref, **DATABASE)

    @workflow.signal
    def poke(self) -> None:
        self._poked = True
