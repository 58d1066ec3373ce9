"""The workflow `Outbox` on a real server, with dispatchers that send nothing."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from activities.outbox import OutboxActivities
from domain.outbox.messages import Shift, Staffing
from domain.sagas import OUTBOX_QUEUE
from tests.fakes.dispatchers import FakeDispatchers
from workflows.outbox import OutboxWorkflow

_numbers = itertools.count(1)
BEGINNING = datetime(2026, 11, 1, tzinfo=UTC)


def staffing(dispatchers: int, after: int = 0) -> Staffing:
    """What a process says that started `after` seconds after the first."""
    return Staffing(dispatchers=dispatchers, said_at=BEGINNING + timedelta(seconds=after))


def host(client: Client, dispatchers: FakeDispatchers, **options: Any) -> Worker:
    """A process that polls for shares."""
    return Worker(
        client,
        task_queue=OUTBOX_QUEUE,
        activities=[OutboxActivities(dispatchers, **options).dispatch],
        graceful_shutdown_timeout=timedelta(seconds=5),
    )


@asynccontextmanager
async def dispatching(client: Client, wanted: Staffing) -> AsyncIterator[WorkflowHandle[Any, Any]]:
    """The workflow, decided for in the strict sandbox until the block ends."""
    name = f"outbox/test-{next(_numbers)}-{datetime.now(UTC):%H%M%S%f}"
    async with Worker(client, task_queue=name, workflows=[OutboxWorkflow]):
        await client.start_workflow(
            OutboxWorkflow.run,
            Shift(staffing=wanted),
            id=name,
            task_queue=name,
            task_timeout=timedelta(seconds=5),
        )
        handle = client.get_workflow_handle(name)
        try:
            yield handle
        finally:
            await handle.terminate("the test is over")
