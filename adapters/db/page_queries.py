"""What parties' pages read and write: a party's page behind its token."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from adapters.db import capabilities, evidence, inputs, journal, meeting_queries, meetings
from adapters.db.database import Database
from adapters.db.schema import inputs as input_rows
from adapters.db.schema import meetings as meeting_rows
from adapters.db.schema import parties as party_rows
from domain.access import Capability, Purpose
from domain.errors import LimitReached
from domain.journal import JournalEvent
from domain.meetings.messages import read_input
from domain.meetings.pages import CLICKS_PER_DAY, Click, Noted, PartyPage, Saying
from domain.meetings.views import TimelineEvent

MOST_CLICKS = 20

_CLICKS = (
    sa.select(input_rows)
    .where(input_rows.c.stream == sa.bindparam("stream"))
    .where(input_rows.c.key.startswith(sa.bindparam("prefix"), autoescape=False))
    .order_by(input_rows.c.id.desc())
    .limit(MOST_CLICKS)
)
_CLICKS_SINCE = (
    sa.select(sa.func.count())
    .where(input_rows.c.stream == sa.bindparam("stream"))
    .where(input_rows.c.key.startswith(sa.bindparam("prefix"), autoescape=False))
    .where(input_rows.c.received_at > sa.bindparam("since"))
)
_WORDS = (
    sa.select(input_rows.c.id, input_rows.c.body, input_rows.c.words)
    .where(input_rows.c.id.in_(sa.bindparam("ids", expanding=True)))
    .where(input_rows.c.words.is_not(None))
)
_ZONE = (
    sa.select(party_rows.c.zone)
    .join(meeting_rows, meeting_rows.c.id == party_rows.c.meeting_id)
    # As its index says it; the engine folds both sides, and so alike.
    .where(sa.func.lower(party_rows.c.address) == sa.func.lower(sa.bindparam("address")))
    .order_by(meeting_rows.c.created_at.desc())
    .limit(1)
)


class SqlPartyPages:
    """Parties' pages. Reads see one snapshot; a click is durable when `note` returns."""

    def __init__(self, database: Database, secret: bytes, mail_domain: str, base_url: str) -> None:
        self._database = database
        self._card = {
            "secret": secret,
            "mail_domain": mail_domain,
            "base_url": base_url.rstrip("/"),
        }

    async def find(self, token: str) -> PartyPage | None:
        """The page that `token` opens; None for unknown and revoked ones alike."""

        def look(c: sa.Connection) -> PartyPage | None:
            opened = capabilities.find(c, Purpose.PAGE, token)
            return None if opened is None else self._page(c, opened)

        return await self._database.read(look)

    async def note(self, saying: Saying) -> Noted:
        """Accept a click as an input. The key is unique, so a second one changes nothing and
        is only compared with the first. Raises `LimitReached` for a new one beyond
        `CLICKS_PER_DAY`."""
        return await self._database.write(lambda c: _note(c, saying))

    async def timeline(self, owner: str, meeting_id: str) -> list[TimelineEvent]:
        """A meeting from its first event to its last, with what people wrote. Raises
        `NotFound`, also for another owner's."""
        return await self._database.read(lambda c: meeting_queries.timeline(c, owner, meeting_id))

    async def zone_of(self, address: str) -> str | None:
        """The zone of the party with this address that was invited last; None for nobody's."""
        return await self._database.read(
            lambda c: c.execute(_ZONE, {"address": address}).scalar_one_or_none()
        )

    def _page(self, c: sa.Connection, opened: Capability) -> PartyPage:
        events = tuple(journal.read_stream(c, opened.stream))
        return PartyPage(
            stream=opened.stream,
            party=opened.party,
            card=meetings.card(c, opened.stream.partition("/")[2], **self._card),  # type: ignore[arg-type]  # three settings of their own types
            events=events,
            clicks=_clicks(c, opened),
            words=_own_words(c, events, opened.party),
        )


def click_prefix(party: int) -> str:
    """What the keys of a party's clicks begin with."""
    return f"page:{party}:"


def _clicks(c: sa.Connection, opened: Capability) -> tuple[Click, ...]:
    values = {"stream": opened.stream, "prefix": click_prefix(opened.party)}
    return tuple(_click(row) for row in c.execute(_CLICKS, values))


def _click(row: sa.Row[Any]) -> Click:
    return Click(
        id=row.id,
        received_at=row.received_at,
        body=read_input(row.body),
        comment=(row.words or {}).get("comment"),
        effect=row.effect,
        code=row.code or "",
        detail=row.detail or "",
    )


def _own_words(c: sa.Connection, events: tuple[JournalEvent, ...], party: int) -> dict[int, str]:
    """What this party wrote, by input; what the others wrote is none of its business."""
    ids = [event.data["input"] for event in events if event.data.get("input")]
    rows = c.execute(_WORDS, {"ids": ids}) if ids else ()
    own = (row for row in rows if row.body and row.body.get("party") == party)
    return {row.id: text for row in own if (text := _said(row.words))}


def _said(words: dict[str, Any]) -> str:
    return str(words.get("comment") or words.get("text") or "")


def _note(c: sa.Connection, saying: Saying) -> Noted:
    body = saying.body.model_dump(mode="json")
    words = {"comment": saying.comment} if saying.comment else None
    input_id, is_new = inputs.accept(
        c,
        stream=saying.stream,
        key=saying.key,
        body=body,
        received_at=saying.at,
        words=words,
    )
    if is_new:
        _check_room(c, saying)
        evidence.prove_clicked(c, saying.stream, saying.party, saying.mark, saying.at)
        return Noted(id=input_id, is_new=True, is_same=True)
    first = inputs.get(c, input_id)
    is_same = first.stream == saying.stream and (first.body, first.words) == (body, words)
    return Noted(id=input_id, is_new=False, is_same=is_same)


def _check_room(c: sa.Connection, saying: Saying) -> None:
    """Raises `LimitReached` when the click just written is one too many, and so undoes it."""
    values = {
        "stream": saying.stream,
        "prefix": click_prefix(saying.party),
        "since": saying.at - timedelta(days=1),
    }
    if c.execute(_CLICKS_SINCE, values).scalar_one() > CLICKS_PER_DAY:
        raise LimitReached(
            f"{CLICKS_PER_DAY} choices were made here within a day, and all of them are kept. "
            "Please come back tomorrow."
        )
