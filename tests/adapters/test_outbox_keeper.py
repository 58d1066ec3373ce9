"""Promises of what keeps dispatchers running: with Temporal, without it, and between the two."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflowservice.v1 import PauseActivityRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError
from temporalio.worker import Worker

from adapters.temporal.client import connect
from adapters.temporal.outbox import OutboxKeeper
from domain.outbox.messages import Staffing
from domain.sagas import OUTBOX_ID, SAGA_QUEUE
from tests import needs
from tests.adapters.temporal_process import Server
from tests.fakes.dispatchers import FakeDispatchers
from tests.patience import until
from tests.workflows.outbox_shares import host
from workflows.outbox import OutboxWorkflow

pytestmark = needs.TEMPORAL


@pytest.fixture
def server(tmp_path: Path) -> Server:
    """One that is not running yet."""
    return Server(tmp_path)


@pytest.fixture(scope="module")
async def lasting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    server = Server(tmp_path_factory.mktemp("temporal"))
    async with server.running():
        yield server


@pytest.fixture
async def client(lasting: Server) -> AsyncIterator[Client]:
    client = await connect(lasting.settings)
    yield client
    with contextlib.suppress(RPCError):
        await workflow(client).terminate("the test is over")


def keeper(
    client: Client, dispatchers: FakeDispatchers, count: int = 1, **options: object
) -> OutboxKeeper:
    wanted = Staffing(dispatchers=count, said_at=datetime.now(UTC))
    options = {"look_every": 0.1, "alone_after": 0.3} | options
    return OutboxKeeper(client, wanted, dispatchers, **options)  # type: ignore[arg-type]  # by name


@asynccontextmanager
async def running(keeper: OutboxKeeper) -> AsyncIterator[None]:
    task = asyncio.create_task(keeper.run())
    try:
        yield
    finally:
        keeper.stop(patience=1.0)
        await task


def deciding(client: Client) -> Worker:
    return Worker(client, task_queue=SAGA_QUEUE, workflows=[OutboxWorkflow])


async def is_seen(client: Client, state: str) -> None:
    """Waits until Temporal has the share in this state."""

    async def holds() -> bool:
        with contextlib.suppress(RPCError):
            found = (await workflow(client).describe()).raw_description.pending_activities
            name = f"PENDING_ACTIVITY_STATE_{state}"
            return [each.state for each in found] == [PendingActivityState.Value(name)]
        return False

    await until(holds)


async def pause(client: Client) -> None:
    """As an operator does at Temporal's web interface."""
    request = PauseActivityRequest(
        namespace=client.namespace,
        execution=WorkflowExecution(workflow_id=OUTBOX_ID),
        type="outbox.dispatch",
    )

    async def is_paused() -> bool:
        with contextlib.suppress(RPCError):  # it may just be starting
            await client.workflow_service.pause_activity(request)
            return True
        return False

    await until(is_paused, every=0.2)


def workflow(client: Client) -> WorkflowHandle[OutboxWorkflow, None]:
    return client.get_workflow_handle_for(OutboxWorkflow.run, OUTBOX_ID)


async def test_it_starts_what_somebody_ended_and_brings_its_number(server: Server) -> None:
    here = FakeDispatchers()
    async with server.running():
        client = await connect(server.settings)
        async with deciding(client), host(client, here, beat=0.05):
            async with running(keeper(client, here, alone_after=60)):
                await until(lambda: here.running == 1)
                await workflow(client).terminate("by an operator")
                await until(lambda: len(here.engaged) == 2 and here.running == 1)
            async with running(keeper(client, here, 3, alone_after=60)):
                await until(lambda: here.running == 3)


async def test_somebody_sends_while_temporal_comes_and_goes(server: Server) -> None:
    here = FakeDispatchers()
    client = await connect(server.settings, lazy=True)
    async with running(keeper(client, here)):
        await until(lambda: here.running == 1)
        async with server.running():
            connected = await connect(server.settings)
            worker = host(connected, here, beat=0.05)
            polling = asyncio.create_task(worker.run())
            async with deciding(connected):
                await until(lambda: len(here.engaged) == 2 and here.running == 1)
        share = here.engaged[1]
        # Mostly the worker drops its share within some seconds, and we stand in; where it keeps
        # it, that one goes on sending.
        with contextlib.suppress(TimeoutError):
            await until(lambda: share.patience is not None or not here.running, within=20)
        await until(lambda: here.running == 1, within=10)
        await worker.shutdown()
        await polling

    assert here.engaged[0].patience == 10.0, "the stand-in was cut off"


async def test_it_stands_in_when_nobody_decides_for_the_workflow(client: Client) -> None:
    here = FakeDispatchers()

    async with running(keeper(client, here)):
        await until(lambda: here.running == 1)


async def test_only_an_only_process_knows_that_a_share_elsewhere_is_lost(client: Client) -> None:
    here, there = FakeDispatchers("here"), FakeDispatchers("there")

    async with deciding(client), host(client, there, beat=0.05):
        async with running(keeper(client, here, alone_after=2)):
            await until(lambda: there.running == 1)
            await is_seen(client, "STARTED")
        assert not here.engaged
        async with running(keeper(client, here, is_only=True)):
            await until(lambda: here.running == 1)


async def test_a_share_that_an_operator_paused_is_not_stood_in_for(client: Client) -> None:
    here = FakeDispatchers()

    async with deciding(client), running(keeper(client, here, alone_after=60)):
        await is_seen(client, "SCHEDULED")
        await pause(client)
        await is_seen(client, "PAUSED")
    async with running(keeper(client, here, alone_after=0)):
        with pytest.raises(TimeoutError):
            await until(lambda: here.engaged, within=0.7)


async def test_a_stand_in_that_breaks_ends_the_part(client: Client) -> None:
    here = FakeDispatchers()
    task = asyncio.create_task(keeper(client, here).run())
    await until(lambda: here.running == 1)
    here.engaged[0].break_down(RuntimeError("a loop ended"))

    with pytest.raises(RuntimeError, match="a loop ended"):
        await task
