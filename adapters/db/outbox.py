"""Rows of the outbox: one for each message, for ever the same under its business key.

What dispatchers do to them is in `outbox_claims` and `outbox_results`.
"""

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql  # its upsert compiles for SQLite as well

from adapters.db import outbox_raw
from adapters.db.bell import ring_after_commit
from adapters.db.schema import outbox
from domain.errors import Refused
from domain.outbox.model import Draft, Hold, MessageState, MessageStatus
from domain.postage import Priority
from domain.values import domain_of

BELL = "outbox"
"""Rung when a message became due."""


class Enqueued(NamedTuple):
    """The row of a business key. Not `is_new`: it was there before, with this `fingerprint`."""

    id: int
    is_new: bool
    fingerprint: str | None


class Wait(NamedTuple):
    """What a new message waits for, and until when."""

    because: Hold
    until: datetime


_KEY = ("kind", "subject", "occasion", "recipient")
_BY_KEY = sa.select(outbox.c.id, outbox.c.fingerprint).where(
    *(outbox.c[name] == sa.bindparam(name) for name in _KEY)
)
# No index named: a repeated row hits the business key and the Message-ID, in either order.
_ENQUEUE = postgresql.insert(outbox).on_conflict_do_nothing().returning(outbox.c.id)


def enqueue(c: sa.Connection, owner: str, draft: Draft, at: datetime) -> int:
    """The row of `draft`, due from `at`; the same business key gives the same row for ever.

    Raises `Refused` when another message carries the same Message-ID.
    """
    return post(c, owner, draft, at).id


def post(
    c: sa.Connection,
    owner: str,
    draft: Draft,
    at: datetime,
    *,
    wait: Wait | None = None,
    digest: str | None = None,
    fingerprint: str | None = None,
) -> Enqueued:
    """As `enqueue`, and says whether the row is new.

    With `wait` a new message is held until then. `digest` is the key under which it becomes a
    part of one mail with others. `fingerprint` is kept of whatever asked for it.
    """
    values = _row(owner, draft, at, wait) | {"digest": digest, "fingerprint": fingerprint}
    new = c.execute(_ENQUEUE, values).scalar()
    if new is not None:
        outbox_raw.keep(c, new, draft.raw)
        ring_after_commit(c, BELL)
        return Enqueued(int(new), True, fingerprint)
    present = c.execute(_BY_KEY, {name: values[name] for name in _KEY}).first()
    if present is None:
        raise Refused("Another message has this Message-ID already.")
    return Enqueued(present.id, False, present.fingerprint)


def _row(owner: str, draft: Draft, at: datetime, wait: Wait | None) -> dict[str, Any]:
    return {
        **draft.model_dump(exclude={"postage", "raw"}),
        **draft.postage.model_dump(),
        "owner": owner,
        "created_at": at,
        "next_at": at if wait is None else wait.until,
        "state": (MessageState.QUEUED if wait is None else MessageState.HELD).value,
        "held_because": None if wait is None else wait.because.value,
        "folded_recipient": draft.recipient.casefold(),
        "domain": domain_of(draft.recipient),
    }


def is_in(*states: MessageState) -> sa.TextClause:
    """A condition with the states spelled out, not bound: a partial index serves only what it
    can be seen to imply, and lists of bound values cannot be written many at a time."""
    listed = ", ".join(repr(state.value) for state in states)
    return sa.text(f"state IN ({listed})" if listed else "1 = 0")


IS_DUE = is_in(MessageState.QUEUED, MessageState.RETRY, MessageState.HELD)
"""As the index `ix_outbox_due` says it."""


def not_tried_until(due: sa.ColumnElement[datetime]) -> sa.ColumnElement[datetime]:
    """The `tried_at` of a row that becomes due at `due` instead, for another reason than an attempt
    at it. It moves along with `next_at`: what lies between the two is the time in which the
    message was tried, and by which it is given up."""
    return outbox.c.tried_at + (due - outbox.c.next_at)


_next_at = sa.func.min(outbox.c.next_at, type_=outbox.c.next_at.type)
_NEXT_DUE = sa.select(
    sa.func.min(
        sa.union_all(
            *(
                sa.select(_next_at.label("at")).where(IS_DUE, outbox.c.priority == level.value)
                for level in Priority
            )
        )
        .subquery()
        .c.at,
        type_=outbox.c.next_at.type,
    )
)


def next_due(c: sa.Connection) -> datetime | None:
    """When the next waiting message is due, or None when nothing waits."""
    found: datetime | None = c.execute(_NEXT_DUE).scalar()
    return found


_STATUS = sa.select(*(outbox.c[name] for name in MessageStatus.model_fields))
_OF_SUBJECT = _STATUS.where(outbox.c.subject == sa.bindparam("subject")).order_by(outbox.c.id)


def of_subject(c: sa.Connection, subject: str) -> list[MessageStatus]:
    """Every message about a stream, oldest first."""
    found = c.execute(_OF_SUBJECT, {"subject": subject}).mappings()
    return [MessageStatus(**row) for row in found]


_FORMER = (
    outbox.c.subject == sa.bindparam("of_stream"),
    outbox.c.party == sa.bindparam("number"),
    outbox.c.recipient == sa.bindparam("old"),
)
_WAITING = "state IN ('queued', 'retry', 'held')"
_CANCEL = (
    sa.update(outbox)
    .where(*_FORMER, sa.text(f"{_WAITING} AND resends = 0"))
    .values(
        state=MessageState.CANCELLED.value,
        held_because=sa.null(),
        next_at=sa.bindparam("at", type_=outbox.c.next_at.type),
    )
    .returning(outbox.c.id)
)
# May have left: whether it did is still to be found out, but no copy of it goes out.
_DOUBT = (
    sa.update(outbox)
    .where(*_FORMER, sa.text(_WAITING))
    .values(state=MessageState.UNCERTAIN.value, held_because=sa.null())
)
# In a dispatcher's hands, whose attempt may fail: then it is not tried again.
_LAST_ATTEMPT = (
    sa.update(outbox)
    .where(*_FORMER, sa.text("state IN ('claimed', 'sending')"))
    .values(expires_at=sa.bindparam("at", type_=outbox.c.expires_at.type))
)


def stop_writing_to(
    c: sa.Connection, subject: str, party: int, recipient: str, at: datetime
) -> list[int]:
    """Let nothing more go to a party of a stream at this address; gives the ids of what had not
    left yet and is cancelled."""
    values = {"of_stream": subject, "number": party, "old": recipient}
    cancelled = sorted(c.execute(_CANCEL, values | {"at": at}).scalars())
    c.execute(_DOUBT, values)
    c.execute(_LAST_ATTEMPT, values | {"at": at})
    return cancelled


class SentLetter(NamedTuple):
    """A letter to a party: its row, its kind, its Message-ID, and the address it went to."""

    id: int
    kind: str
    message_id: str
    recipient: str


_LETTERS = (
    sa.select(*(outbox.c[name] for name in SentLetter._fields))
    .where(outbox.c.subject == sa.bindparam("subject"), outbox.c.party == sa.bindparam("number"))
    .order_by(outbox.c.id.desc())
)


def letters_to(c: sa.Connection, subject: str, party: int) -> list[SentLetter]:
    """Everything a party was sent about a stream, newest first."""
    found = c.execute(_LETTERS, {"subject": subject, "number": party})
    return [SentLetter(*row) for row in found]
