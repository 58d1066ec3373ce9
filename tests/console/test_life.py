"""What the parts stand on: a process whose database can do no more work ends, and says it lives
only while it does."""

import asyncio
import os
from pathlib import Path

from adapters.db.database import Database
from adapters.db.opening import open_database
from console.crew import Crew, PartDied
from console.ground import ground, while_alive
from settings import Settings
from tests.patience import until


async def test_a_process_whose_database_can_do_no_more_work_ends(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, temporal_address="127.0.0.1:9")
    crew = Crew()

    async with asyncio.timeout(20), ground(settings, crew, look_every=0.01) as g:
        running = asyncio.create_task(crew.until(asyncio.Event()))
        await g.database.close()
        [end] = await asyncio.gather(running, return_exceptions=True)

    assert isinstance(end, PartDied)
    assert "database" in str(end)


async def test_the_health_file_grows_old_when_nothing_turns(
    tmp_path: Path, sqlite_database: Database
) -> None:
    file = tmp_path / "alive"
    alive = asyncio.create_task(while_alive(sqlite_database, file, every=0.01))
    await until(file.exists)
    os.utime(file, (0, 0))
    await until(lambda: file.stat().st_mtime > 0)

    alive.cancel()
    await asyncio.gather(alive, return_exceptions=True)
    os.utime(file, (0, 0))

    assert file.stat().st_mtime == 0


async def test_a_dead_database_is_not_called_alive(tmp_path: Path) -> None:
    file = tmp_path / "alive"
    database = open_database(f"sqlite:///{tmp_path / 'parley.db'}", migrate=True)
    await database.close()

    await while_alive(database, file)

    assert not file.exists()
