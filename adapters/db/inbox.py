"""Rows of the inbox: every mail in, as it came, before its sender is told yes.

A mail becomes an input of its stream in the transaction that keeps it, still without a body: so
the order of acceptance is the order of effect, however long the reading takes.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql  # its upsert compiles for SQLite as well

from adapters.db import belonging, inputs
from adapters.db.bell import ring_after_commit
from adapters.db.schema import inbox, outbox
from domain.access import Capability, Purpose
from domain.inbox.load import Load
from domain.inbox.model import Arrival, Reading, Verdict
from domain.outbox.events import is_external, returning_stream
from domain.values import scrubbed

BELL = "inbox"
"""Rung when a mail was accepted."""

_new = postgresql.insert(inbox)
_ACCEPT = _new.on_conflict_do_update(
    index_elements=["key"], set_={"copies": inbox.c.copies + 1}
).returning(inbox.c.id, inbox.c.copies)


_COUNT = (
    sa.update(inbox).where(inbox.c.key == sa.bindparam("of_key")).values(copies=inbox.c.copies + 1)
)


def is_copy(c: sa.Connection, key: str) -> bool:
    """Whether this mail is in the inbox already; then the copy is counted. For whoever must know
    before `accept`, which counts as well."""
    return bool(c.execute(_COUNT, {"of_key": key}).rowcount)


def accept(
    c: sa.Connection,
    *,
    key: str,
    capability: Capability,
    mail_from: str,
    source: str,
    raw: bytes,
    received_at: datetime,
    about: int | None = None,
) -> tuple[int, bool]:
    """Keep a mail under its `key`, with its unread input; returns its id and whether it is new.

    Another copy of a mail is counted, and otherwise changes nothing. `about` is the number in
    the address it came to; it counts only when it is a message to the same party.
    """
    row = {
        "key": key,
        "stream": capability.stream,
        "party": capability.party,
        "purpose": capability.purpose.value,
        "generation": capability.generation,
        "mail_from": scrubbed(mail_from, limit=320),
        "source": source,
        "raw": raw,
        "received_at": received_at,
        "about": about and _message_of(c, capability, about),
        "owner": belonging.owner_of(c, capability.stream),
    }
    id, copies = c.execute(_ACCEPT, row).one()
    if copies > 1:
        return id, False
    if capability.purpose is Purpose.DOCTOR:  # that it came is all it says; no saga waits for it
        c.execute(_SET_ASIDE, {"mail": id, "at": received_at})
        return id, True
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


_SET_ASIDE = (
    sa.update(inbox)
    .where(inbox.c.id == sa.bindparam("mail"))
    .values(read_at=sa.bindparam("at"), verdict=Verdict.NOTE.value)
)

_READ_AGAIN = (
    sa.update(inbox)
    .where(inbox.c.id == sa.bindparam("mail"), inbox.c.read_at.is_not(None))
    .values(
        read_at=sa.null(),
        claimed_until=sa.null(),
        attempts=0,
        replays=inbox.c.replays + 1,
    )
    .returning(inbox.c.key, inbox.c.stream, inbox.c.replays)
)


def read_again(c: sa.Connection, id: int, at: datetime) -> None:
    """Let a mail that was read be read once more, as a new input behind all others of its
    stream. Changes nothing for one that is still unread."""
    row = c.execute(_READ_AGAIN, {"mail": id}).first()
    if row is None:
        return
    inputs.accept(
        c,
        stream=row.stream,
        key=f"mail/{row.key}/replay/{row.replays}",
        body=None,
        received_at=at,
        inbox_id=id,
    )
    ring_after_commit(c, BELL)


_SENT = sa.select(outbox.c.subject, outbox.c.party, outbox.c.recipient).where(
    outbox.c.id == sa.bindparam("number")
)


def _message_of(c: sa.Connection, capability: Capability, number: int) -> int | None:
    """`number` if it is a message to whom the capability stands for: whoever knows a bounce
    address of one message can write any other number there."""
    row = c.execute(_SENT, {"number": number}).first()
    if row is None or (row.party or 0) != capability.party:
        return None
    own = row.subject
    if is_external(own):
        own = returning_stream(own, row.recipient)
    return number if own == capability.stream else None


_is_recent = inbox.c.received_at > sa.bindparam("since")
_LOAD = sa.select(
    sa.func.count().filter(inbox.c.read_at.is_(None)).label("unread"),
    sa.func.count().filter(_is_recent).label("mails"),
    sa.func.coalesce(sa.func.sum(sa.func.length(inbox.c.raw)).filter(_is_recent), 0).label(
        "octets"
    ),
).where(
    inbox.c.stream == sa.bindparam("of_stream"),
    inbox.c.party == sa.bindparam("of_party"),
    inbox.c.purpose == sa.bindparam("for_purpose"),
    sa.or_(inbox.c.read_at.is_(None), _is_recent),
)


def load_of(c: sa.Connection, capability: Capability, now: datetime) -> Load:
    """What came to the address of `capability`, as of `now`."""
    values = {
        "of_stream": capability.stream,
        "of_party": capability.party,
        "for_purpose": capability.purpose.value,
        "since": now - timedelta(days=1),
    }
    return Load(**c.execute(_LOAD, values).mappings().one())


class Claim(NamedTuple):
    """A mail in one reader's hands. `token` tells this claim from every other one of the mail,
    `attempt` is how often its reading was begun, this time included."""

    arrival: Arrival
    token: int
    attempt: int


_IS_UNREAD = sa.text("read_at IS NULL")  # spelled as the partial index is, which serves it
_free = (
    sa.select(inbox.c.id)
    .where(_IS_UNREAD)
    .where(
        sa.or_(inbox.c.claimed_until.is_(None), inbox.c.claimed_until <= sa.bindparam("instant"))
    )
    .order_by(inbox.c.id)
    .limit(sa.bindparam("most"))
    .with_for_update(skip_locked=True)
    .cte("free")
)
_CLAIM = (
    sa.update(inbox)
    .where(inbox.c.id.in_(sa.select(_free.c.id)))
    .values(
        attempts=inbox.c.attempts + 1,
        token=inbox.c.token + 1,
        claimed_until=sa.bindparam("until"),
    )
    .returning(*(inbox.c[name] for name in Arrival.model_fields), inbox.c.token, inbox.c.attempts)
)
_PUT_BACK = (
    sa.update(inbox)
    .where(_IS_UNREAD, inbox.c.id == sa.bindparam("mail"), inbox.c.token == sa.bindparam("held"))
    .values(attempts=sa.bindparam("earlier"), claimed_until=sa.bindparam("until"))
)
_VOID = (
    sa.update(inbox)
    .where(_IS_UNREAD, inbox.c.claimed_until.is_not(None))
    .values(claimed_until=sa.null())
)


def claim_unread(c: sa.Connection, limit: int, now: datetime, until: datetime) -> list[Claim]:
    """Take up to `limit` unread mails, oldest first, that nobody holds at `now`, until `until`.

    It counts as a begun reading, so claim only what is read at once: a mail whose reading ends
    the process is known by that number.
    """
    rows = c.execute(_CLAIM, {"instant": now, "most": limit, "until": until}).mappings()
    return sorted((_claim(row) for row in rows), key=lambda one: one.arrival.id)


def _claim(row: sa.RowMapping) -> Claim:
    arrival = Arrival(**{name: row[name] for name in Arrival.model_fields})
    return Claim(arrival=arrival, token=row["token"], attempt=row["attempts"])


def put_back(c: sa.Connection, claims: Sequence[Claim], until: datetime | None = None) -> None:
    """Forget begun readings that ended for no fault of the mail's; nobody begins them again
    before `until`. A mail that was read, or claimed anew, stays as it is."""
    rows = [
        {"mail": one.arrival.id, "held": one.token, "earlier": one.attempt - 1, "until": until}
        for one in claims
    ]
    if rows:
        c.execute(_PUT_BACK, rows)


def void_claims(c: sa.Connection) -> None:
    """End every claim, for a reader that knows that all others are dead."""
    c.execute(_VOID)


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
) -> bool:
    """Keep what a mail says, and let its input be taken; a second reading changes nothing, and
    gives False."""
    said = _storable(reading.model_dump(mode="json"))
    values = {"mail": id, "at": at, "found": reading.verdict.value, "said": said}
    if not c.execute(_RECORD, values).rowcount:
        return False
    inputs.fill(c, id, body, words)
    return True


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
