"""Rows of lanes: what limits to mail are kept by, for all dispatchers together."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql  # its upsert compiles for SQLite as well

from adapters.db.schema import outbox_lanes
from domain.outbox.pacing import Lane, recovered, struck
from domain.outbox.shaping import domain_lane

_COLUMNS = tuple(outbox_lanes.c[name] for name in Lane.model_fields)
# Locked in the order of their names, so that two dispatchers never wait for each other.
_LOCK = (
    sa.select(*_COLUMNS)
    .where(outbox_lanes.c.name.in_(sa.bindparam("names", expanding=True)))
    .order_by(outbox_lanes.c.name)
    .with_for_update()
)
_BEFORE = sa.bindparam("before", type_=outbox_lanes.c.free_at.type)
_IDLE = (
    sa.select(outbox_lanes.c.name)
    .where(outbox_lanes.c.free_at < _BEFORE, outbox_lanes.c.listed_to < _BEFORE)
    .where(sa.func.coalesce(outbox_lanes.c.backs_off_until, outbox_lanes.c.free_at) < _BEFORE)
    .with_for_update(skip_locked=True)
)
_FORGET = sa.delete(outbox_lanes).where(outbox_lanes.c.name.in_(_IDLE))
_OPEN = postgresql.insert(outbox_lanes).on_conflict_do_nothing(index_elements=["name"])
_new = postgresql.insert(outbox_lanes)


def _later(name: str) -> sa.ColumnElement[Any]:
    old, new = outbox_lanes.c[name], _new.excluded[name]
    return sa.case((old > new, old), else_=new)


_PACE = _new.on_conflict_do_update(
    index_elements=["name"], set_={name: _later(name) for name in ("free_at", "listed_to")}
)
_KEEP = _new.on_conflict_do_update(
    index_elements=["name"],
    set_={name: _new.excluded[name] for name in ("strikes", "backs_off_until", "because")},
)


def lock(c: sa.Connection, names: Iterable[str], limited: Iterable[str]) -> dict[str, Lane]:
    """The lanes of these names, no other transaction's until this one ends. One that nobody has
    used yet is a new one; those of `limited` are made first, so that they can be locked."""
    wanted = sorted(set(names))
    found = _locked(c, wanted)
    missing = [name for name in sorted(set(limited)) if name not in found]
    if missing:
        c.execute(_OPEN, [Lane(name=name).model_dump() for name in missing])
        found = _locked(c, wanted)
    return {name: found.get(name) or Lane(name=name) for name in wanted}


def _locked(c: sa.Connection, names: list[str]) -> dict[str, Lane]:
    if not names:
        return {}
    return {row["name"]: Lane(**row) for row in c.execute(_LOCK, {"names": names}).mappings()}


def pace(c: sa.Connection, lanes: Iterable[Lane]) -> None:
    """Write how far lanes that `lock` gave are used. What else is known of a lane that was a new
    one, and so was not locked, another transaction may have written meanwhile: that stands."""
    _write(c, _PACE, lanes)


def _write(c: sa.Connection, upsert: postgresql.Insert, lanes: Iterable[Lane]) -> None:
    rows = [lane.model_dump() for lane in sorted(lanes, key=lambda lane: lane.name)]
    if rows:
        c.execute(upsert, rows)


def tell(
    c: sa.Connection, slower: dict[str, str], taken: Iterable[str], now: datetime
) -> list[Lane]:
    """What was heard of domains: `slower` asked for less mail, in these words, and mail was
    `taken` by others. Gives the lanes that back off since."""
    quick = {domain_lane(domain) for domain in taken} - {domain_lane(one) for one in slower}
    said = {domain_lane(domain): words for domain, words in slower.items()}
    before = lock(c, {*quick, *said}, said)
    backing = [struck(before[name], now, words) for name, words in said.items()]
    well = [recovered(before[name]) for name in quick if before[name].strikes]
    new = [lane for lane in backing if lane != before[lane.name]]
    _write(c, _KEEP, [*new, *well])
    return new


def forget(c: sa.Connection, before: datetime) -> int:
    """Forget lanes that were free, had no list and backed off from nothing since `before`: they
    are as good as new ones. Returns how many."""
    return c.execute(_FORGET, {"before": before}).rowcount
