"""Workflow tasks of meetings and of their bare peer, in a process of its own as in a real
installation. `python -m bench.saga_worker HOST:PORT`"""

import asyncio
import sys

from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from adapters.temporal.client import parley_plugin
from bench.bare import BareWorkflow
from domain.sagas import SAGA_QUEUE
from workflows.meetings import MeetingWorkflow


async def main(address: str) -> None:
    client = await Client.connect(address, plugins=[parley_plugin()])
    passed = SandboxRestrictions.default.with_passthrough_modules("domain", "activities", "bench")
    worker = Worker(
        client,
        task_queue=SAGA_QUEUE,
        workflows=[MeetingWorkflow, BareWorkflow],
        workflow_runner=SandboxedWorkflowRunner(restrictions=passed),
    )
    print("polling", flush=True)
    await worker.run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
