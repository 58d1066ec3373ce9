"""Meetings: asked for once, decided once, and every view in step with the journal."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from adapters.db import capabilities, commands, inputs, journal, meeting_queries, meetings
from adapters.db.database import Database
from adapters.db.schema import outbox, parties
from domain.access import Capability, Purpose, read_token_address
from domain.commands import CommandState, Outcome
from domain.errors import NotFound, StreamMoved
from domain.meetings.events import MeetingEnded
from domain.meetings.messages import Cancellation, Effect, InputOutcome, stream_of
from domain.meetings.model import Partstat, Status
from domain.meetings.views import MeetingView
from tests.adapters.db import orders
from tests.adapters.db.orders import MEETING, NOW, SECRET, slot


async def view(database: Database) -> MeetingView:
    return await database.read(lambda c: meeting_queries.get(c, "main", MEETING))


async def event_types(database: Database) -> list[str]:
    events = await database.read(lambda c: journal.read_stream(c, stream_of(MEETING)))
    return [event.type for event in events]


@pytest.fixture
async def asked(database: Database) -> Database:
    """A database in which the meeting has just been asked for."""
    await database.write(orders.request)
    return database


async def test_a_requested_meeting_waits_for_its_opening(asked: Database) -> None:
    store = orders.store_of(asked)
    meeting = await view(asked)
    (opening,) = await store.take_inputs(MEETING, 10)

    assert (meeting.status, meeting.version, meeting.sequence) == (Status.REQUESTED, 1, -1)
    assert (meeting.starts_at, meeting.answer_by) == (None, None)
    assert [party.name for party in meeting.parties] == ["Ana Söderberg", "Bo"]
    assert (opening.body.kind, opening.received_at) == ("opening", NOW)
    assert (await store.load(MEETING)).version == 1


async def test_asking_twice_with_one_id_makes_one_meeting(asked: Database) -> None:
    def again(c: sa.Connection) -> None:
        meetings.request(
            c, meeting_id=MEETING, owner="main", order=orders.order(), secret=SECRET, at=NOW
        )

    await asked.write(again)

    assert await event_types(asked) == ["MeetingRequested"]
    assert len(await orders.store_of(asked).take_inputs(MEETING, 10)) == 1


async def test_each_party_has_addresses_and_a_page_of_its_own(asked: Database) -> None:
    card = await orders.store_of(asked).card(MEETING)
    ana, bo = card.parties

    addresses = {ana.reply_address, ana.bounce_address, ana.alias_address}
    addresses |= {bo.reply_address, bo.bounce_address, bo.alias_address}
    opened = read_token_address(ana.reply_address, "parley.example.net")
    assert opened is not None
    assert opened.purpose is Purpose.REPLY
    assert len(addresses) == 6
    assert ana.uid != bo.uid
    assert ana.page_url.startswith("https://example.net/p/")
    found = await asked.read(lambda c: capabilities.find(c, opened.purpose, opened.token))
    assert found == Capability(purpose=Purpose.REPLY, stream=stream_of(MEETING), party=1)
    assert await orders.store_of(asked).card(MEETING) == card


async def test_nothing_is_found_of_an_unknown_meeting(database: Database) -> None:
    store = orders.store_of(database)

    with pytest.raises(NotFound):
        await store.load("nothing")
    with pytest.raises(NotFound):
        await store.card("nothing")
    with pytest.raises(NotFound):
        await store.record("nothing", 0, [], [], [], NOW)
    assert await store.take_inputs("nothing", 10) == []


async def test_a_decision_moves_journal_views_command_and_mail_together(asked: Database) -> None:
    state, decision = await orders.next_decision(asked)

    await orders.record(
        asked, state, decision, [orders.draft(2), orders.draft(2, "bo@example.com")]
    )

    meeting = await view(asked)
    assert (meeting.status, meeting.sequence, meeting.version) == (Status.NEGOTIATING, 0, 2)
    assert meeting.slot == slot(3)
    assert meeting.answer_by is not None
    command = await asked.read(lambda c: commands.get(c, f"{MEETING}-command", "main"))
    assert command.state is CommandState.SUCCEEDED
    assert isinstance(command.outcome, Outcome)
    assert command.outcome.version == 2
    mails = await asked.read(lambda c: meeting_queries.messages(c, "main", MEETING))
    assert [mail.recipient for mail in mails] == ["ana@example.org", "bo@example.com"]
    assert await orders.store_of(asked).take_inputs(MEETING, 10) == []


async def test_a_repeated_decision_changes_nothing(asked: Database) -> None:
    state, decision = await orders.next_decision(asked)
    for _ in range(3):
        await orders.record(asked, state, decision, [orders.draft(2)])

    assert await event_types(asked) == ["MeetingRequested", "SlotOffered"]
    count = sa.select(sa.func.count()).select_from(outbox)
    assert await asked.read(lambda c: c.execute(count).scalar()) == 1


async def test_attempts_at_one_decision_may_race(asked: Database) -> None:
    """A timed-out activity and its retry run at the same moment."""
    state, decision = await orders.next_decision(asked)

    await asyncio.gather(
        *(orders.record(asked, state, decision, [orders.draft(2)]) for _ in range(8))
    )

    assert await event_types(asked) == ["MeetingRequested", "SlotOffered"]


async def test_a_decision_is_recognised_after_later_ones(asked: Database) -> None:
    state, decision = await orders.next_decision(asked)
    await orders.record(asked, state, decision)
    await orders.say(asked, orders.accepted(1), "mail-1")
    await orders.carry_out(asked)

    await orders.record(asked, state, decision)

    assert await event_types(asked) == ["MeetingRequested", "SlotOffered", "AnswerRecorded"]


async def test_another_decision_at_the_same_version_is_refused(asked: Database) -> None:
    state, decision = await orders.next_decision(asked)
    await orders.record(asked, state, decision)
    other = MeetingEnded(ending=Status.CANCELLED, by=0, sequence=0, reason="owner")

    with pytest.raises(StreamMoved):
        await orders.store_of(asked).record(MEETING, state.version, [other], [], [], NOW)
    with pytest.raises(StreamMoved):
        await orders.store_of(asked).record(MEETING, 7, [other], [], [], NOW)

    assert await event_types(asked) == ["MeetingRequested", "SlotOffered"]


async def test_an_outcome_without_events_is_recorded_at_its_version_only(asked: Database) -> None:
    store = orders.store_of(asked)
    await orders.carry_out(asked)
    await orders.say(asked, orders.accepted(1), "mail-1")
    (waiting,) = await store.take_inputs(MEETING, 1)
    nothing = InputOutcome(
        input_id=waiting.id, effect=Effect.DUPLICATE, code="duplicate", detail="Said before."
    )

    with pytest.raises(StreamMoved):
        await store.record(MEETING, 1, [], [nothing], [], NOW)
    for _ in range(2):
        await store.record(MEETING, 2, [], [nothing], [], NOW)

    assert await store.take_inputs(MEETING, 1) == []
    *_, kept = await asked.read(lambda c: meeting_queries.inputs_of(c, "main", MEETING))
    assert (kept.effect, kept.code, kept.detail) == ("duplicate", "duplicate", "Said before.")


async def test_a_refused_command_says_why(asked: Database) -> None:
    await orders.carry_out(asked)

    def cancel_twice(c: sa.Connection) -> None:
        for number in (1, 2):
            _accept_cancellation(c, f"cancel-{number}")

    await asked.write(cancel_twice)
    await orders.carry_out(asked)

    first = await asked.read(lambda c: commands.get(c, "cancel-1", "main"))
    second = await asked.read(lambda c: commands.get(c, "cancel-2", "main"))
    assert (first.state, second.state) == (CommandState.SUCCEEDED, CommandState.REFUSED)
    assert second.outcome is not None
    assert second.outcome.code
    assert (await view(asked)).status is Status.CANCELLED


def _accept_cancellation(c: sa.Connection, command_id: str) -> None:
    stream = stream_of(MEETING)
    commands.accept(
        c,
        id=command_id,
        owner="main",
        kind="meetings.cancel",
        stream=stream,
        data={},
        at=NOW,
        idempotency=None,
    )
    body = Cancellation().model_dump(mode="json")
    inputs.accept(
        c, stream=stream, key=command_id, body=body, received_at=NOW, command_id=command_id
    )


async def test_answers_show_in_the_parties_view(asked: Database) -> None:
    await orders.carry_out(asked)
    await orders.say(asked, orders.accepted(1), "mail-1")
    await orders.carry_out(asked)

    ana, bo = (await view(asked)).parties
    assert (ana.partstat, ana.answered_at) == (Partstat.ACCEPTED, NOW)
    assert (bo.partstat, bo.answered_at) == (Partstat.NEEDS_ACTION, None)


async def test_the_timeline_joins_what_people_wrote(asked: Database) -> None:
    await orders.carry_out(asked)
    await orders.say(asked, orders.accepted(1), "mail-1", words={"comment": "Gladly!"})
    await orders.carry_out(asked)

    timeline = await asked.read(lambda c: meeting_queries.timeline(c, "main", MEETING))

    assert [(one.event.type, one.words) for one in timeline] == [
        ("MeetingRequested", None),
        ("SlotOffered", None),
        ("AnswerRecorded", {"comment": "Gladly!"}),
    ]
    written = await asked.read(lambda c: journal.read_stream(c, stream_of(MEETING)))
    assert not any("Gladly" in str(event.data) for event in written)


async def test_a_failed_decision_leaves_nothing_of_itself(asked: Database) -> None:
    """Two mails with one Message-ID are refused; the events before them go as well."""
    state, decision = await orders.next_decision(asked)
    clash = orders.draft(2).model_copy(update={"recipient": "bo@example.com"})

    with pytest.raises(Exception, match="Message-ID"):
        await orders.record(asked, state, decision, [orders.draft(2), clash])

    assert await event_types(asked) == ["MeetingRequested"]
    assert (await view(asked)).status is Status.REQUESTED
    assert len(await orders.store_of(asked).take_inputs(MEETING, 1)) == 1


async def test_everybody_has_accepted_is_a_confirmed_meeting(asked: Database) -> None:
    await orders.carry_out(asked)
    for party in (1, 2):
        await orders.say(asked, orders.accepted(party), f"mail-{party}")
    await orders.carry_out(asked)

    meeting = await view(asked)
    assert (meeting.status, meeting.answer_by) == (Status.CONFIRMED, None)
    assert meeting.ends_at == slot(3).start + timedelta(hours=1)


async def test_the_uid_of_a_party_never_changes(asked: Database) -> None:
    uids = sa.select(parties.c.uid).order_by(parties.c.number)
    before = await asked.read(lambda c: c.execute(uids).scalars().all())

    await orders.carry_out(asked)

    assert await asked.read(lambda c: c.execute(uids).scalars().all()) == before
