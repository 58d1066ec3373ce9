"""The bytes of messages, without the lines they are signed with.

They never change, and lie apart from the rows that every step of sending writes anew.
"""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from adapters.db.schema import ENDED_AT, KEEPS_RAW_IN_VAIN, outbox, outbox_raw

_KEEP = sa.insert(outbox_raw)
_OF = sa.select(outbox_raw).where(outbox_raw.c.message_id.in_(sa.bindparam("ids", expanding=True)))


def keep(c: sa.Connection, message: int, raw: bytes) -> None:
    """Keep the bytes of a new message."""
    c.execute(_KEEP, {"message_id": message, "raw": raw})


def raw_of(c: sa.Connection, messages: Sequence[int]) -> dict[int, bytes]:
    """The bytes of messages by their ids, without those that were forgotten."""
    if not messages:
        return {}
    return {id: bytes(raw) for id, raw in c.execute(_OF, {"ids": list(messages)})}


_c = outbox.c
_ended_at = sa.literal_column(ENDED_AT, type_=_c.next_at.type)
_OLD = (
    sa.select(_c.id)
    .where(sa.text(KEEPS_RAW_IN_VAIN))  # spelled as the partial index is
    .where(_ended_at < sa.bindparam("before", type_=_c.next_at.type))
    .order_by(_ended_at)
    .limit(sa.bindparam("most", type_=sa.Integer))
    .with_for_update(skip_locked=True)
)
_FORGET = sa.delete(outbox_raw).where(
    outbox_raw.c.message_id.in_(sa.bindparam("ids", expanding=True))
)
_FORGOTTEN = (
    sa.update(outbox)
    .where(_c.id.in_(sa.bindparam("ids", expanding=True)))
    .values(raw_forgotten_at=sa.bindparam("at", type_=_c.created_at.type))
)


def forget(c: sa.Connection, before: datetime, at: datetime, most: int) -> int:
    """Forget the bytes of up to `most` messages that were over before that instant, however long
    ago they were asked for. Returns how many that were."""
    ids = c.execute(_OLD, {"before": before, "most": most}).scalars().all()
    if ids:
        c.execute(_FORGET, {"ids": ids})
        c.execute(_FORGOTTEN, {"ids": ids, "at": at})
    return len(ids)
