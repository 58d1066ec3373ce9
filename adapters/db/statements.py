"""Statements that both engines understand though SQLAlchemy keeps them apart."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql


def insert_if_new(table: sa.Table, unique: Sequence[str]) -> postgresql.Insert:
    """An INSERT that does nothing when a row with the same `unique` columns exists.

    On PostgreSQL it waits for a transaction inserting the same key, so what it says is final,
    and unlike a caught IntegrityError it leaves the transaction usable. PostgreSQL's construct
    compiles for SQLite as well; the other way round fails.
    """
    return postgresql.insert(table).on_conflict_do_nothing(index_elements=list(unique))
