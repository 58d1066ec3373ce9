"""The simulated programs write what captures of the real ones show (calendar-mail §3, §5)."""

import email
from email import policy
from email.message import EmailMessage

import pytest

from adapters.attendees.client import CannotPropose
from adapters.attendees.invitation import read_invitation
from adapters.attendees.lines import ContentLine, content_lines
from adapters.attendees.outlook import Outlook
from adapters.attendees.programs import CLIENTS
from domain.errors import BadInput
from tests.adapters.attendees.rewrite_golden import GOLDEN
from tests.adapters.attendees.samples import (
    BEA,
    NEW_END,
    NEW_START,
    NOW,
    UID,
    invitation,
    mail,
    outputs,
    proposal,
)

OUTPUTS = outputs()


def _message(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def _calendar(raw: bytes) -> EmailMessage:
    [part] = [each for each in _message(raw).walk() if each.get_content_type() == "text/calendar"]
    assert isinstance(part, EmailMessage)
    return part


def _lines(raw: bytes) -> list[ContentLine]:
    octets = _calendar(raw).get_payload(decode=True)
    assert isinstance(octets, bytes)
    assert all(len(line) <= 75 for line in octets.split(b"\r\n"))
    return content_lines(octets)


def _line(raw: bytes, name: str) -> ContentLine:
    """The first property of this name outside of zones and alarms."""
    lines = _lines(raw)
    begin = [f"{line.name}:{line.value}" for line in lines].index("BEGIN:VEVENT")
    return next(line for line in lines[begin:] if line.name == name)


def _names(raw: bytes) -> set[str]:
    return {line.name for line in _lines(raw)}


@pytest.mark.parametrize("name", OUTPUTS)
def test_each_program_writes_as_it_always_did(name: str) -> None:
    assert OUTPUTS[name] == (GOLDEN / f"{name}.eml").read_bytes()


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_mail_is_sound(name: str) -> None:
    message = _message(OUTPUTS[name])

    assert not any(part.defects for part in message.walk())
    assert message["From"].addresses[0].addr_spec == "bea@example.net"
    assert message["From"].addresses[0].display_name == "Béa Stone"
    assert message["To"].addresses[0].addr_spec == "r+token@parley.example"


@pytest.mark.parametrize("name", [name for name in OUTPUTS if name != "note"])
def test_every_calendar_names_the_event_and_its_revision(name: str) -> None:
    raw = OUTPUTS[name]

    assert _line(raw, "UID").value == UID
    assert _line(raw, "SEQUENCE").value == "0"
    assert _line(raw, "DTSTAMP").value == "20270202T101530Z"
    assert _line(raw, "ATTENDEE").value == "mailto:bea@example.net"


@pytest.mark.parametrize("partstat", ["ACCEPTED", "DECLINED"])
@pytest.mark.parametrize("program", CLIENTS)
def test_an_answer_carries_its_partstat(program: str, partstat: str) -> None:
    raw = OUTPUTS[f"{program}-{partstat.lower()}"]

    assert _line(raw, "ATTENDEE").params["PARTSTAT"] == partstat
    assert [line.value for line in _lines(raw) if line.name == "METHOD"] == ["REPLY"]
    assert _calendar(raw).get_param("method") == "REPLY"


def test_google_says_a_persons_answer_is_automatic_and_hides_the_note_in_the_attendee() -> None:
    raw = OUTPUTS["google-accepted"]

    assert _message(raw)["Auto-Submitted"] == "auto-generated"
    assert _line(raw, "ATTENDEE").params["X-RESPONSE-COMMENT"] == r"It&#39\;s fine"
    assert "X-MICROSOFT-DISALLOW-COUNTER" in _names(raw)
    assert "BEGIN:VALARM" in {f"{line.name}:{line.value}" for line in _lines(raw)}


def test_google_proposes_with_a_counter_that_copies_the_event() -> None:
    raw = OUTPUTS["google-proposal"]

    assert _calendar(raw).get_param("method") == "COUNTER"
    assert _line(raw, "DTSTART").value == "20270609T130000Z"
    assert _line(raw, "DTEND").value == "20270609T140000Z"
    assert _line(raw, "DESCRIPTION").text.startswith("One\nTwo")
    assert sum(line.name == "ATTENDEE" for line in _lines(raw)) == 2  # one is the alarm's


def test_the_google_of_2021_labels_its_counter_a_reply() -> None:
    raw = OUTPUTS["google-proposal-2021"]

    assert _calendar(raw).get_param("method") == "REPLY"
    assert [line.value for line in _lines(raw) if line.name == "METHOD"] == ["COUNTER"]


def test_outlook_leaves_the_organizer_out_and_attaches_nothing() -> None:
    raw = OUTPUTS["outlook-accepted"]

    assert "ORGANIZER" not in _names(raw)
    assert [part.get_content_type() for part in _message(raw).walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
        "text/calendar",
    ]
    assert _calendar(raw)["Content-Transfer-Encoding"] == "base64"
    assert _line(raw, "SUMMARY").text == "Accepted: Coffee, quickly"
    assert _line(OUTPUTS["outlook-declined"], "STATUS").value == "CONFIRMED"


def test_outlook_writes_times_in_a_windows_zone_it_defines() -> None:
    raw = OUTPUTS["outlook-proposal"]

    start = _line(raw, "DTSTART")
    assert start.params["TZID"] == "W. Europe Standard Time"
    assert start.value == "20270609T150000"  # summer in Berlin
    assert _line(raw, "X-MS-OLK-ORIGINALSTART").value == "20270301T100000"  # winter
    assert ("TZID", "W. Europe Standard Time") in {(line.name, line.value) for line in _lines(raw)}
    assert _message(raw)["Subject"] == "New Time Proposed: Coffee, quickly"


@pytest.mark.parametrize(
    ("zone", "tzid", "local"),
    [
        ("America/New_York", "Eastern Standard Time", "20270609T090000"),
        ("Asia/Kolkata", "India Standard Time", "20270609T183000"),
        ("UTC", "UTC", "20270609T130000"),
    ],
)
def test_outlook_follows_the_zone_of_its_machine(zone: str, tzid: str, local: str) -> None:
    start = _line(proposal(Outlook(zone=zone)), "DTSTART")

    assert (start.params["TZID"], start.value) == (tzid, local)


def test_outlook_sends_a_line_break_for_a_comment_that_was_not_written() -> None:
    raw = CLIENTS["outlook"].answer(invitation(), *BEA, "ACCEPTED", NOW)

    assert _line(raw, "COMMENT").value == r"\n"


def test_apple_proposes_in_a_parameter_and_leaves_the_event_as_it_was() -> None:
    raw = OUTPUTS["apple-proposal"]
    attendee = _line(raw, "ATTENDEE")

    assert attendee.params["TO-ALL-PROPOSED-NEW-TIME"] == "DTSTART:20270609T130000Z;STATUS:;"
    assert attendee.params["PARTSTAT"] == "TENTATIVE"
    assert _line(raw, "DTSTART").value == "20270301T090000Z"


def test_thunderbird_cannot_propose_and_says_what_to_do() -> None:
    with pytest.raises(CannotPropose, match="note in words"):
        CLIENTS["thunderbird"].propose(invitation(), *BEA, NEW_START, NEW_END, NOW)


def test_the_table_says_who_can_propose() -> None:
    able = {name for name, client in CLIENTS.items() if client.can_propose}

    assert able == {"google", "outlook", "apple"}


def test_a_note_is_a_reply_without_a_calendar() -> None:
    message = _message(OUTPUTS["note"])

    assert message.get_content_type() == "text/plain"
    assert message["In-Reply-To"] == "<first@parley.example>"
    assert message["Subject"] == "Re: Invitation: Coffee"


@pytest.mark.parametrize("program", CLIENTS)
def test_an_event_without_a_time_cannot_be_answered(program: str) -> None:
    timeless = mail().replace(b"DTSTART:20270301T090000Z\r\n", b"")

    with pytest.raises(BadInput, match="no time"):
        CLIENTS[program].answer(read_invitation(timeless), *BEA, "ACCEPTED", NOW)


@pytest.mark.parametrize("program", CLIENTS)
def test_two_answers_are_two_messages_and_one_answer_is_one(program: str) -> None:
    def answer(partstat: str) -> bytes:
        return CLIENTS[program].answer(invitation(), *BEA, partstat, NOW)

    assert answer("ACCEPTED") == answer("ACCEPTED")
    first, second = _message(answer("ACCEPTED")), _message(answer("DECLINED"))
    assert first["Message-ID"] != second["Message-ID"]
