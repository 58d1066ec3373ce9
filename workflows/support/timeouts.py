"""How long activities may take and how they are retried: one table for all sagas."""

from datetime import timedelta
from typing import TypedDict

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType

from activities.outbox import TURN
from domain.sagas import ACTIVITY_QUEUE, OUTBOX_QUEUE


class ActivityOptions(TypedDict):
    task_queue: str
    start_to_close_timeout: timedelta
    retry_policy: RetryPolicy


DATABASE = ActivityOptions(
    task_queue=ACTIVITY_QUEUE,
    # A service killed in the middle is noticed by this alone, and its meeting waits so long.
    start_to_close_timeout=timedelta(seconds=10),
    # For as long as it takes: the database comes back, and nothing else can be done without it.
    retry_policy=RetryPolicy(
        initial_interval=timedelta(milliseconds=200),
        backoff_coefficient=2,
        maximum_interval=timedelta(seconds=30),
    ),
)
"""A transaction in Parley's own database."""


class ShareOptions(ActivityOptions):
    heartbeat_timeout: timedelta
    cancellation_type: ActivityCancellationType


DISPATCHING = ShareOptions(
    task_queue=OUTBOX_QUEUE,
    start_to_close_timeout=TURN + timedelta(minutes=5),
    # How long mail of a share waits for another worker when its own was killed.
    heartbeat_timeout=timedelta(seconds=6),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(milliseconds=200),
        backoff_coefficient=2,
        maximum_interval=timedelta(seconds=5),
    ),
    cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
)
"""One share of the dispatching of mail: there is always one more attempt."""
