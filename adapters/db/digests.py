"""Parts of digests become one message, in the transaction that ends them."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from adapters.db import outbox as messages
from adapters.db import outbox_events, outbox_raw
from adapters.db.fates import Fate
from adapters.db.outbox import IS_DUE, is_in
from adapters.db.schema import outbox
from domain.outbox.digests import MOST_PARTS
from domain.outbox.model import Draft, Hold, MessageState, Part
from domain.outbox.rules import By, origins

_c = outbox.c
_DUE = (
    sa.select(*(_c[name] for name in Part.model_fields if name != "raw"))
    .where(IS_DUE, _c.digest == sa.bindparam("key"), _c.next_at <= sa.bindparam("now"))
    .where(sa.or_(_c.expires_at.is_(None), _c.expires_at > sa.bindparam("now")))
    .order_by(_c.id)
    .limit(MOST_PARTS)
    .with_for_update()
)
_MERGE = (
    sa.update(outbox)
    .where(_c.id.in_(sa.bindparam("ids", expanding=True)))
    .where(is_in(*origins(MessageState.MERGED, By.GATE)))
    .values(
        state=MessageState.MERGED.value, merged_into=sa.bindparam("whole"), held_because=sa.null()
    )
)
_POSTPONE = (
    sa.update(outbox)
    .where(IS_DUE, _c.digest == sa.bindparam("key"), _c.next_at <= sa.bindparam("now"))
    .values(
        state=MessageState.HELD.value, held_because=Hold.DIGEST.value, next_at=sa.bindparam("until")
    )
)


def merge(
    c: sa.Connection, key: str, compose: Callable[[Sequence[Part]], Draft], now: datetime
) -> list[Fate]:
    """Make one message of the due parts with this digest key; gives what became of them.

    A second call finds no parts. Those that expired are left to the gate. Raises whatever
    `compose` does, with nothing changed.
    """
    rows = c.execute(_DUE, {"key": key, "now": now}).mappings().all()
    if not rows:
        return []
    raw = outbox_raw.raw_of(c, [row["id"] for row in rows])
    parts = [Part(**row, raw=raw[row["id"]]) for row in rows]
    whole = messages.post(c, parts[0].owner, compose(parts), now).id
    ids = [one.id for one in parts]
    c.execute(_MERGE, {"ids": ids, "whole": whole})
    outbox_events.note(c, ids, "merged", now, detail=f"into message {whole}")
    outbox_events.note(c, [whole], "composed", now, detail=f"of {len(ids)} messages")
    return [
        Fate(one.id, one.kind, one.subject, one.party, MessageState.MERGED, now) for one in parts
    ]


def postpone(c: sa.Connection, key: str, now: datetime, wait: timedelta) -> None:
    """Let the due parts of a digest that cannot be composed hold up nobody for a while."""
    c.execute(_POSTPONE, {"key": key, "now": now, "until": now + wait})
