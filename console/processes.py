"""Which parts make up which process."""

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable

import worker
from console import parts
from console.crew import Crew, PartDied, announce_ready, stop_on_signals
from console.first_key import ensure_first_key
from console.ground import Ground, ground, now
from console.layout import Layout
from console.polling import Polling
from domain.errors import BadInput
from settings import Settings

log = logging.getLogger(__name__)


async def run_service(settings: Settings, stop: asyncio.Event, ready_fd: int | None) -> None:
    """Everything that needs the database, in one process."""
    async with ground(settings, Crew()) as g:
        if settings.is_embedded:
            await ensure_first_key(g.database, Layout(settings.data_dir).api_key, now())
        catcher = await parts.add_catcher(g)
        await _add_acting(g)
        await parts.add_intake(g)
        await parts.add_api(g, catcher)
        announce_ready(ready_fd)
        await g.crew.until(stop)


async def _add_acting(g: Ground) -> None:
    """What acts on the world, and what drives it."""
    parts.add_outbox(g)
    parts.add_webhooks(g)
    parts.add_retention(g)
    parts.add_activities(g)
    g.crew.add("relay", g.relay.run())
    await parts.add_reader(g)


async def run_worker(settings: Settings, stop: asyncio.Event, ready_fd: int | None) -> None:
    """Decisions; with a database that many processes may use, what follows from them as well."""
    crew = Crew()
    polling = Polling(settings, worker.saga_worker)
    crew.add("sagas", polling.run(), stop=polling.stop, within=15)
    if not settings.is_embedded:
        async with ground(settings, crew) as g:
            await _add_acting(g)
            await _ready_until(crew, polling, stop, ready_fd)
        return
    try:
        await _ready_until(crew, polling, stop, ready_fd)
    finally:
        await crew.stop()


async def _ready_until(
    crew: Crew, polling: Polling, stop: asyncio.Event, ready_fd: int | None
) -> None:
    """Say that we are ready once sagas are polled, then wait for `stop`."""
    begun = asyncio.create_task(polling.started.wait())
    begun.add_done_callback(lambda wait: None if wait.cancelled() else announce_ready(ready_fd))
    try:
        await crew.until(stop)
    finally:
        begun.cancel()


async def run_intake(settings: Settings, stop: asyncio.Event, ready_fd: int | None) -> None:
    """Mail in, and nothing else: it keeps working whatever happens to the rest."""
    async with ground(settings, Crew()) as g:
        await parts.add_intake(g)
        announce_ready(ready_fd)
        await g.crew.until(stop)


async def run_api(settings: Settings, stop: asyncio.Event, ready_fd: int | None) -> None:
    """HTTP; its relay pokes at once, and others make up for what it could not."""
    async with ground(settings, Crew()) as g:
        g.crew.add("relay", g.relay.run())
        await parts.add_api(g)
        announce_ready(ready_fd)
        await g.crew.until(stop)


Run = Callable[[Settings, asyncio.Event, int | None], Awaitable[None]]
PROCESSES: dict[str, Run] = {
    "service": run_service,
    "api": run_api,
    "intake": run_intake,
    "worker": run_worker,
}
_SHARED_ONLY = frozenset({"api", "intake"})


def run_process(name: str, settings: Settings, ready_fd: int | None) -> int:
    """Run one process of the system until a signal comes, and end it with its exit status.

    Raises `ParleyError` when it cannot start.
    """
    if name in _SHARED_ONLY and settings.is_embedded:
        raise BadInput(
            f"`parley {name}` alone needs PostgreSQL: set PARLEY_DATABASE_URL. "
            "With the embedded database `parley up` runs everything."
        )
    Layout(settings.data_dir).close_to_others()
    _log_to_stderr(settings.log_level)
    status = asyncio.run(_run(PROCESSES[name], settings, ready_fd))
    sys.stdout.flush()
    sys.stderr.flush()
    # The native core of the Temporal SDK may crash in interpreter finalisation, after all is
    # done, and would turn a clean stop into a failure.
    os._exit(status)


def _log_to_stderr(level: str) -> None:
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=level, stream=sys.stderr, format=form)
    for chatty in ("alembic", "httpx", "uvicorn.error", "temporalio.worker"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


async def _run(run: Run, settings: Settings, ready_fd: int | None) -> int:
    stop = stop_on_signals()
    try:
        await run(settings, stop, ready_fd)
    except PartDied as death:
        log.critical("%s; this process ends", death, exc_info=death.__cause__)
        return 1
    return 0
