"""Column types that mean the same on SQLite and PostgreSQL."""

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.compiler import compiles

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class InstantColumn(sa.types.TypeDecorator[datetime]):
    """An aware UTC instant, kept as microseconds since 1970.

    A number compares and sorts alike on both engines; SQLite has no type for an aware time.
    """

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=int(value))


# Without `none_as_null`, None is kept as the JSON text `null`, which IS NULL does not find.
Json = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
RowId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite counts only INTEGER keys


class folded(sa.sql.functions.GenericFunction[str]):
    """Text in lower case, beyond ASCII too: SQLite's own `lower` knows ASCII only."""

    type = sa.Text()
    inherit_cache = True


@compiles(folded, "sqlite")
def _fold_on_sqlite(element: folded, compiler: sa.sql.compiler.SQLCompiler, **options: Any) -> str:
    return f"parley_folded({compiler.process(element.clauses, **options)})"


@compiles(folded)
def _fold(element: folded, compiler: sa.sql.compiler.SQLCompiler, **options: Any) -> str:
    return f"lower({compiler.process(element.clauses, **options)})"


def fold_text(text: str | None) -> str | None:
    """What SQLite runs as `parley_folded`."""
    return None if text is None else text.lower()
