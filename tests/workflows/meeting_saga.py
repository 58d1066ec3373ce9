"""A meeting's saga on a real server, with its facts in memory."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.meetings import MeetingActivities
from domain.meetings.messages import MeetingInput, MeetingRef
from domain.meetings.model import Terms
from domain.sagas import ACTIVITY_QUEUE
from domain.values import Slot
from tests.fakes.meetings import FakeLetterWriter, FakeMeetingStore
from tests.workflows.temporal import advance
from workflows.meetings import MeetingWorkflow

_numbers = itertools.count(1)
HOUR = timedelta(hours=1)


def slot_in(days: float) -> Slot:
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
    return Slot(start=start, end=start + HOUR)


class Saga:
    """Says things to a running meeting, as the relay does: a row first, then a poke."""

    def __init__(self, environment: WorkflowEnvironment, store: FakeMeetingStore) -> None:
        self._environment = environment
        self.store = store
        self.ref = MeetingRef(meeting_id=f"m{next(_numbers)}-{datetime.now(UTC):%H%M%S%f}")

    @property
    def id(self) -> str:
        return f"meeting/{self.ref.meeting_id}"

    async def poke(self) -> WorkflowHandle[Any, Any]:
        """Signal-with-start, with a short task timeout so that a killed worker is replaced soon."""
        return await self._environment.client.start_workflow(
            MeetingWorkflow.run,
            self.ref,
            id=self.id,
            task_queue=f"sagas-{self.ref.meeting_id}",
            start_signal="poke",
            task_timeout=timedelta(seconds=5),
        )

    async def say(self, body: MeetingInput) -> str:
        """The effect that the input came to."""
        row = self.store.accept(body)
        await self.poke()
        return (await self.store.outcome_of(row)).effect.value

    async def opened(self) -> None:
        await self.poke()
        await self.store.outcome_of(1)

    @property
    def handle(self) -> WorkflowHandle[Any, Any]:
        return self._environment.client.get_workflow_handle(self.id)

    async def advance(self, by: timedelta) -> bool:
        return await advance(self._environment, self.handle, by)


@asynccontextmanager
async def playing(
    environment: WorkflowEnvironment, *slots: Slot, **terms: Any
) -> AsyncIterator[Saga]:
    """A meeting with a worker of its own, in the strict sandbox."""
    store = FakeMeetingStore(Terms.model_validate({"slots": slots, **terms}))
    saga = Saga(environment, store)
    deeds = MeetingActivities(store, FakeLetterWriter())
    sagas = Worker(
        environment.client,
        task_queue=f"sagas-{saga.ref.meeting_id}",
        workflows=[MeetingWorkflow],
    )
    activities = Worker(
        environment.client,
        task_queue=ACTIVITY_QUEUE,
        activities=[deeds.resume, deeds.take_inputs, deeds.record_decision],
    )
    async with activities, sagas:
        yield saga
