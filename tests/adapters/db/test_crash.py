"""A process killed in the middle of many writes: what was acknowledged is there, the rest is whole
or absent."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from adapters.db.opening import open_database
from adapters.db.schema import journal as journal_table

_EVENTS_EACH = 4
_WRITER = f"""
import asyncio, datetime, itertools, sys
from adapters.db import journal
from adapters.db.opening import open_database
from domain.journal import NewEvent

AT = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
numbers = itertools.count()

async def write_for_ever(database):
    for number in numbers:
        stream = f"meeting/{{number}}"
        def work(c):
            for version in range({_EVENTS_EACH}):
                event = NewEvent(type="Happened", data={{}})
                journal.append(c, owner="main", stream=stream, expected_version=version,
                               events=[event], at=AT)
        await database.write(work)
        print(stream, flush=True)

async def main():
    database = open_database(sys.argv[1])
    await asyncio.gather(*(write_for_ever(database) for _ in range(32)))

asyncio.run(main())
"""


def acknowledged_before_kill(url: str, at_least: int) -> set[str]:
    """Run writers until so many writes were acknowledged, then kill them in mid-flight."""
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, url],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert writer.stdout is not None
    seen = {writer.stdout.readline().strip() for _ in range(at_least)}
    writer.kill()
    rest = writer.stdout.read().split("\n")[:-1]  # a last line without its end was cut off
    writer.stdout.close()
    writer.wait()
    assert "" not in seen, "the writer ended by itself"
    return seen | set(rest)


@pytest.mark.parametrize("at_least", [1, 150])
async def test_a_killed_process_loses_nothing_it_acknowledged(
    database_url: str, at_least: int
) -> None:
    acknowledged = acknowledged_before_kill(database_url, at_least)

    database = open_database(database_url)
    streams = sa.select(journal_table.c.stream)
    written = Counter(await database.read(lambda c: c.execute(streams).scalars().all()))

    assert acknowledged <= written.keys()
    assert set(written.values()) == {_EVENTS_EACH}
    await database.close()
