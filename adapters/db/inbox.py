"""Rows of the inbox: every mail in, as it came, before its sender is told yes.

A mail becomes an input of its stream in the transaction that keeps it, still without a body: so
the order of acceptance is the order of effect, however long the reading takes.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql  # its upsert compiles for SQLite as well

from adapters.db import inputs
from adapters.db.bell import ring_after_commit
from adapters.db.schema import inbox, parties, people
from domain.access import Capability
from domain.inbox.model import Arrival, Reading
from domain.values import scrubbed

BELL = "inbox"
"""Rung when a mail was accepted."""

_new = postgresql.insert(inbox)
_ACCEPT = _new.on_conflict_do_update(
    index_elements=["key"], set_={"copies": inbox.c.copies + 1}
).returning(inbox.c.id, inbox.c.copies)


def accept(
    c: sa.Connection,
    *,
    key: str,
    capability: Capability,
    mail_from: str,
    source: str,
    raw: bytes,
    received_at: datetime,
) -> tuple[int, bool]:
    """Keep a mail under its `key`, with its unread input; returns its id and whether it is new.

    Another copy of a mail is counted, and otherwise changes nothing.
    """
    row = {
        "key": key,
        "stream": capability.stream,
        "party": capability.party,
        "purpose": capability.purpose.value,
        "mail_from": scrubbed(mail_from, limit=320),
        "source": source,
        "raw": raw,
        "received_at": received_at,
    }
    id, copies = c.execute(_ACCEPT, row).one()
    if copies > 1:
        return id, False
    inputs.accept(
        c,
        stream=capability.stream,
        key=f"mail/{key}",
        body=None,
        received_at=received_at,
        inbox_id=id,
    )
    ring_after_commit(c, BELL)
    return id, True


_next = (
    sa.select(inbox.c.id)
    .where(sa.text("read_at IS NULL"), inbox.c.id.not_in(sa.bindparam("skip", expanding=True)))
    .order_by(inbox.c.id)
    .limit(sa.bindparam("most"))
    .with_for_update(skip_locked=True)
    .cte("next_unread")
)
_TAKE = (
    sa.update(inbox)
    .where(inbox.c.id.in_(sa.select(_next.c.id)))
    .values(attempts=inbox.c.attempts + 1)
    .returning(*(inbox.c[name] for name in Arrival.model_fields), inbox.c.attempts)
)
_UNCOUNT = (
    sa.update(inbox).where(inbox.c.id == sa.bindparam("mail")).values(attempts=inbox.c.attempts - 1)
)


def take_unread(
    c: sa.Connection, limit: int, skip: Sequence[int] = ()
) -> list[tuple[Arrival, int]]:
    """The oldest unread mails except `skip`, each with how often its reading was begun, this
    time included: a mail whose reading kills the process is known by that number."""
    rows = c.execute(_TAKE, {"skip": list(skip), "most": limit}).mappings()
    taken = [(dict(row), row["attempts"]) for row in rows]
    for row, _ in taken:
        del row["attempts"]
    return sorted(((Arrival(**row), n) for row, n in taken), key=lambda one: one[0].id)


def uncount(c: sa.Connection, id: int) -> None:
    """Forget one begun reading: it failed for a reason that was not the mail's."""
    c.execute(_UNCOUNT, {"mail": id})


_RECORD = (
    sa.update(inbox)
    .where(inbox.c.id == sa.bindparam("mail"), inbox.c.read_at.is_(None))
    .values(
        read_at=sa.bindparam("at"),
        verdict=sa.bindparam("found"),
        reading=sa.bindparam("said"),
    )
)


def record_reading(
    c: sa.Connection,
    id: int,
    reading: Reading,
    body: dict[str, Any],
    words: dict[str, Any] | None,
    at: datetime,
) -> None:
    """Keep what a mail says, and let its input be taken; a second reading changes nothing."""
    said = _storable(reading.model_dump(mode="json"))
    values = {"mail": id, "at": at, "found": reading.verdict.value, "said": said}
    if c.execute(_RECORD, values).rowcount:
        inputs.fill(c, id, body, words)


def _storable(value: Any) -> Any:
    """`value` without what databases refuse in text: NUL and halves of surrogate pairs."""
    match value:
        case str():
            return value.replace("\0", "").encode("utf-8", "replace").decode()
        case dict():
            return {key: _storable(one) for key, one in value.items()}
        case list():
            return [_storable(one) for one in value]
        case _:
            return value


_KNOWN = (
    sa.select(parties.c.number, parties.c.address, people.c.address.label("newer"))
    .outerjoin(people, people.c.id == parties.c.person_id)
    .where(parties.c.meeting_id == sa.bindparam("meeting"))
    .order_by(parties.c.number)
)


def known_addresses(c: sa.Connection, stream: str) -> dict[int, tuple[str, ...]]:
    """The addresses known for each party of a stream, by number: the one it was invited at, and
    the present one of its person. Empty for a stream that is no meeting's."""
    kind, _, meeting_id = stream.partition("/")
    if kind != "meeting":
        return {}
    return {
        number: tuple(dict.fromkeys(one for one in (address, newer) if one))
        for number, address, newer in c.execute(_KNOWN, {"meeting": meeting_id})
    }
