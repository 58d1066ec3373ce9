"""What receivers need of a calendar mail before they draw its buttons (calendar-mail C, H)."""

import pytest
from icalendar import Calendar

from domain.meetings.letters import LetterKind
from domain.meetings.model import Partstat
from tests.adapters.calendar_mail.writing import reading
from tests.adapters.calendar_mail.writing.samples import (
    DOMAIN,
    NEEDS,
    YES,
    card,
    compose,
    letter,
    party,
    writer,
)

METHODS = {
    LetterKind.INVITATION: "REQUEST",
    LetterKind.RESCHEDULE: "REQUEST",
    LetterKind.CONFIRMATION: "REQUEST",
    LetterKind.CURRENT: "REQUEST",
    LetterKind.CANCELLATION: "CANCEL",
    LetterKind.PROPOSAL_DECLINED: "DECLINECOUNTER",
}
WORDS_ONLY = [kind for kind in LetterKind if kind not in METHODS]


@pytest.mark.parametrize("kind", METHODS)
def test_the_calendar_stands_last_in_the_alternative_and_once_as_a_file(kind: LetterKind) -> None:
    message = reading.parsed(compose(kind))

    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "text/calendar",
        "application/ics",
    ]
    assert [part.get_filename() for part in message.walk()][-1] == "invite.ics"


@pytest.mark.parametrize("kind", METHODS)
def test_both_copies_of_the_calendar_are_the_same_octets(kind: LetterKind) -> None:
    raw = compose(kind)

    assert reading.ics(raw) == reading.content(raw, "application/ics")


@pytest.mark.parametrize(("kind", "method"), METHODS.items())
def test_the_mime_label_names_the_method_of_the_object(kind: LetterKind, method: str) -> None:
    raw = compose(kind)

    assert reading.part(raw, "text/calendar").get_param("method") == method
    assert reading.value(reading.ics(raw), "METHOD") == method


@pytest.mark.parametrize("kind", WORDS_ONLY)
def test_letters_of_words_have_no_calendar(kind: LetterKind) -> None:
    message = reading.parsed(compose(kind))

    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]


@pytest.mark.parametrize("kind", WORDS_ONLY)
def test_letters_of_words_say_that_they_are_automatic(kind: LetterKind) -> None:
    message = reading.parsed(compose(kind))

    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "DR, RN, NRN, OOF, AutoReply"


@pytest.mark.parametrize("kind", METHODS)
def test_calendar_letters_do_not(kind: LetterKind) -> None:
    message = reading.parsed(compose(kind))

    assert message["Auto-Submitted"] is None
    assert message["X-Auto-Response-Suppress"] is None


def test_a_request_has_exactly_these_properties() -> None:
    assert reading.names(reading.ics(compose())) == [
        "BEGIN:VCALENDAR",
        "PRODID",
        "VERSION",
        "CALSCALE",
        "METHOD",
        "BEGIN:VEVENT",
        "UID",
        "SEQUENCE",
        "DTSTAMP",
        "DTSTART",
        "DTEND",
        "STATUS",
        "SUMMARY",
        "LOCATION",
        "DESCRIPTION",
        "ORGANIZER",
        "ATTENDEE",
        "ATTENDEE",
        "TRANSP",
        "X-MICROSOFT-DISALLOW-COUNTER",
        "END:VEVENT",
        "END:VCALENDAR",
    ]


def test_a_request_carries_the_decision() -> None:
    ics = reading.ics(compose(LetterKind.CURRENT, sequence=4))

    assert reading.value(ics, "UID") == party(2).uid
    assert reading.value(ics, "SEQUENCE") == "4"
    assert reading.value(ics, "DTSTAMP") == "20270201T083015Z"
    assert reading.value(ics, "DTSTART") == "20270301T090000Z"
    assert reading.value(ics, "DTEND") == "20270301T100000Z"
    assert reading.value(ics, "STATUS") == "CONFIRMED"
    assert reading.value(ics, "X-MICROSOFT-DISALLOW-COUNTER") == "FALSE"


def test_a_cancel_cancels_the_event() -> None:
    ics = reading.ics(compose(LetterKind.CANCELLATION))

    assert reading.value(ics, "STATUS") == "CANCELLED"
    assert reading.value(ics, "SEQUENCE") == "3"
    assert "X-MICROSOFT-DISALLOW-COUNTER" not in reading.names(ics)


def test_a_cancel_needs_no_time() -> None:
    ics = reading.ics(compose(LetterKind.CANCELLATION, slot=None))

    assert "DTSTART" not in reading.names(ics)


def test_a_refused_counter_echoes_the_sequence_and_shows_no_time_to_import() -> None:
    ics = reading.ics(compose(LetterKind.PROPOSAL_DECLINED, sequence=1))

    assert reading.value(ics, "SEQUENCE") == "1"
    assert not {"DTSTART", "DTEND", "STATUS"} & set(reading.names(ics))
    assert "Wednesday 3 March 2027, 14:30–15:15" in reading.value(ics, "COMMENT")
    assert reading.names(ics).count("ATTENDEE") == 1


@pytest.mark.parametrize(
    ("partstat", "asked"),
    [
        (Partstat.NEEDS_ACTION, True),
        (Partstat.TENTATIVE, True),
        (Partstat.DECLINED, True),
        (Partstat.ACCEPTED, False),
    ],
)
def test_whoever_has_accepted_is_not_asked_again(partstat: Partstat, asked: bool) -> None:
    ics = reading.ics(compose(LetterKind.CURRENT, partstats=(YES, partstat)))
    mine, theirs = [line.head for line in reading.lines(ics) if line.name == "ATTENDEE"]

    assert f"PARTSTAT={partstat.value}" in mine
    assert ("RSVP=TRUE" in mine) is asked
    assert "PARTSTAT=ACCEPTED" in theirs
    assert "RSVP" not in theirs


def test_from_reply_to_and_organizer_are_the_partys_own_address() -> None:
    raw = compose()
    message = reading.parsed(raw)
    organizer = reading.value(reading.ics(raw), "ORGANIZER")

    assert organizer == f"mailto:{party(2).reply_address}"
    for name in ("From", "Reply-To"):
        [mailbox] = message[name].addresses
        assert mailbox.addr_spec == party(2).reply_address
        assert mailbox.display_name == "Byron Introductions"


def test_the_envelope_is_the_partys_bounce_address() -> None:
    draft = writer().compose(letter(LetterKind.INVITATION), card())

    assert draft.mail_from == party(2).bounce_address
    assert draft.recipient == "bea@example.net"


def test_a_draft_is_known_by_its_business_key() -> None:
    draft = writer().compose(letter(LetterKind.RESCHEDULE, occasion=9), card())

    key = (draft.kind, draft.subject, draft.occasion, draft.recipient)
    assert key == ("meeting.reschedule", "meeting/7f3a5c", "9", "bea@example.net")
    assert reading.parsed(draft.raw)["Message-ID"] == draft.message_id


def test_every_occasion_has_its_own_message_id() -> None:
    def message_id(occasion: int, recipient: int = 2) -> str:
        about = letter(LetterKind.CURRENT, occasion=occasion, party=recipient)
        return writer().compose(about, card()).message_id

    ids = {message_id(3), message_id(4), message_id(3, recipient=1)}
    assert len(ids) == 3
    assert all(each.endswith(f"@{DOMAIN}>") for each in ids)


def test_later_letters_stand_in_the_thread_of_the_invitation() -> None:
    first = reading.parsed(compose())
    later = reading.parsed(compose(LetterKind.CANCELLATION, occasion=17))

    assert first["References"] is None
    assert later["References"] == later["In-Reply-To"] == first["Message-ID"]


def test_nothing_that_makes_outlook_or_servers_misbehave_is_sent() -> None:
    """calendar-mail C6 and section 5; a UID of the calendar itself is trap 4 of section 7."""
    for kind in METHODS:
        ics = reading.ics(compose(kind))
        assert b"X-MICROSOFT-CDO-APPT-SEQUENCE" not in ics
        assert b"SCHEDULE-" not in ics
        assert b"VTIMEZONE" not in ics
        assert ics.count(b"UID:") == 1


@pytest.mark.parametrize("kind", METHODS)
def test_icalendar_reads_the_object_without_errors(kind: LetterKind) -> None:
    calendar = Calendar.from_ical(reading.ics(compose(kind)))
    [event] = calendar.walk("VEVENT")

    assert event.errors == []
    assert str(event["SUMMARY"]) == "Coffee about engines"


def test_three_parties_see_one_another_by_name() -> None:
    about = card(parties=(party(1), party(2), party(3)))
    raw = compose(LetterKind.INVITATION, card=about, partstats=(YES, NEEDS, NEEDS))

    assert "Ada Lovelace and Person 3" in reading.text(raw)
    assert reading.names(reading.ics(raw)).count("ATTENDEE") == 3
