"""Meetings asked for in tests, and their sagas' decisions played by hand."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from adapters.db import commands, inputs, meetings
from adapters.db.database import Database
from domain.meetings.messages import Answer, MeetingInput, stream_of
from domain.meetings.model import MeetingState, Partstat, Terms
from domain.meetings.requests import MeetingOrder, PartyOrder
from domain.meetings.rules import Decision, decide
from domain.outbox.model import Draft
from domain.values import Slot

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
SECRET = b"secret of the tests"
MEETING = "7f3a"


def slot(days: int) -> Slot:
    start = NOW + timedelta(days=days)
    return Slot(start=start, end=start + timedelta(hours=1))


def order(title: str = "Contract", **changes: object) -> MeetingOrder:
    parties = (
        PartyOrder(name="Ana Söderberg", address="Ana@example.org", zone="Europe/Lisbon"),
        PartyOrder(name="Bo", address="bo@example.com", zone="Asia/Tokyo"),
    )
    made = MeetingOrder(title=title, parties=parties, terms=Terms(slots=(slot(3), slot(4))))
    return made.model_copy(update=changes)


def request(
    c: sa.Connection,
    meeting_id: str = MEETING,
    *,
    owner: str = "main",
    at: datetime = NOW,
    wanted: MeetingOrder | None = None,
) -> None:
    """A meeting with the command that asked for it, `<meeting id>-command`."""
    command, _ = commands.accept(
        c,
        id=f"{meeting_id}-command",
        owner=owner,
        kind="meetings.request",
        stream=stream_of(meeting_id),
        data={"title": "Contract"},
        at=at,
        idempotency=None,
    )
    meetings.request(
        c,
        meeting_id=meeting_id,
        owner=owner,
        order=wanted or order(),
        secret=SECRET,
        at=at,
        command_id=command.id,
    )


def store_of(database: Database) -> meetings.SqlMeetingStore:
    return meetings.SqlMeetingStore(database, SECRET, "parley.example.net", "https://example.net/")


def accepted(party: int, sequence: int = 0) -> Answer:
    return Answer(party=party, partstat=Partstat.ACCEPTED, sequence=sequence, dtstamp=NOW)


async def say(
    database: Database, body: MeetingInput, key: str, words: dict[str, str] | None = None
) -> None:
    """Accept an input of the meeting."""
    await database.write(
        lambda c: inputs.accept(
            c,
            stream=stream_of(MEETING),
            key=key,
            body=body.model_dump(mode="json"),
            received_at=NOW,
            words=words,
        )
    )


def draft(version: int, recipient: str = "ana@example.org") -> Draft:
    return Draft(
        kind="meeting.invitation",
        subject=stream_of(MEETING),
        occasion=str(version),
        recipient=recipient,
        party=1,
        mail_from="b+token@parley.example.net",
        message_id=f"<{version}.{recipient}>",
        raw=b"Subject: hello\r\n\r\nhello\r\n",
    )


async def next_decision(database: Database) -> tuple[MeetingState, Decision]:
    """What the saga would decide about the first waiting input, and the state before."""
    store = store_of(database)
    state = await store.load(MEETING)
    taken = (await store.take_inputs(MEETING, 1))[0]
    return state, decide(state, taken, NOW)


async def carry_out(database: Database) -> None:
    """Take every waiting input and record what it leads to, as the saga does."""
    store = store_of(database)
    while await store.take_inputs(MEETING, 1):
        state, decision = await next_decision(database)
        await record(database, state, decision)


async def record(
    database: Database, state: MeetingState, decision: Decision, drafts: list[Draft] | None = None
) -> None:
    outcomes = [decision.outcome] if decision.outcome else []
    await store_of(database).record(
        MEETING, state.version, decision.events, outcomes, drafts or [], NOW
    )
