"""A Temporal worker as a part of a process: it waits for the server, polls, and drains."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from adapters.temporal.client import connect
from settings import Settings

log = logging.getLogger(__name__)

_PAUSE = 0.5  # seconds between attempts to reach the server


class Polling:
    """Runs the worker that `make` builds, from when Temporal answers until it is stopped."""

    def __init__(self, settings: Settings, make: Callable[[Client], Worker]) -> None:
        self._settings = settings
        self._make = make
        self._worker: Worker | None = None
        self._task: asyncio.Task[None] | None = None
        self.started = asyncio.Event()

    async def run(self) -> None:
        """Returns only when stopped. Raises what ended the polling otherwise."""
        self._task = asyncio.current_task()
        client = await connect_patiently(self._settings)
        self._worker = self._make(client)
        self.started.set()
        await self._worker.run()

    async def stop(self) -> None:
        """Take no more tasks, and finish those in hand."""
        if self._worker is not None and self._worker.is_running:
            await self._worker.shutdown()
        elif self._task is not None:  # still waiting for the server: there is nothing to drain
            self._task.cancel()


async def connect_patiently(settings: Settings) -> Client:
    """A connected client, however long the server takes to answer."""
    told = False
    while True:
        try:
            client = await connect(settings)
            await client.service_client.check_health(timeout=timedelta(seconds=5))
            return client
        except (RPCError, RuntimeError) as failure:
            if not told:
                log.warning("waiting for Temporal: %s", failure)
            told = True
        await asyncio.sleep(_PAUSE)
