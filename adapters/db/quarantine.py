"""Rows of the quarantine, and mails of the inbox as an operator looks at them."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql  # its upsert compiles for SQLite as well

from adapters.db.schema import IS_HELD, inbox, quarantine
from domain.errors import NotFound
from domain.inbox.acceptance import Reason
from domain.inbox.load import Holding
from domain.inbox.model import Verdict
from domain.inbox.quarantine import Custody, Stray, StrayName
from domain.values import scrubbed

_new = postgresql.insert(quarantine)
_KEEP = _new.on_conflict_do_update(index_elements=["key"], set_={"copies": quarantine.c.copies + 1})


def keep(
    c: sa.Connection,
    *,
    key: str,
    owner: str,
    holding: str,
    reason: Reason,
    mail_from: str,
    recipient: str,
    source: str,
    raw: bytes,
    received_at: datetime,
) -> None:
    """Keep a mail under its `key`, as a part of its `holding`; another copy is counted, and
    otherwise changes nothing."""
    row = {
        "key": key,
        "owner": owner,
        "holding": holding,
        "reason": reason.value,
        "mail_from": scrubbed(mail_from, limit=320),
        "recipient": scrubbed(recipient, limit=320),
        "source": source,
        "raw": raw,
        "received_at": received_at,
        "state": Custody.KEPT.value,
    }
    c.execute(_KEEP, row)


_COUNT = (
    sa.update(quarantine)
    .where(quarantine.c.key == sa.bindparam("of_key"))
    .values(copies=quarantine.c.copies + 1)
)


def is_copy(c: sa.Connection, key: str) -> bool:
    """Whether this mail is in quarantine already; then the copy is counted. For whoever must know
    before `keep`, which counts as well."""
    return bool(c.execute(_COUNT, {"of_key": key}).rowcount)


_HOLDING = sa.select(
    sa.func.count().label("mails"),
    sa.func.coalesce(sa.func.sum(sa.func.length(quarantine.c.raw)), 0).label("octets"),
).where(sa.text(IS_HELD), quarantine.c.holding == sa.bindparam("of"))


def holding_of(c: sa.Connection, name: str) -> Holding:
    """What is kept under `name` and takes room."""
    return Holding(**c.execute(_HOLDING, {"of": name}).mappings().one())


_IN_QUARANTINE = sa.select(
    *(
        quarantine.c[name]
        for name in (
            *("id", "state", "reason", "source", "mail_from", "recipient", "received_at"),
            *("settled_at", "copies", "raw_forgotten_at"),
        )
    ),
    # Nothing of a mail that was given to another owner.
    sa.select(inbox.c.id)
    .where(inbox.c.id == quarantine.c.inbox_id, inbox.c.owner == quarantine.c.owner)
    .scalar_subquery()
    .label("inbox_id"),
    sa.func.length(quarantine.c.raw).label("octets"),
)
_IN_INBOX = sa.select(
    *(
        inbox.c[name]
        for name in (
            *("id", "verdict", "source", "mail_from", "stream", "party", "purpose"),
            *("received_at", "read_at", "copies", "replays", "raw_forgotten_at", "reading"),
        )
    ),
    sa.func.length(inbox.c.raw).label("octets"),
)
_BELOW = sa.bindparam("below", type_=sa.BigInteger)
_OWNER = sa.bindparam("of_owner", type_=sa.Text)
_NEWEST = (
    _IN_QUARANTINE.where(quarantine.c.state == sa.bindparam("wanted"))
    .where(quarantine.c.owner == _OWNER, quarantine.c.id < _BELOW)
    .order_by(quarantine.c.id.desc())
    .limit(sa.bindparam("most"))
)
_UNREADABLE = (
    # Spelled as the partial index is, which serves it.
    _IN_INBOX.where(sa.text(f"verdict = '{Verdict.UNREADABLE.value}'"))
    .where(inbox.c.owner == _OWNER, inbox.c.id < _BELOW)
    .order_by(inbox.c.id.desc())
    .limit(sa.bindparam("most"))
)
_TOP = 2**62


def newest(
    c: sa.Connection, owner: str, custody: Custody, limit: int, below: int | None = None
) -> list[Stray]:
    """The owner's mails of the quarantine in that state, the newest first, from below that row."""
    values = {"of_owner": owner, "wanted": custody.value, "most": limit, "below": below or _TOP}
    return [_stray(row) for row in c.execute(_NEWEST, values).mappings()]


def unreadable(c: sa.Connection, owner: str, limit: int, below: int | None = None) -> list[Stray]:
    """The owner's mails of the inbox that could not be read, the newest first."""
    values = {"of_owner": owner, "most": limit, "below": below or _TOP}
    return [_arrived(row) for row in c.execute(_UNREADABLE, values).mappings()]


_ONE = (quarantine.c.id == sa.bindparam("of"), quarantine.c.owner == _OWNER)
_ONE_ARRIVED = (inbox.c.id == sa.bindparam("of"), inbox.c.owner == _OWNER)
_GET = _IN_QUARANTINE.where(*_ONE)
_GET_ARRIVED = _IN_INBOX.where(*_ONE_ARRIVED)
_LOCK = sa.select(quarantine.c.id).where(*_ONE).with_for_update()
_LOCK_ARRIVED = sa.select(inbox.c.id).where(*_ONE_ARRIVED).with_for_update()


def get(c: sa.Connection, owner: str, name: StrayName) -> Stray:
    """Raises `NotFound`, also for another owner's."""
    query = _GET_ARRIVED if name.in_inbox else _GET
    row = c.execute(query, {"of": name.row, "of_owner": owner}).mappings().first()
    if row is None:
        raise NotFound("There is no such mail.")
    return _arrived(row) if name.in_inbox else _stray(row)


def hold(c: sa.Connection, owner: str, name: StrayName) -> Stray:
    """As `get`, with the row locked until the transaction ends: of two operators at once the
    second sees what the first did."""
    query = _LOCK_ARRIVED if name.in_inbox else _LOCK
    c.execute(query, {"of": name.row, "of_owner": owner})
    return get(c, owner, name)


_RAW = sa.select(quarantine.c.raw).where(quarantine.c.id == sa.bindparam("of"))
_RAW_IN_INBOX = sa.select(inbox.c.raw).where(inbox.c.id == sa.bindparam("of"))


def raw_of(c: sa.Connection, name: StrayName) -> bytes:
    """The bytes of a mail that `get` gave; empty where they were forgotten."""
    found = c.execute(_RAW_IN_INBOX if name.in_inbox else _RAW, {"of": name.row}).scalar()
    return bytes(found or b"")


_SETTLE = (
    sa.update(quarantine)
    .where(quarantine.c.id == sa.bindparam("of"), quarantine.c.state == Custody.KEPT.value)
    .values(
        state=sa.bindparam("new_state"),
        settled_at=sa.bindparam("at"),
        inbox_id=sa.bindparam("new_inbox_id"),
    )
)


def settle(
    c: sa.Connection, row: int, custody: Custody, at: datetime, inbox_id: int | None = None
) -> None:
    """Say what became of a mail of the quarantine; a second call changes nothing."""
    values = {"of": row, "new_state": custody.value, "at": at, "new_inbox_id": inbox_id}
    c.execute(_SETTLE, values)


def _stray(row: sa.RowMapping) -> Stray:
    values = dict(row)
    id, inbox_id = values.pop("id"), values.pop("inbox_id")
    return Stray(
        id=str(StrayName(in_inbox=False, row=id)),
        custody=Custody(values.pop("state")),
        inbox=None if inbox_id is None else str(StrayName(in_inbox=True, row=inbox_id)),
        **values,
    )


_SHARED = ("source", "mail_from", "received_at", "copies", "replays", "octets", "raw_forgotten_at")


def _arrived(row: sa.RowMapping) -> Stray:
    """What it is addressed to is said without the token, of which only a hash is known."""
    return Stray(
        id=str(StrayName(in_inbox=True, row=row["id"])),
        custody=Custody.UNREAD if row["read_at"] is None else Custody.READ,
        reason=row["verdict"] or "",
        recipient=f"{row['stream']} party {row['party']} ({row['purpose']})",
        settled_at=row["read_at"],
        problems=_problems(row["reading"]),
        **{name: row[name] for name in _SHARED},
    )


def _problems(reading: Any) -> tuple[str, ...]:
    found = reading.get("problems", ()) if isinstance(reading, dict) else ()
    return tuple(str(one) for one in found)
