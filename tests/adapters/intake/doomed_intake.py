"""An intake in a process of its own that commits and never says so: `python -m … URL`.

Prints its port, then `kept` once a mail is committed; then it waits to be killed.
"""

import asyncio
import sys
from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa

from adapters.db.database import Bell, Database
from adapters.db.opening import open_database
from adapters.intake.accepting import Reception
from adapters.intake.smtp import Intake
from tests.adapters.intake.letters import DOMAIN

T = TypeVar("T")


class SilentAfterCommit:
    """A database whose writers never learn that they succeeded."""

    def __init__(self, real: Database) -> None:
        self._real = real

    @property
    def dialect(self) -> str:
        return self._real.dialect

    @property
    def bell(self) -> Bell:
        return self._real.bell

    @property
    def is_alive(self) -> bool:
        return self._real.is_alive

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        await self._real.write(work)
        sys.stdout.write("kept\n")
        sys.stdout.flush()
        never: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        return await never

    async def read(self, work: Callable[[sa.Connection], T]) -> T:
        return await self._real.read(work)

    async def close(self) -> None:
        await self._real.close()


async def main(url: str) -> None:
    intake = Intake(Reception(SilentAfterCommit(open_database(url)), DOMAIN), DOMAIN)
    await intake.start()
    sys.stdout.write(f"{intake.port}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
