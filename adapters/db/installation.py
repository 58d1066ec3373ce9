"""The identity of an installation, and what keeps its journal positions growing."""

import uuid
from datetime import UTC, datetime

import sqlalchemy as sa

from adapters.db.schema import installation


def settle(c: sa.Connection) -> None:
    """Give a new database its identity. On PostgreSQL also keep journal positions growing when
    the data was restored into a cluster with lower transaction ids. Safe to run at every start.
    """
    if c.execute(sa.select(installation.c.id)).first() is None:
        now = datetime.now(UTC)
        c.execute(sa.insert(installation).values(id=str(uuid.uuid4()), created_at=now))
    if c.dialect.name == "postgresql":
        c.execute(_OUTGROW)


_OUTGROW = sa.text(
    """
    UPDATE installation SET transaction_offset = last.tick + 1 - pg_current_xact_id()::text::bigint
    FROM (SELECT max(position) >> 16 AS tick FROM journal) AS last
    WHERE last.tick >= pg_current_xact_id()::text::bigint + transaction_offset
    """
)


def installation_id(c: sa.Connection) -> str:
    """The random id a database was given when it was created; a copy has the same one."""
    return str(c.execute(sa.select(installation.c.id)).scalar_one())
