"""Meetings: asked for, written to, and kept in step with their journal."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from adapters.db import capabilities, corrections, inputs, journal
from adapters.db.database import Database
from adapters.db.decisions import record
from adapters.db.schema import meetings, parties
from domain.access import Capability, Purpose, derive_token, token_address
from domain.errors import NotFound
from domain.meetings.card import MeetingCard, PartyCard
from domain.meetings.events import AddressCorrected, MeetingEvent, MeetingRequested, to_journal
from domain.meetings.messages import InputOutcome, Opening, TakenInput, stream_of
from domain.meetings.model import MeetingState, Partstat, Status
from domain.meetings.requests import MeetingOrder, PartyOrder
from domain.meetings.rules import fold
from domain.outbox.model import Draft

_INSERT_MEETING = sa.insert(meetings)
_INSERT_PARTY = sa.insert(parties)
_GET = sa.select(meetings).where(meetings.c.id == sa.bindparam("id"))
_PARTIES = (
    sa.select(parties)
    .where(parties.c.meeting_id == sa.bindparam("meeting_id"))
    .order_by(parties.c.number)
)


def request(
    c: sa.Connection,
    *,
    meeting_id: str,
    owner: str,
    order: MeetingOrder,
    secret: bytes,
    at: datetime,
    command_id: str | None = None,
) -> None:
    """Create a meeting: its rows, its parties' capabilities, its first event and the input that
    opens it. Poke its stream afterwards. A second call with the same id changes nothing.
    """
    stream = stream_of(meeting_id)
    if c.execute(_GET, {"id": meeting_id}).first() is not None:
        return
    c.execute(_INSERT_MEETING, _meeting_row(meeting_id, owner, order, at))
    numbered = list(enumerate(order.parties, start=1))
    c.execute(_INSERT_PARTY, [_party_row(meeting_id, number, party) for number, party in numbered])
    granted = [
        Capability(purpose=purpose, stream=stream, party=number)
        for number, _ in numbered
        for purpose in Purpose
    ]
    capabilities.grant_all(c, secret, granted, at)
    requested = to_journal(MeetingRequested(terms=order.terms))
    journal.append(
        c,
        owner=owner,
        stream=stream,
        expected_version=0,
        events=[requested],
        at=at,
        command=command_id,
    )
    opening = Opening().model_dump(mode="json")
    key = f"{stream}/opening"
    inputs.accept(c, stream=stream, key=key, body=opening, received_at=at, command_id=command_id)


def _meeting_row(meeting_id: str, owner: str, order: MeetingOrder, at: datetime) -> dict[str, Any]:
    return {
        "id": meeting_id,
        "owner": owner,
        "title": order.title,
        "description": order.description,
        "location": order.location,
        "organizer": order.organizer,
        "terms": order.terms.model_dump(mode="json"),
        "status": Status.REQUESTED.value,
        "sequence": -1,
        "version": 1,
        "created_at": at,
        "updated_at": at,
    }


def _party_row(meeting_id: str, number: int, party: PartyOrder) -> dict[str, Any]:
    return {
        "meeting_id": meeting_id,
        "number": number,
        "person_id": party.person_id,
        "name": party.name,
        "address": party.address,
        "zone": party.zone,
        "uid": str(uuid.uuid4()),  # of this party's own copy of the event, for ever
        "shows_address": party.shows_address,
        "partstat": Partstat.NEEDS_ACTION.value,
    }


def card(
    c: sa.Connection,
    meeting_id: str,
    *,
    secret: bytes,
    mail_domain: str,
    base_url: str,
    corrected: Mapping[int, int] = MappingProxyType({}),
) -> MeetingCard:
    """Names, addresses and zones of a meeting, with each party's own addresses and page.

    `corrected` are parties whose address is being corrected, with the input that says so: they
    stand here as they will once that is recorded. Raises `NotFound`.
    """
    row = c.execute(_GET, {"id": meeting_id}).first()
    if row is None:
        raise NotFound("There is no such meeting.")
    stream = stream_of(meeting_id)
    rows = c.execute(_PARTIES, {"meeting_id": meeting_id}).mappings()
    moved = {number: corrections.wanted(c, input) for number, input in corrected.items()}
    granted = corrections.after(capabilities.newest(c, stream), moved)
    tokens = {which: derive_token(secret, capability) for which, capability in granted.items()}
    parties = [dict(one) | corrections.row_of(moved.get(one["number"])) for one in rows]
    return MeetingCard(
        meeting_id=meeting_id,
        owner=row.owner,
        title=row.title,
        description=row.description,
        location=row.location,
        organizer=row.organizer,
        parties=tuple(_party_card(one, tokens, mail_domain, base_url) for one in parties),
    )


def _party_card(
    row: Mapping[str, Any],
    tokens: dict[tuple[int, Purpose], str],
    mail_domain: str,
    base_url: str,
) -> PartyCard:
    number: int = row["number"]

    def address(purpose: Purpose) -> str:
        return token_address(purpose, tokens[number, purpose], mail_domain)

    return PartyCard(
        number=number,
        name=row["name"],
        address=row["address"],
        zone=row["zone"],
        uid=row["uid"],
        reply_address=address(Purpose.REPLY),
        bounce_address=address(Purpose.BOUNCE),
        alias_address=address(Purpose.ALIAS),
        page_url=f"{base_url}/p/{tokens[number, Purpose.PAGE]}",
        shows_address=row["shows_address"],
        known_addresses=(row["address"],),
        **_ways_out(tokens.get((number, Purpose.UNSUBSCRIBE)), mail_domain, base_url),
    )


def _ways_out(token: str | None, mail_domain: str, base_url: str) -> dict[str, str]:
    if token is None:
        return {}
    return {
        "unsubscribe_url": f"{base_url}/u/{token}",
        "unsubscribe_address": token_address(Purpose.UNSUBSCRIBE, token, mail_domain),
    }


class SqlMeetingStore:
    """Meetings as their saga needs them. Every method may be called any number of times."""

    def __init__(self, database: Database, secret: bytes, mail_domain: str, base_url: str) -> None:
        self._database = database
        self._secret = secret
        self._mail_domain = mail_domain
        self._base_url = base_url.rstrip("/")

    async def load(self, meeting_id: str) -> MeetingState:
        """The state folded from the journal. Raises `NotFound`."""
        stream = stream_of(meeting_id)
        return fold(await self._database.read(lambda c: journal.read_stream(c, stream)))

    async def card(
        self, meeting_id: str, corrected: Mapping[int, int] = MappingProxyType({})
    ) -> MeetingCard:
        """Names, addresses and zones; of `corrected` parties as the input with that id wants
        them. Raises `NotFound`."""
        return await self._database.read(
            lambda c: card(
                c,
                meeting_id,
                secret=self._secret,
                mail_domain=self._mail_domain,
                base_url=self._base_url,
                corrected=corrected,
            )
        )

    async def take_inputs(self, meeting_id: str, limit: int) -> list[TakenInput]:
        """Inputs without an outcome, in row order, up to the first one still unread."""
        stream = stream_of(meeting_id)
        return await self._database.read(lambda c: inputs.take(c, stream, limit))

    async def unread_since(self, meeting_id: str) -> datetime | None:
        """When the oldest mail that is still unread was accepted."""
        stream = stream_of(meeting_id)
        return await self._database.read(lambda c: inputs.unread_since(c, stream))

    async def record(
        self,
        meeting_id: str,
        expected_version: int,
        events: Sequence[MeetingEvent],
        outcomes: Sequence[InputOutcome],
        drafts: Sequence[Draft],
        at: datetime,
    ) -> None:
        """Make a decision fact, in one transaction (see `decisions.record`)."""

        def work(c: sa.Connection) -> None:
            if record(c, meeting_id, expected_version, events, outcomes, drafts, at):
                for event in events:
                    if isinstance(event, AddressCorrected):
                        corrections.carry_out(c, self._secret, meeting_id, event, at)

        await self._database.write(work)
