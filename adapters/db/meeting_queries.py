"""What may be asked about meetings. Everything of another owner is `NotFound`."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from adapters.db import inputs as input_rows
from adapters.db import journal
from adapters.db.columns import InstantColumn, folded
from adapters.db.schema import inbox, inputs, meetings, outbox, parties
from domain.errors import NotFound
from domain.meetings.messages import stream_of
from domain.meetings.views import (
    InputView,
    MailView,
    MeetingFilter,
    MeetingView,
    MessageView,
    PageMark,
    PartyView,
    TimelineEvent,
)

MOST_MAILS = 500

_GET = sa.select(meetings).where(meetings.c.id == sa.bindparam("id"))
_PARTIES = (
    sa.select(parties)
    .where(parties.c.meeting_id.in_(sa.bindparam("meeting_ids", expanding=True)))
    .order_by(parties.c.meeting_id, parties.c.number)
)
_INPUTS = sa.select(inputs).where(inputs.c.stream == sa.bindparam("stream")).order_by(inputs.c.id)
_MESSAGES = (
    sa.select(*(outbox.c[name] for name in MessageView.model_fields))
    .where(outbox.c.subject == sa.bindparam("stream"))
    .order_by(outbox.c.id)
    .limit(MOST_MAILS)
)
_MAIL = (
    sa.select(
        *(
            inbox.c[name]
            for name in MailView.model_fields
            if name not in {"effect", "code", "detail"}
        ),
        inputs.c.effect,
        inputs.c.code,
        inputs.c.detail,
    )
    .select_from(inbox.outerjoin(inputs, inputs.c.inbox_id == inbox.c.id))
    .where(inbox.c.stream == sa.bindparam("stream"))
    .order_by(inbox.c.id)
    .limit(MOST_MAILS)
)


def get(c: sa.Connection, owner: str, meeting_id: str) -> MeetingView:
    """Raises `NotFound`."""
    found = c.execute(_GET, {"id": meeting_id}).first()
    if found is None or found.owner != owner:
        raise NotFound("There is no such meeting.")
    return _views(c, [found])[0]


def owner_of(c: sa.Connection, meeting_id: str) -> str:
    """Whose meeting it is. Raises `NotFound`."""
    found = c.execute(_GET, {"id": meeting_id}).first()
    if found is None:
        raise NotFound("There is no such meeting.")
    return str(found.owner)


def list_page(c: sa.Connection, wanted: MeetingFilter) -> list[MeetingView]:
    """The meetings that `wanted` describes, newest first."""
    query = sa.select(meetings).where(*_conditions(wanted), *_about_people(wanted))
    if wanted.after is not None:
        query = query.where(_older_than(wanted.after))
    query = query.order_by(meetings.c.created_at.desc(), meetings.c.id.desc())
    return _views(c, c.execute(query.limit(wanted.limit)).all())


def _conditions(wanted: MeetingFilter) -> Iterable[sa.ColumnElement[bool]]:
    yield meetings.c.owner == wanted.owner
    if wanted.statuses:
        yield meetings.c.status.in_([status.value for status in wanted.statuses])
    bounds = (
        (meetings.c.created_at, wanted.created_from, wanted.created_before),
        (meetings.c.starts_at, wanted.starts_from, wanted.starts_before),
    )
    for column, start, end in bounds:
        if start is not None:
            yield column >= start
        if end is not None:
            yield column < end


def _about_people(wanted: MeetingFilter) -> Iterable[sa.ColumnElement[bool]]:
    belongs = parties.c.meeting_id == meetings.c.id
    if wanted.address is not None:
        has_address = sa.func.lower(parties.c.address) == wanted.address.lower()
        yield sa.exists().where(belongs, has_address)
    if wanted.text is not None:
        named = sa.exists().where(belongs, _holds(parties.c.name, wanted.text))
        yield sa.or_(
            _holds(meetings.c.title, wanted.text), _holds(meetings.c.location, wanted.text), named
        )


def _holds(column: sa.Column[Any], text: str) -> sa.ColumnElement[bool]:
    return folded(column).contains(text.lower(), autoescape=True)


def _older_than(mark: PageMark) -> sa.ColumnElement[bool]:
    made, id = meetings.c.created_at, meetings.c.id
    at = sa.literal(mark.created_at, InstantColumn)
    return sa.and_(made <= at, sa.or_(made < at, id < mark.id))


def _views(c: sa.Connection, rows: Sequence[sa.Row[Any]]) -> list[MeetingView]:
    if not rows:
        return []
    of: dict[str, list[PartyView]] = defaultdict(list)
    for party in c.execute(_PARTIES, {"meeting_ids": [row.id for row in rows]}):
        of[party.meeting_id].append(_party(party))
    return [MeetingView(**row._mapping, parties=tuple(of[row.id])) for row in rows]


def _party(row: sa.Row[Any]) -> PartyView:
    shown = PartyView.model_fields
    return PartyView.model_validate({name: row._mapping[name] for name in shown})


def inputs_of(c: sa.Connection, owner: str, meeting_id: str) -> list[InputView]:
    """Every input of the meeting in row order. Raises `NotFound`."""
    get(c, owner, meeting_id)
    found = c.execute(_INPUTS, {"stream": stream_of(meeting_id)})
    return [input_rows.view(row) for row in found]


def timeline(c: sa.Connection, owner: str, meeting_id: str) -> list[TimelineEvent]:
    """The meeting's events in order, each with what its sender wrote. Raises `NotFound`."""
    get(c, owner, meeting_id)
    events = journal.read_stream(c, stream_of(meeting_id))
    words = input_rows.words_of(c, [one.data["input"] for one in events if one.data.get("input")])
    return [TimelineEvent(event=one, words=words.get(one.data.get("input", 0))) for one in events]


def messages(c: sa.Connection, owner: str, meeting_id: str) -> list[MessageView]:
    """The meeting's mails out, oldest first, `MOST_MAILS` at most. Raises `NotFound`."""
    get(c, owner, meeting_id)
    found = c.execute(_MESSAGES, {"stream": stream_of(meeting_id)})
    return [MessageView(**row._mapping) for row in found]


def mail(c: sa.Connection, owner: str, meeting_id: str) -> list[MailView]:
    """The meeting's mails in, oldest first, `MOST_MAILS` at most. Raises `NotFound`."""
    get(c, owner, meeting_id)
    found = c.execute(_MAIL, {"stream": stream_of(meeting_id)})
    return [MailView(**row._mapping) for row in found]


def names_of(c: sa.Connection, meeting_ids: Sequence[str]) -> dict[str, dict[int, str]]:
    """The parties' names by meeting and number."""
    names: dict[str, dict[int, str]] = defaultdict(dict)
    if meeting_ids:
        for party in c.execute(_PARTIES, {"meeting_ids": list(meeting_ids)}):
            names[party.meeting_id][party.number] = party.name
    return dict(names)
