"""`parley adopt`: lets mail leave from here, where a database was copied or moved to."""

import asyncio
from collections.abc import Awaitable, Callable

from adapters.db.fence import Fence, place_of
from adapters.db.opening import open_database
from console.ground import now
from console.running import find_running, need_database
from domain.outbox.place import Place
from settings import Settings


async def adopt(settings: Settings) -> Place:
    """Makes this the place that mail leaves from. Raises `ParleyError` when neither the running
    installation nor its database can be reached."""
    return await _asked(settings, "POST", "/installation/adopt", lambda fence: fence.adopt(now()))


async def place_of_installation(settings: Settings) -> Place:
    """Where mail leaves from now. Raises as `adopt` does."""
    return await _asked(settings, "GET", "/installation", lambda fence: fence.look())


async def _asked(
    settings: Settings, method: str, path: str, directly: Callable[[Fence], Awaitable[Place]]
) -> Place:
    """A SQLite file belongs to the process that runs."""
    running = find_running(settings) if settings.is_embedded else None
    if running is not None:
        found = await asyncio.to_thread(running.call, method, path)
        return Place.model_validate({name: found[name] for name in Place.model_fields})
    need_database(settings)
    database = open_database(settings.database)
    try:
        return await directly(Fence(database, place_of(settings), hold_all=settings.hold_all))
    finally:
        await database.close()
