"""Both ends of the conversation: Parley's letters reach the programs, their answers reach Parley.

The two sides share no code, so agreement here is agreement about the standard.
"""

from datetime import UTC, datetime

import pytest

from adapters.attendees.calendar import AttendeeCalendar, Received
from adapters.attendees.invitation import read_invitation
from adapters.attendees.outlook import Outlook
from adapters.attendees.programs import CLIENTS
from adapters.attendees.windows_zones import WINDOWS_ZONES
from adapters.calendar_mail.reading.reader import read_mail
from domain.inbox.model import Verdict
from domain.meetings.letters import LetterKind
from tests.adapters.attendees.samples import BEA, NEW_END, NEW_START, NOW, outputs
from tests.adapters.calendar_mail.writing.samples import START, compose, party

INVITATION = read_invitation(compose())
ABLE = [name for name, client in CLIENTS.items() if client.can_propose]


@pytest.mark.parametrize("partstat", ["ACCEPTED", "TENTATIVE", "DECLINED"])
@pytest.mark.parametrize("program", CLIENTS)
def test_parley_understands_every_programs_answer(program: str, partstat: str) -> None:
    raw = CLIENTS[program].answer(INVITATION, *BEA, partstat, NOW, "It's fine; really, \\n yes")

    reading = read_mail(raw)

    assert reading.verdict is Verdict.ANSWER
    assert [(each.attendee, each.partstat) for each in reading.answers] == [
        ("bea@example.net", partstat)
    ]
    assert (reading.uid, reading.sequence, reading.dtstamp) == (party(2).uid, 0, NOW)
    assert reading.seen_start == START
    comments = [reading.text, *(each.comment or "" for each in reading.answers)]
    assert any("It's fine; really" in words for words in comments)


@pytest.mark.parametrize("program", ABLE)
def test_parley_understands_every_programs_proposal(program: str) -> None:
    raw = CLIENTS[program].propose(INVITATION, *BEA, NEW_START, NEW_END, NOW)

    reading = read_mail(raw)

    assert reading.verdict is Verdict.PROPOSAL
    assert reading.proposal is not None
    assert (reading.proposal.start, reading.proposal.end) == (NEW_START, NEW_END)
    assert [each.partstat for each in reading.answers] == ["TENTATIVE"]


@pytest.mark.parametrize("program", ABLE)
def test_a_proposal_may_decline_the_present_time(program: str) -> None:
    raw = CLIENTS[program].propose(INVITATION, *BEA, NEW_START, NEW_END, NOW, "DECLINED")

    assert [each.partstat for each in read_mail(raw).answers] == ["DECLINED"]


@pytest.mark.parametrize("zone", WINDOWS_ZONES)
@pytest.mark.parametrize("month", [1, 7])
def test_times_in_windows_zones_arrive_as_meant(zone: str, month: int) -> None:
    start = datetime(2027, month, 15, 20, 0, tzinfo=UTC)
    raw = Outlook(zone=zone).propose(INVITATION, *BEA, start, start.replace(hour=21), NOW)

    proposal = read_mail(raw).proposal

    assert proposal is not None
    assert (proposal.start, proposal.end) == (start, start.replace(hour=21))


def test_a_note_is_a_note() -> None:
    reading = read_mail(outputs()["note"])

    assert reading.verdict is Verdict.NOTE
    assert "Could we meet on Tuesday?" in reading.text


@pytest.mark.parametrize(
    ("kind", "done"),
    [
        (LetterKind.INVITATION, Received.DUPLICATE),
        (LetterKind.RESCHEDULE, Received.RESCHEDULED),
        (LetterKind.CONFIRMATION, Received.RESCHEDULED),
        (LetterKind.CURRENT, Received.RESCHEDULED),
        (LetterKind.CANCELLATION, Received.CANCELLED),
        (LetterKind.PROPOSAL_DECLINED, Received.COUNTER_DECLINED),
        (LetterKind.PROPOSAL_QUESTION, Received.WORDS),
        (LetterKind.ANSWER_REMINDER, Received.WORDS),
        (LetterKind.PROPOSAL_REMINDER, Received.WORDS),
        (LetterKind.MEETING_REMINDER, Received.WORDS),
        (LetterKind.NOTICE, Received.WORDS),
    ],
)
def test_an_attendees_calendar_follows_every_letter(kind: LetterKind, done: Received) -> None:
    calendar = AttendeeCalendar("bea@example.net")
    calendar.receive(compose())

    assert calendar.receive(compose(kind)) is done


def test_a_confirmation_updates_the_event_without_raising_its_sequence() -> None:
    """calendar-mail B3: same SEQUENCE, fresh DTSTAMP."""
    calendar = AttendeeCalendar("bea@example.net")
    calendar.receive(compose(LetterKind.INVITATION))

    later = compose(LetterKind.CONFIRMATION, sequence=0, at=NOW)

    assert calendar.receive(later) is Received.UPDATED
    assert calendar.partstat(party(2).uid) == "ACCEPTED"
