"""Polls Temporal: `python worker.py` is `parley worker`.

Workflow tasks need no database, so with the embedded database this process only decides; the
service next to it acts. On PostgreSQL it does both.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.meetings import MeetingActivities
from activities.outbox import OutboxActivities
from activities.ports import Dispatchers, LetterWriter, MeetingStore
from domain.outbox.messages import MOST_SHARES
from domain.sagas import ACTIVITY_QUEUE, OUTBOX_QUEUE, SAGA_QUEUE
from workflows.meetings import MeetingWorkflow
from workflows.outbox import OutboxWorkflow

SAGAS: Sequence[type] = (MeetingWorkflow,)
"""Those that take inputs; see `domain.sagas`."""

WORKFLOWS: Sequence[type] = (*SAGAS, OutboxWorkflow)

# Only here: tests and replay import the rules afresh in the sandbox, which catches clocks and
# chance in them; here that would cost 40 ms for every new workflow instance.
_RULES = SandboxRestrictions.default.with_passthrough_modules("domain", "activities")
_DRAIN = timedelta(seconds=12)

# How long a task waits for the worker that has its saga in memory. The default of 10 s is what a
# meeting would stand still after a worker was killed.
_STICKY = timedelta(seconds=2)


def saga_worker(client: Client) -> Worker:
    """Polls for decisions."""
    return Worker(
        client,
        task_queue=SAGA_QUEUE,
        workflows=WORKFLOWS,
        workflow_runner=SandboxedWorkflowRunner(restrictions=_RULES),
        graceful_shutdown_timeout=_DRAIN,
        sticky_queue_schedule_to_start_timeout=_STICKY,
    )


def activity_worker(client: Client, store: MeetingStore, writer: LetterWriter) -> Worker:
    """Polls for what sagas do to the world; runs where the database is."""
    return Worker(
        client,
        task_queue=ACTIVITY_QUEUE,
        activities=activities(store, writer),
        # More at once would only keep callers of the API waiting: they share one processor.
        max_concurrent_activities=8,
        graceful_shutdown_timeout=_DRAIN,
    )


def outbox_worker(client: Client, dispatchers: Dispatchers) -> Worker:
    """Polls for shares of the dispatching; runs where the database is, and may have them all."""
    return Worker(
        client,
        task_queue=OUTBOX_QUEUE,
        activities=[OutboxActivities(dispatchers).dispatch],
        max_concurrent_activities=MOST_SHARES,
        graceful_shutdown_timeout=_DRAIN,
    )


def activities(store: MeetingStore, writer: LetterWriter) -> list[Callable[..., Any]]:
    """Every activity of every saga, with its ports."""
    meetings = MeetingActivities(store, writer)
    return [meetings.resume, meetings.take_inputs, meetings.record_decision]


if __name__ == "__main__":
    from cli import app

    app(["worker"], prog_name="parley")
