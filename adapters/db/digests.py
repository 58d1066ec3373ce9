"""Parts of digests become one message, in the transaction that ends them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from adapters.db import outbox as messages
from adapters.db import outbox_events, outbox_raw
from adapters.db.fates import Fate
from adapters.db.outbox import IS_DUE, is_in
from adapters.db.schema import outbox
from adapters.db.schema import outbox_raw as raw_rows
from domain.outbox.digests import MOST_PARTS, how_many_fit
from domain.outbox.model import Draft, Hold, MessageState, Part
from domain.outbox.rules import By, origins

_c = outbox.c
_PART = (*(name for name in Part.model_fields if name != "raw"),)
_IS_WANTED = (
    *(IS_DUE, _c.digest == sa.bindparam("key"), _c.next_at <= sa.bindparam("now")),
    sa.or_(_c.expires_at.is_(None), _c.expires_at > sa.bindparam("now")),
)
_DUE = (
    sa.select(
        *(_c[name] for name in _PART),
        sa.func.coalesce(sa.func.length(raw_rows.c.raw), 0).label("size"),
    )
    .outerjoin(raw_rows, raw_rows.c.message_id == _c.id)
    .where(*_IS_WANTED)
    .order_by(_c.id)
    .limit(MOST_PARTS)
)
_LOCK = (
    sa.select(_c.id)
    .where(_c.id.in_(sa.bindparam("ids", expanding=True)), *_IS_WANTED)
    .order_by(_c.id)
    .with_for_update()
)
_MERGE = (
    sa.update(outbox)
    .where(_c.id.in_(sa.bindparam("ids", expanding=True)))
    .where(is_in(*origins(MessageState.MERGED, By.GATE)))
    .values(
        state=MessageState.MERGED.value,
        merged_into=sa.bindparam("whole"),
        held_because=sa.null(),
        next_at=sa.bindparam("now"),
    )
)
_POSTPONE = (
    sa.update(outbox)
    .where(IS_DUE, _c.digest == sa.bindparam("key"), _c.next_at <= sa.bindparam("now"))
    .values(
        state=MessageState.HELD.value, held_because=Hold.DIGEST.value, next_at=sa.bindparam("until")
    )
)


def due_parts(c: sa.Connection, key: str, now: datetime) -> list[Part]:
    """The parts of the next mail with this digest key, oldest first. Those that expired are left
    to the gate."""
    due = c.execute(_DUE, {"key": key, "now": now}).mappings().all()
    rows = due[: how_many_fit([row["size"] for row in due])]
    raw = outbox_raw.raw_of(c, [row["id"] for row in rows])
    return [Part(**{name: row[name] for name in _PART}, raw=raw[row["id"]]) for row in rows]


def merge(c: sa.Connection, parts: Sequence[Part], whole: Draft, now: datetime) -> list[Fate]:
    """End `parts` and post `whole`, the mail that was composed of them; gives what became of them.

    Nothing where any of them is no longer due: another dispatcher merged it, or a person held,
    dropped or released it, since `due_parts` gave it. The others are then asked for again.
    """
    ids = [one.id for one in parts]
    asked = {"ids": ids, "key": parts[0].digest, "now": now}
    if c.execute(_LOCK, asked).scalars().all() != ids:
        return []
    into = messages.post(c, parts[0].owner, whole, now).id
    c.execute(_MERGE, {"ids": ids, "whole": into, "now": now})
    outbox_events.note(c, ids, "merged", now, detail=f"into message {into}")
    outbox_events.note(c, [into], "composed", now, detail=f"of {len(ids)} messages")
    return [
        Fate(one.id, one.kind, one.subject, one.party, MessageState.MERGED, now) for one in parts
    ]


def postpone(c: sa.Connection, key: str, now: datetime, wait: timedelta) -> None:
    """Let the due parts of a digest that cannot be composed hold up nobody for a while."""
    c.execute(_POSTPONE, {"key": key, "now": now, "until": now + wait})
