"""One Temporal server for all saga tests; each test has queues and a meeting of its own."""

from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from adapters.temporal.client import parley_plugin
from tests.workflows.temporal import temporal_server
from workflows.meetings import MEETING_STATUS


@pytest.fixture(scope="session")
async def temporal() -> AsyncIterator[WorkflowEnvironment]:
    async with temporal_server(
        plugins=[parley_plugin()], search_attributes=[MEETING_STATUS]
    ) as environment:
        yield environment
