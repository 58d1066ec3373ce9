"""What may be asked about messages. Everything of another owner is `NotFound`."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa

from adapters.db import outbox_raw
from adapters.db.columns import folded
from adapters.db.schema import IS_APART, NEEDS_ATTENTION, journal, outbox, outbox_attempts, parties
from adapters.db.schema import outbox_events as event_rows
from domain.errors import NotFound
from domain.journal import JournalEvent
from domain.outbox.events import MessageEvent, external_subject, is_external, stream_of
from domain.outbox.model import MessageState
from domain.outbox.views import (
    MOST_COUNTED,
    MessageBytes,
    MessageFilter,
    MessageStory,
    MessageView,
    StateCounts,
    TimelineLine,
)

_MOST_LINES = 480
_FIRST_LINES = 20
_MEETING = "meeting/"
_IS_FORMER = (
    sa.exists()
    .where(outbox.c.subject.startswith(_MEETING))
    .where(parties.c.meeting_id == sa.func.substr(outbox.c.subject, len(_MEETING) + 1))
    .where(parties.c.number == outbox.c.party)
    .where(folded(parties.c.address) != outbox.c.folded_recipient)
    .label("is_former")
)
_whole = outbox.alias("whole")
_OF_WHOLE = tuple(
    sa.select(_whole.c[name])
    .where(_whole.c.id == outbox.c.merged_into)
    .scalar_subquery()
    .label(f"whole_{name}")
    for name in ("state", "fate")
)
_COLUMNS = (
    *(outbox.c[name] for name in MessageView.model_fields if name in outbox.c),
    *(_IS_FORMER, *_OF_WHOLE),
)
_OWNED = (outbox.c.id == sa.bindparam("message"), outbox.c.owner == sa.bindparam("owner"))
_GET = sa.select(*_COLUMNS).where(*_OWNED)
_SIGNED = sa.select(outbox.c.id, outbox.c.signature, outbox.c.raw_forgotten_at).where(*_OWNED)


def _ends(of: sa.Table, by: sa.Column[int]) -> tuple[sa.Select[Any], sa.Select[Any]]:
    """How it began, and how it went lately."""
    query = sa.select(of).where(of.c.message_id == sa.bindparam("message"))
    return query.order_by(by).limit(_FIRST_LINES), query.order_by(by.desc()).limit(_MOST_LINES)


_ATTEMPTS = _ends(outbox_attempts, outbox_attempts.c.token)
_EVENTS = _ends(event_rows, event_rows.c.id)
_CAUSE = (
    sa.select(journal)
    .where(journal.c.stream == sa.bindparam("of_stream"))
    .where(journal.c.version == sa.bindparam("at_version"))
    .where(journal.c.owner == sa.bindparam("owner"))
)
_KIN = (
    sa.select(outbox.c.id, outbox.c.occasion, outbox.c.state)
    .where(outbox.c.subject == sa.bindparam("of_subject"))
    .where(outbox.c.owner == sa.bindparam("owner"))
    .where(outbox.c.kind == sa.bindparam("of_kind"))
    .where(outbox.c.recipient == sa.bindparam("to"))
    .order_by(outbox.c.id)
)
_IS_ORDINARY = sa.text("state IN ('queued', 'claimed', 'sending', 'sent')")
AGAIN = "/again/"
"""Between the occasion of a message and the number of its resend."""


def get(c: sa.Connection, owner: str, message: int) -> MessageView:
    """Raises `NotFound`, also for another owner's message."""
    row = c.execute(_GET, {"message": message, "owner": owner}).mappings().one_or_none()
    if row is None:
        raise NotFound("There is no such message.")
    return MessageView(**row)


def raw_of(c: sa.Connection, owner: str, message: int) -> MessageBytes:
    """The bytes as they are sent, the signature's lines in front. Raises `NotFound`."""
    row = c.execute(_SIGNED, {"message": message, "owner": owner}).one_or_none()
    if row is None:
        raise NotFound("There is no such message.")
    raw = outbox_raw.raw_of(c, [row.id]).get(row.id)
    if raw is None:
        return MessageBytes(id=row.id, raw=None, forgotten_at=row.raw_forgotten_at)
    return MessageBytes(id=row.id, raw=(row.signature or "").encode() + raw)


def list_page(c: sa.Connection, wanted: MessageFilter) -> list[MessageView]:
    """The messages that `wanted` describes, newest first."""
    query = sa.select(*_COLUMNS).where(*_conditions(wanted))
    if wanted.states:
        query = query.where(outbox.c.state.in_([state.value for state in wanted.states]))
        if not set(wanted.states) & _ORDINARY:
            query = query.where(sa.text(IS_APART))
    if wanted.before is not None:
        query = query.where(outbox.c.id < wanted.before)
    query = query.order_by(outbox.c.id.desc()).limit(wanted.limit)
    return [MessageView(**row) for row in c.execute(query).mappings()]


_ORDINARY = frozenset(
    {MessageState.QUEUED, MessageState.CLAIMED, MessageState.SENDING, MessageState.SENT}
)


def counts(c: sa.Connection, wanted: MessageFilter) -> StateCounts:
    """How many messages fit `wanted` in each state, whatever states it asks for.

    Of those that are simply on their way or sent, the newest `MOST_COUNTED` are counted.
    """
    conditions = tuple(_conditions(wanted))
    some = (
        sa.select(outbox.c.state)
        .where(*conditions, _IS_ORDINARY)
        .order_by(outbox.c.id.desc())
        .limit(MOST_COUNTED)
        .subquery()
    )
    ordinary = sa.select(some.c.state, sa.func.count()).group_by(some.c.state)
    apart = (
        sa.select(outbox.c.state, sa.func.count())
        .where(*conditions, sa.text(IS_APART))
        .group_by(outbox.c.state)
    )
    found: dict[MessageState, int] = defaultdict(int)
    for query in (ordinary, apart):
        for state, count in c.execute(query):
            found[MessageState(state)] += count
    return dict(found)


def _conditions(wanted: MessageFilter) -> Iterator[sa.ColumnElement[bool]]:
    yield outbox.c.owner == wanted.owner
    yield from _about(wanted)
    bounds = (
        (outbox.c.created_at, wanted.created_from, wanted.created_before),
        (outbox.c.sent_at, wanted.sent_from, wanted.sent_before),
    )
    for column, start, end in bounds:
        if start is not None:
            yield column >= start
        if end is not None:
            yield column < end
    if wanted.needs_attention:
        yield _NEEDS_ATTENTION


_NEEDS_ATTENTION: sa.ColumnElement[bool] = sa.literal_column(f"({NEEDS_ATTENTION})", sa.Boolean)


def _about(wanted: MessageFilter) -> Iterable[sa.ColumnElement[bool]]:
    if wanted.kind is not None and wanted.kind.endswith("."):
        yield outbox.c.kind.startswith(wanted.kind, autoescape=True)
    elif wanted.kind is not None:
        yield outbox.c.kind == wanted.kind
    if wanted.recipient is not None:
        yield outbox.c.folded_recipient == wanted.recipient.casefold()
    if wanted.subject is not None:
        own = external_subject(wanted.owner, wanted.subject)
        yield outbox.c.subject.in_([wanted.subject, own])


def story(c: sa.Connection, owner: str, message: int) -> MessageStory:
    """The message with everything that happened to it. Raises `NotFound`."""
    found = get(c, owner, message)
    lines = [*_attempts(c, message), *_events(c, message)]
    lines.sort(key=lambda line: (line.at, line.type != "requested"))
    return MessageStory(
        message=found,
        timeline=tuple(lines),
        cause=_cause(c, found),
        resent_as=tuple(id for id, _ in resends_of(c, found) if id > message),
    )


_SHOWN = ("at", "phase", "code", "server", "state", "times", "until")


def _attempts(c: sa.Connection, message: int) -> Iterator[TimelineLine]:
    for row in _read(c, _ATTEMPTS, message, "token"):
        yield TimelineLine(
            type="attempt", text=row["reply"], **{name: row[name] for name in _SHOWN}
        )


def _events(c: sa.Connection, message: int) -> Iterator[TimelineLine]:
    for row in _read(c, _EVENTS, message, "id"):
        yield TimelineLine(at=row["at"], type=row["type"], text=row["detail"], by=row["by"])


def _read(
    c: sa.Connection, ends: Iterable[sa.Select[Any]], message: int, key: str
) -> Iterable[sa.RowMapping]:
    asked = {"message": message}
    found = {row[key]: row for query in ends for row in c.execute(query, asked).mappings()}
    return [found[each] for each in sorted(found)]


def _cause(c: sa.Connection, message: MessageView) -> JournalEvent | None:
    """The event that a message followed from: of its stream the one its occasion names, of an
    integrator's own the request for it. Nobody asked for a digest; its first event is another."""
    stream, version = message.subject, message.occasion.partition(AGAIN)[0]
    if is_external(stream):
        stream, version = stream_of(message.id), "1"
    if not (version.isascii() and version.isdecimal() and len(version) < 16):
        return None
    asked = {"of_stream": stream, "at_version": int(version), "owner": message.owner}
    row = c.execute(_CAUSE, asked).mappings().one_or_none()
    if row is None or (is_external(message.subject) and row["type"] != MessageEvent.REQUESTED):
        return None
    return JournalEvent.model_validate(dict(row))


def resends_of(c: sa.Connection, message: MessageView) -> list[tuple[int, MessageState]]:
    """Ids and states of everything that was sent again of the same message, oldest first."""
    asked = {
        "of_subject": message.subject,
        "owner": message.owner,
        "of_kind": message.kind,
        "to": message.recipient,
    }
    root = f"{message.occasion.partition(AGAIN)[0]}{AGAIN}"
    return [
        (id, MessageState(state))
        for id, occasion, state in c.execute(_KIN, asked)
        if occasion.startswith(root)
    ]
