"""The journal: appending with an optimistic lock, reading in an order that never changes.

A position on PostgreSQL is the writer's transaction id with room for the events of one
transaction, and readers stop below the oldest transaction still running: what they have passed
can never change, without writers waiting for each other. The price is that one transaction left
open, in any database of the server, holds the feed back until it ends. On SQLite there is one
writer and the row id is enough.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import exc

from adapters.db.bell import ring_after_commit
from adapters.db.faults import TryAgain
from adapters.db.schema import journal
from adapters.db.statements import insert_if_new
from adapters.db.webhooks import fan_out
from domain.errors import StreamMoved
from domain.journal import JournalEvent, NewEvent

MOST_AT_ONCE = 1 << 16
"""Events that one transaction may append; a position has 16 bits for them."""

_HEAD = (
    sa.select(journal.c.version, journal.c.position)
    .where(journal.c.stream == sa.bindparam("stream"))
    .order_by(journal.c.version.desc())
    .limit(1)
)
_INSERT = insert_if_new(journal, ["stream", "version"]).returning(journal.c.position)
_APPEND = sa.insert(journal)
_last = (
    sa.select(journal.c.stream, sa.func.max(journal.c.version).label("version"))
    .where(journal.c.stream.in_(sa.bindparam("streams", expanding=True)))
    .group_by(journal.c.stream)
    .subquery()
)
_HEADS = sa.select(
    *(journal.c[name] for name in ("stream", "version", "position", "type", "data"))
).join(_last, sa.and_(journal.c.stream == _last.c.stream, journal.c.version == _last.c.version))
_TICK = sa.text(
    """
    SELECT tick.base, (SELECT max(position) FROM journal
                       WHERE position >= tick.base AND position < tick.base + 65536) AS last
    FROM (SELECT (pg_current_xact_id()::text::bigint + transaction_offset) << 16 AS base
          FROM installation) AS tick
    """
)
_IS_SETTLED = sa.text(
    """
    position < (SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::bigint
                        + transaction_offset) << 16 FROM installation)
    """
)
_STREAM = (
    sa.select(journal)
    .where(journal.c.stream == sa.bindparam("stream"))
    .where(journal.c.version > sa.bindparam("after_version"))
    .order_by(journal.c.version)
)
_AT = (
    sa.select(journal)
    .where(journal.c.position == sa.bindparam("at_position"))
    .where(journal.c.owner == sa.bindparam("of_owner"))
)


def append(
    c: sa.Connection,
    *,
    owner: str,
    stream: str,
    expected_version: int,
    events: Sequence[NewEvent],
    at: datetime,
    command: str | None = None,
    because: str | None = None,
) -> list[int]:
    """Append `events` as versions `expected_version + 1` and on; returns their positions.

    Webhook deliveries follow in the same transaction. Raises `StreamMoved`, with nothing
    written, when the stream is not at `expected_version`: of two writers one wins.
    """
    if not events:
        return []
    positions = _places(c, stream, expected_version, len(events))
    shared = {"owner": owner, "stream": stream, "at": at, "command": command, "because": because}
    written: list[int] = []
    for number, event in enumerate(events):
        row = {**shared, "version": expected_version + 1 + number, **event.model_dump()}
        position = c.execute(_INSERT, {**row, **positions[number]}).scalar()
        # Only the first can collide: whoever holds it keeps everybody else off the next.
        if position is None:
            raise StreamMoved(stream, expected_version, version_of(c, stream))
        written.append(position)
    fan_out(c, owner, [(p, e.type) for p, e in zip(written, events, strict=True)], at)
    ring_after_commit(c, "journal")
    return written


class Head(NamedTuple):
    """Where a stream stands: its last event."""

    version: int
    position: int
    type: str
    data: dict[str, Any]


def heads(c: sa.Connection, streams: Sequence[str]) -> dict[str, Head]:
    """The last event of each of these streams that has any."""
    found = c.execute(_HEADS, {"streams": list(streams)})
    return {row.stream: Head(row.version, row.position, row.type, row.data) for row in found}


def append_to_each(
    c: sa.Connection,
    *,
    owner: str,
    facts: Mapping[str, NewEvent],
    present: Mapping[str, Head],
    at: datetime,
) -> None:
    """Append one event to each of many streams, which stand as `present` says, by few
    statements. Their writers must keep each other out, for instance by a lock on a row.

    Raises `TryAgain` when one of them was written meanwhile after all.
    """
    newest = max((head.position for head in present.values()), default=0)
    places = _room(c, newest, len(facts), "one of many streams")
    shared = {"owner": owner, "at": at, "command": None, "because": None}
    rows = [
        {**shared, "stream": stream, "version": _next(present, stream), **fact.model_dump()}
        for stream, fact in facts.items()
    ]
    try:
        c.execute(_APPEND, [row | place for row, place in zip(rows, places, strict=True)])
    except exc.IntegrityError as race:
        raise TryAgain("one of many streams was written meanwhile") from race
    written = heads(c, list(facts))
    fan_out(c, owner, sorted((head.position, head.type) for head in written.values()), at)
    ring_after_commit(c, "journal")


def _next(present: Mapping[str, Head], stream: str) -> int:
    return present[stream].version + 1 if stream in present else 1


def version_of(c: sa.Connection, stream: str) -> int:
    """The version of the stream's last event, 0 when it has none."""
    return _head(c, stream)[0]


def read_stream(c: sa.Connection, stream: str, after_version: int = 0) -> list[JournalEvent]:
    """The stream's events after `after_version`, those of this transaction included."""
    rows = c.execute(_STREAM, {"stream": stream, "after_version": after_version})
    return [_event(row) for row in rows]


def read_after(
    c: sa.Connection,
    position: int,
    *,
    owner: str | None = None,
    stream: str | None = None,
    kinds: Sequence[str] = (),
    types: Sequence[str] = (),
    limit: int = 100,
) -> list[JournalEvent]:
    """Events after `position` in order of position, of all kinds of streams when none is named.

    A reader that goes on from the last position it got misses nothing and sees nothing twice.
    """
    query = sa.select(journal).where(journal.c.position > position)
    if owner is not None:
        query = query.where(journal.c.owner == owner)
    if stream is not None:
        query = query.where(journal.c.stream == stream)
    if kinds:
        query = query.where(sa.or_(*(journal.c.stream.startswith(f"{kind}/") for kind in kinds)))
    if types:
        query = query.where(journal.c.type.in_(types))
    query = _settled(c, query).order_by(journal.c.position).limit(limit)
    return [_event(row) for row in c.execute(query)]


def find(c: sa.Connection, owner: str, position: int) -> JournalEvent | None:
    """The owner's event at `position` as soon as it is committed, before readers in order may
    pass it: what is known by its position cannot be missed."""
    row = c.execute(_AT, {"of_owner": owner, "at_position": position}).first()
    return None if row is None else _event(row)


def last_position(c: sa.Connection, owner: str | None = None) -> int:
    """The newest position a reader may go on from, 0 for an empty journal."""
    query = sa.select(sa.func.coalesce(sa.func.max(journal.c.position), 0))
    if owner is not None:
        query = query.where(journal.c.owner == owner)
    return int(c.execute(_settled(c, query)).scalar_one())


def _settled(c: sa.Connection, query: sa.Select[Any]) -> sa.Select[Any]:
    return query.where(_IS_SETTLED) if c.dialect.name == "postgresql" else query


def _head(c: sa.Connection, stream: str) -> tuple[int, int]:
    row = c.execute(_HEAD, {"stream": stream}).first()
    return (0, 0) if row is None else (row.version, row.position)


def _places(c: sa.Connection, stream: str, expected: int, count: int) -> list[dict[str, int]]:
    """Where `count` events go; empty on SQLite, which numbers them itself."""
    version, position = _head(c, stream)
    if version != expected:
        raise StreamMoved(stream, expected, version)
    return _room(c, position, count, stream)


def _room(c: sa.Connection, position: int, count: int, stream: str) -> list[dict[str, int]]:
    """Positions for `count` events behind `position`; empty on SQLite, which numbers them."""
    if c.dialect.name != "postgresql":
        return [{}] * count
    base, last = c.execute(_TICK).one()
    first = base if last is None else last + 1
    if first <= position:
        # This transaction is older than the one that wrote the stream's last event; its
        # positions would put effect before cause.
        raise TryAgain(f"{stream} was written by a later transaction")
    if first + count > base + MOST_AT_ONCE:
        raise ValueError(f"one transaction may append {MOST_AT_ONCE} events at most")
    return [{"position": first + number} for number in range(count)]


def _event(row: sa.Row[Any]) -> JournalEvent:
    return JournalEvent.model_validate(dict(row._mapping))
