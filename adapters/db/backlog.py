"""What waits to be worked on, and since when: how a loop that stands still is noticed."""

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from adapters.db.schema import inbox, inputs


class Backlog(NamedTuple):
    """Since when the oldest waits (aware UTC), None when nothing does.

    `unmoved` counts only what nothing newer has overtaken: when that is long ago, nothing is
    worked on at all. When only `oldest` is, something was left behind by work that goes on.
    """

    oldest: datetime | None
    unmoved: datetime | None


def _statement(
    table: sa.Table, waits: sa.ColumnElement[bool], done: sa.ColumnElement[bool]
) -> sa.Select[Any]:
    oldest = sa.select(sa.func.min(table.c.received_at)).where(waits)
    newest_done = sa.select(table.c.id).where(done).order_by(table.c.id.desc()).limit(1)
    overtaken_until = sa.func.coalesce(newest_done.scalar_subquery(), 0)
    unmoved = oldest.where(table.c.id > overtaken_until)
    return sa.select(oldest.scalar_subquery(), unmoved.scalar_subquery())


_MAIL = _statement(inbox, inbox.c.read_at.is_(None), inbox.c.read_at.is_not(None))
_INPUTS = _statement(
    inputs,
    sa.and_(inputs.c.taken_at.is_(None), inputs.c.body.is_not(None)),
    inputs.c.taken_at.is_not(None),
)


def unread_mail(c: sa.Connection) -> Backlog:
    """Mail that was accepted and is not read yet."""
    return Backlog(*c.execute(_MAIL).one())


def untaken_inputs(c: sa.Connection) -> Backlog:
    """Inputs that a saga could take; an unread mail is none yet."""
    return Backlog(*c.execute(_INPUTS).one())
