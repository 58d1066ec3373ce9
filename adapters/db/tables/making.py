"""What tables are made of."""

import sqlalchemy as sa

from adapters.db.columns import InstantColumn

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def text(name: str, **options: object) -> sa.Column[str]:
    """Text that is always there."""
    return sa.Column(name, sa.Text, nullable=False, **options)  # type: ignore[arg-type]  # passed on


def maybe(name: str) -> sa.Column[str | None]:
    """Text that may be missing."""
    return sa.Column(name, sa.Text, nullable=True)


def at(name: str) -> sa.Column[object]:
    """An instant that is always there."""
    return sa.Column(name, InstantColumn, nullable=False)


def maybe_at(name: str) -> sa.Column[object]:
    """An instant that may be missing."""
    return sa.Column(name, InstantColumn, nullable=True)


def number(name: str, **options: object) -> sa.Column[int]:
    """A whole number that is always there."""
    return sa.Column(name, sa.BigInteger, nullable=False, **options)  # type: ignore[arg-type]  # passed on


def index_where(name: str, condition: str, *columns: str | sa.TextClause) -> sa.Index:
    """An index of the rows for which `condition` holds, which queries must say in the same words
    to be served by it."""
    where = sa.text(condition)
    return sa.Index(name, *columns, sqlite_where=where, postgresql_where=where)
