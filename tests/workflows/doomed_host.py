"""A process that has a share, to be killed: `python -m … ADDRESS`. Says when it has one."""

import asyncio
import sys

from temporalio.client import Client

from adapters.temporal.client import parley_plugin
from tests.fakes.dispatchers import FakeDispatcher, FakeDispatchers
from tests.workflows.outbox_shares import host


class _Telling(FakeDispatchers):
    async def engage(self) -> FakeDispatcher:
        sys.stdout.write("has a share\n")
        sys.stdout.flush()
        return await super().engage()


async def main(address: str) -> None:
    client = await Client.connect(address, plugins=[parley_plugin()])
    await host(client, _Telling("doomed"), beat=0.05).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
