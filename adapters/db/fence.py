"""The fence around a copied database: mail leaves from one place only.

A database that was cloned for a test, or restored beside the original, holds messages that are
due. It knows where it sends from; anywhere else nothing leaves until a person says so.
"""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from adapters.db.database import Database
from adapters.db.schema import installation
from domain.outbox.place import Place, why_held
from settings import Settings

_KEPT_FOR = 5.0
"""Seconds that an answer is good for: asking before every claim would cost more than claiming."""

_MACHINE = Path("/etc/machine-id")
_PLACE = sa.select(installation.c.place, installation.c.placed_at)
_CLAIM = (
    sa.update(installation)
    .where(sa.or_(installation.c.place.is_(None), installation.c.place == sa.bindparam("former")))
    .values(place=sa.bindparam("here"), placed_at=sa.bindparam("at"))
)
_ADOPT = sa.update(installation).values(place=sa.bindparam("here"), placed_at=sa.bindparam("at"))
_CLUSTER = sa.text("SELECT system_identifier, current_database() FROM pg_control_system()")


class Fence:
    """Says whether mail may leave from `here`; None: from the database server, as it is reached.

    With `hold_all` nothing leaves from anywhere.
    """

    def __init__(
        self,
        database: Database,
        here: str | None,
        *,
        hold_all: bool = False,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._here = here
        self._hold_all = hold_all
        self._ticks = ticks
        self._kept: tuple[float, str | None] | None = None

    async def settle(self, at: datetime) -> None:
        """Make this the place that mail leaves from, if there is none yet: of processes that
        start together the first one's counts."""
        await self._database.write(lambda c: self._claim(c, at))

    async def adopt(self, at: datetime) -> Place:
        """Make this the place that mail leaves from, whatever it was before."""
        await self._database.write(lambda c: self._write(c, _ADOPT, at))
        self._kept = None
        return await self.look()

    async def look(self) -> Place:
        """What stands in the database now."""
        return await self._database.read(self._look)

    async def may_send(self) -> str | None:
        """None when mail may leave from here, else why not, in words for an operator."""
        now = self._ticks()
        if self._kept is None or now - self._kept[0] >= _KEPT_FOR:
            self._kept = now, (await self.look()).because
        return self._kept[1]

    def _claim(self, c: sa.Connection, at: datetime) -> None:
        here = self._place_here(c)
        # A server's place once left out what it is reached by.
        former = here if self._here is not None else here.partition(" at ")[0]
        c.execute(_CLAIM, {"here": here, "at": at, "former": former})

    def _write(self, c: sa.Connection, statement: sa.Update, at: datetime) -> None:
        c.execute(statement, {"here": self._place_here(c), "at": at})

    def _look(self, c: sa.Connection) -> Place:
        row = c.execute(_PLACE).one()
        here = self._place_here(c)
        because = why_held(row.place, here, hold_all=self._hold_all)
        return Place(place=row.place, placed_at=row.placed_at, here=here, because=because)

    def _place_here(self, c: sa.Connection) -> str:
        if self._here is not None:
            return self._here
        cluster, name = c.execute(_CLUSTER).one()
        return f"{cluster}/{name} at {reached_at(c.engine.url)}"


def place_of(settings: Settings) -> str | None:
    """The name of the place a process runs at: the setting, else machine and file. None for
    PostgreSQL, where the server's own identity counts, and what it is reached by: a snapshot of
    its disk, or a base backup, has the same identity, and is reached by another name."""
    if settings.installation:
        return settings.installation
    if not settings.is_embedded:
        return None
    file = sa.make_url(settings.database).database or ""
    return f"{_machine()}:{Path(file).resolve()}"


def reached_at(url: sa.URL) -> str:
    """Host and port of a database, from the address that a process is configured with."""
    hosts = url.host or url.query.get("host") or "localhost"
    port = url.port or url.query.get("port")
    names = hosts if isinstance(hosts, str) else ",".join(hosts)
    return f"{names}:{port}" if port else names


def _machine() -> str:
    """Containers may have none, or another one at each start; there the path has to do."""
    try:
        return _MACHINE.read_text().strip()[:12]
    except OSError:
        return ""
