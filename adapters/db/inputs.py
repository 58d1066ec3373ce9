"""Inputs: what is wanted of a saga, kept until the saga has said what came of it.

An input is committed under its own key before its sender is told yes. Sagas take a stream's
inputs in row order; one whose mail is still unread holds back those behind it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from adapters.db.bell import ring_after_commit
from adapters.db.schema import inputs
from adapters.db.statements import insert_if_new
from domain.errors import NotFound
from domain.meetings.messages import InputOutcome, TakenInput, read_input
from domain.meetings.views import InputView

_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:stream, 0))")
_INSERT = insert_if_new(inputs, ["key"]).returning(inputs.c.id)
_BY_KEY = sa.select(inputs.c.id).where(inputs.c.key == sa.bindparam("key"))
_BY_ID = sa.select(inputs).where(inputs.c.id == sa.bindparam("id"))
_UNTAKEN = (
    sa.select(inputs.c.id, inputs.c.received_at, inputs.c.body)
    .where(inputs.c.stream == sa.bindparam("stream"))
    .where(inputs.c.taken_at.is_(None))
    .order_by(inputs.c.id)
    .limit(sa.bindparam("limit"))
)
_UNREAD_SINCE = (
    sa.select(sa.func.min(inputs.c.received_at))
    .where(inputs.c.stream == sa.bindparam("stream"))
    .where(inputs.c.taken_at.is_(None))
    .where(inputs.c.body.is_(None))
)
_FILL = (
    sa.update(inputs)
    .where(inputs.c.inbox_id == sa.bindparam("of_mail"))
    .where(inputs.c.body.is_(None))
    .values(body=sa.bindparam("body"), words=sa.bindparam("words"))
)
_RECORD = (
    sa.update(inputs)
    .where(inputs.c.id == sa.bindparam("input_id"))
    .where(inputs.c.taken_at.is_(None))
    .values(
        taken_at=sa.bindparam("taken"),
        effect=sa.bindparam("new_effect"),
        code=sa.bindparam("new_code"),
        detail=sa.bindparam("new_detail"),
    )
    .returning(inputs.c.command_id)
)
_DUE = (
    sa.select(inputs.c.stream)
    .where(inputs.c.taken_at.is_(None))
    .where(inputs.c.body.is_not(None))
    .where(sa.or_(inputs.c.poked_at.is_(None), inputs.c.poked_at < sa.bindparam("since")))
    .group_by(inputs.c.stream)
    .order_by(sa.func.min(inputs.c.id))
    .limit(sa.bindparam("limit"))
)
_READABLE = (
    sa.select(inputs.c.id)
    .where(inputs.c.stream == sa.bindparam("stream"))
    .where(inputs.c.taken_at.is_(None))
    .where(inputs.c.body.is_not(None))
    .order_by(inputs.c.id)
    .limit(sa.bindparam("limit"))
)
_POKED = (
    sa.update(inputs)
    .where(inputs.c.id.in_(sa.bindparam("ids", expanding=True)))
    .where(inputs.c.taken_at.is_(None))
    .values(poked_at=sa.bindparam("at"))
)
_AT_ONCE = 1000  # ids in one statement; engines bound the number of its parameters


def accept(
    c: sa.Connection,
    *,
    stream: str,
    key: str,
    body: dict[str, Any] | None,
    received_at: datetime,
    words: dict[str, Any] | None = None,
    command_id: str | None = None,
    inbox_id: int | None = None,
) -> tuple[int, bool]:
    """Keep an input under its `key`; returns its id and whether it is new.

    A second one with the same key changes nothing. `body` is None for a mail still to be read
    (see `fill`). Ids of one stream are given out in the order of commits; so whoever accepts for
    several streams in one transaction does so in the order of their names.
    """
    queue_up(c, stream)
    row = {
        "stream": stream,
        "key": key,
        "body": body,
        "words": words,
        "command_id": command_id,
        "inbox_id": inbox_id,
        "received_at": received_at,
    }
    new: int | None = c.execute(_INSERT, row).scalar()
    if new is None:
        return c.execute(_BY_KEY, {"key": key}).scalar_one(), False
    ring_after_commit(c, "inputs")
    return new, True


def queue_up(c: sa.Connection, stream: str) -> None:
    """Wait until everybody who has given out an id of `stream` has committed or gone.

    On PostgreSQL a row could otherwise be seen, and taken, before one with a lower id. SQLite
    has one writer.
    """
    if c.dialect.name == "postgresql":
        c.execute(_LOCK, {"stream": stream})


def fill(
    c: sa.Connection, inbox_id: int, body: dict[str, Any], words: dict[str, Any] | None
) -> None:
    """Say what the mail `inbox_id` turned out to say; what was filled once stays."""
    c.execute(_FILL, {"of_mail": inbox_id, "body": body, "words": words})
    ring_after_commit(c, "inputs")


_SETTLE = (
    sa.update(inputs)
    .where(inputs.c.inbox_id == sa.bindparam("of_mail"), inputs.c.taken_at.is_(None))
    .values(taken_at=sa.bindparam("at"), effect="set-aside", code="heard", detail="")
)


def settle_mail(c: sa.Connection, inbox_id: int, at: datetime) -> None:
    """Nobody takes the inputs of this mail's stream: what it says was heeded when it was read."""
    c.execute(_SETTLE, {"of_mail": inbox_id, "at": at})


def unread_since(c: sa.Connection, stream: str) -> datetime | None:
    """When the oldest input whose mail is still unread was accepted."""
    found: datetime | None = c.execute(_UNREAD_SINCE, {"stream": stream}).scalar()
    return found


def take(c: sa.Connection, stream: str, limit: int) -> list[TakenInput]:
    """The stream's inputs without an outcome, in row order, up to the first one still unread.
    Never raises for what a body holds (see `read_input`)."""
    taken = []
    for row in c.execute(_UNTAKEN, {"stream": stream, "limit": limit}):
        if row.body is None:
            break
        body = read_input(row.body)
        taken.append(TakenInput(id=row.id, received_at=row.received_at, body=body))
    return taken


def record_outcome(c: sa.Connection, outcome: InputOutcome, at: datetime) -> str | None:
    """Record what came of an input, once; a second call changes nothing.

    Returns the id of the command to finish, None when there is none or it was done before.
    """
    values = {
        "input_id": outcome.input_id,
        "taken": at,
        "new_effect": outcome.effect.value,
        "new_code": outcome.code,
        "new_detail": outcome.detail,
    }
    command: str | None = c.execute(_RECORD, values).scalar()
    return command


def untaken_streams(c: sa.Connection, not_poked_since: datetime, limit: int) -> list[str]:
    """Streams with readable inputs that nobody took and nobody poked for, the oldest first:
    never, or not since that instant."""
    return list(c.execute(_DUE, {"since": not_poked_since, "limit": limit}).scalars())


def readable(c: sa.Connection, stream: str, limit: int) -> list[int]:
    """The stream's inputs that a poke from now on covers: readable and not taken, in row order."""
    return list(c.execute(_READABLE, {"stream": stream, "limit": limit}).scalars())


def mark_poked(c: sa.Connection, ids: Sequence[int], at: datetime) -> None:
    """Remember that the sagas of these inputs were poked for them at `at`.

    `ids` are what `readable` gave before the poke. An input that came, or was filled, later must
    not be among them: its saga may have looked already, and its own poke may never come.
    """
    for first in range(0, len(ids), _AT_ONCE):
        c.execute(_POKED, {"ids": ids[first : first + _AT_ONCE], "at": at})


def get(c: sa.Connection, id: int) -> InputView:
    """Raises `NotFound`."""
    row = c.execute(_BY_ID, {"id": id}).first()
    if row is None:
        raise NotFound("There is no such input.")
    return view(row)


def view(row: sa.Row[Any]) -> InputView:
    """A row of `inputs` as its readers see it."""
    return InputView.model_validate(dict(row._mapping))


def words_of(c: sa.Connection, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """What people wrote with these inputs; those without words are left out."""
    wanted = list(ids)
    if not wanted:
        return {}
    query = sa.select(inputs.c.id, inputs.c.words).where(inputs.c.id.in_(wanted))
    return {row.id: row.words for row in c.execute(query.where(inputs.c.words.is_not(None)))}
