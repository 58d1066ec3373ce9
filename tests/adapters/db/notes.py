"""A table to write to and read back, for tests that are about the database itself."""

import sqlalchemy as sa

from adapters.db.database import Database
from adapters.db.schema import capabilities
from domain.values import EARLIEST


def put(c: sa.Connection, note: str) -> None:
    """Write a row; the same note twice is an IntegrityError."""
    row = {"token_hash": note, "purpose": "r", "stream": "notes", "party": 1, "generation": 1}
    c.execute(sa.insert(capabilities), {**row, "created_at": EARLIEST})


def all_of(c: sa.Connection) -> set[str]:
    return set(c.execute(sa.select(capabilities.c.token_hash)).scalars())


async def kept(database: Database) -> set[str]:
    """Every note there is."""
    return await database.read(all_of)
