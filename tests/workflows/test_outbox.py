"""The shares of the dispatching on a real server: nobody leaves without somebody taking over."""

import asyncio
import sys
import time
from datetime import timedelta
from pathlib import Path

from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from adapters.temporal.client import parley_plugin
from tests.fakes.dispatchers import FakeDispatchers
from tests.patience import until
from tests.workflows.outbox_shares import dispatching, host, staffing
from tests.workflows.temporal import temporal_server
from workflows.outbox import OutboxWorkflow

ROOT = Path(__file__).parents[2]


async def _says(handle: WorkflowHandle, *words: str) -> None:  # type: ignore[type-arg]  # of no matter
    async def holds() -> bool:
        told = await handle.query(OutboxWorkflow.standing)
        return all(word in told for word in words)

    await until(holds)


async def test_as_many_dispatchers_run_as_are_wanted(temporal: WorkflowEnvironment) -> None:
    here = FakeDispatchers()

    async with dispatching(temporal.client, staffing(3)) as outbox, host(temporal.client, here):
        await until(lambda: here.running == 3)
        await _says(outbox, "3 dispatchers", "share 1", "share 3")


async def test_a_draining_worker_hands_its_shares_on_at_once(temporal: WorkflowEnvironment) -> None:
    here, there = FakeDispatchers("here"), FakeDispatchers("there")

    async with dispatching(temporal.client, staffing(2)) as outbox:
        async with host(temporal.client, here, patience=3.0):
            await until(lambda: here.running == 2)
        assert here.running == 0
        begun = time.monotonic()
        async with host(temporal.client, there):
            await until(lambda: there.running == 2)
            took = time.monotonic() - begun
            await _says(outbox, "moved by process 7 on here")

    assert took < 4, "the heartbeat timeout was waited for"
    assert {each.patience for each in here.engaged} == {3.0}


async def test_a_share_moves_on_when_its_worker_is_killed(temporal: WorkflowEnvironment) -> None:
    there = FakeDispatchers("there")
    address = temporal.client.service_client.config.target_host
    module = "tests.workflows.doomed_host"

    async with dispatching(temporal.client, staffing(1)) as outbox:
        doomed = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, address), stdout=asyncio.subprocess.PIPE, cwd=ROOT
        )
        assert doomed.stdout is not None
        assert await asyncio.wait_for(doomed.stdout.readline(), 30)
        await _has_heartbeat(outbox)
        doomed.kill()
        await doomed.wait()
        async with host(temporal.client, there):
            await until(lambda: there.running == 1)

        await _says(outbox, "moved by process 7 on there", "lost by process 7 on doomed")


async def _has_heartbeat(outbox: WorkflowHandle) -> None:  # type: ignore[type-arg]  # of no matter
    async def holds() -> bool:
        pending = (await outbox.describe()).raw_description.pending_activities
        return any(each.HasField("heartbeat_details") for each in pending)

    await until(holds)


async def test_a_dispatcher_that_breaks_is_replaced(temporal: WorkflowEnvironment) -> None:
    here = FakeDispatchers()

    async with dispatching(temporal.client, staffing(1)), host(temporal.client, here):
        await until(lambda: here.running == 1)
        here.engaged[0].break_down(RuntimeError("a loop ended"))

        await until(lambda: len(here.engaged) == 2 and here.running == 1)


async def test_who_started_last_says_how_many_there_are(temporal: WorkflowEnvironment) -> None:
    here = FakeDispatchers()

    async with (
        dispatching(temporal.client, staffing(2)) as outbox,
        host(temporal.client, here, beat=0.05),
    ):
        await until(lambda: here.running == 2)
        await outbox.signal(OutboxWorkflow.staff, staffing(4, after=2))
        await until(lambda: here.running == 4)
        await outbox.signal(OutboxWorkflow.staff, staffing(7, after=1))
        await outbox.signal(OutboxWorkflow.staff, staffing(1, after=3))
        await until(lambda: here.running == 1)
        await _says(outbox, "1 dispatcher")

        assert len(here.engaged) == 4


async def test_it_goes_on_in_a_new_run_before_its_history_grows_long() -> None:
    here = FakeDispatchers()
    flag = "limit.historyCount.suggestContinueAsNew=40"

    async with (
        temporal_server([flag], plugins=[parley_plugin()]) as environment,
        dispatching(environment.client, staffing(2)) as outbox,
    ):
        first = (await outbox.describe()).run_id
        await outbox.signal(OutboxWorkflow.staff, staffing(2, after=5))
        async with host(environment.client, here, turn=timedelta(seconds=0.1), beat=0.05):

            async def is_another() -> bool:
                return (await outbox.describe()).run_id != first

            await until(is_another)
            await outbox.signal(OutboxWorkflow.staff, staffing(9, after=4))
            await _says(outbox, "2 dispatchers", "reported by process 7")
            count = len(here.engaged)
            await until(lambda: len(here.engaged) > count + 2)
