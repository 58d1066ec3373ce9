"""Forgetting the bytes of mails whose time is over; what was read from them, and what became of
them, stays."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from adapters.db import outbox_raw
from adapters.db.schema import inbox, quarantine

_BEFORE = sa.bindparam("before", type_=inbox.c.received_at.type)
_MOST = sa.bindparam("most", type_=sa.Integer)
_EMPTIED = {"raw": b"", "raw_forgotten_at": sa.bindparam("at", type_=inbox.c.received_at.type)}
_KEEPS_RAW = sa.text("raw_forgotten_at IS NULL")  # spelled as the partial indices are


def _emptying(
    table: sa.Table, since: sa.Column[object], *over: sa.ColumnElement[bool]
) -> sa.Update:
    """Empty up to `most` rows of `table` that are `over` since before an instant."""
    old = (
        sa.select(table.c.id)
        .where(_KEEPS_RAW, since < _BEFORE, *over)
        .order_by(since)
        .limit(_MOST)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    return sa.update(table).where(table.c.id.in_(old)).values(_EMPTIED)


_STATEMENTS = (
    _emptying(inbox, inbox.c.received_at, inbox.c.read_at.is_not(None)),
    _emptying(quarantine, quarantine.c.received_at),
)


def forget(c: sa.Connection, before: datetime, at: datetime, most: int) -> int:
    """Empty the bytes of up to `most` mails of each kind that came before that instant: mails that
    were read, messages that will not be sent again, and mails in quarantine, whether somebody
    settled them or not. Returns how many that were."""
    values = {"before": before, "at": at, "most": most}
    emptied = sum(c.execute(statement, values).rowcount for statement in _STATEMENTS)
    return emptied + outbox_raw.forget(c, before, at, most)


_KEPT = sa.union_all(
    *(
        sa.select(table.c.raw_forgotten_at).where(
            table.c.key.in_(sa.bindparam("keys", expanding=True))
        )
        for table in (inbox, quarantine)
    )
)


def is_forgotten(c: sa.Connection, keys: Sequence[str]) -> bool:
    """Whether a mail that may have been kept under any of `keys` was, and its bytes are kept
    under none of them any more."""
    found = c.execute(_KEPT, {"keys": list(keys)}).scalars().all()
    return bool(found) and None not in found
