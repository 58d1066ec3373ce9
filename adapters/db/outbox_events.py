"""The timeline of a message beside its attempts: what was done to it, and what was heard of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from adapters.db.schema import outbox_events

_INSERT = sa.insert(outbox_events)


def note(
    c: sa.Connection,
    messages: Sequence[int],
    type: str,
    at: datetime,
    *,
    detail: str = "",
    by: str | None = None,
) -> None:
    """Add one line to the timelines of `messages`. `type` is a stable word; `detail` is for
    people, and never holds what a mail said; `by` is the API key behind a person's deed."""
    rows: list[dict[str, Any]] = [
        {"message_id": one, "at": at, "type": type, "detail": detail, "by": by} for one in messages
    ]
    if rows:
        c.execute(_INSERT, rows)
