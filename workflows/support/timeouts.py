"""How long activities may take and how they are retried: one table for all sagas."""

from datetime import timedelta
from typing import TypedDict

from temporalio.common import RetryPolicy

from domain.sagas import ACTIVITY_QUEUE


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
