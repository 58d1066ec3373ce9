"""The attendee's calendar applies mails as RFC 5546 tells a receiver to."""

from datetime import UTC, datetime

import pytest

from adapters.attendees.calendar import AttendeeCalendar, Received
from tests.adapters.attendees.samples import UID, mail


def later(method: str = "REQUEST", sequence: int = 1) -> bytes:
    return mail(method, sequence=sequence, start="20270303T090000Z", end="20270303T100000Z")


def _received(*mails: bytes) -> tuple[AttendeeCalendar, list[Received]]:
    calendar = AttendeeCalendar("bea@example.net")
    return calendar, [calendar.receive(raw) for raw in mails]


@pytest.mark.parametrize(
    ("mails", "done"),
    [
        ([mail()], ["added"]),
        ([mail(), mail()], ["added", "duplicate"]),
        ([mail(), later()], ["added", "rescheduled"]),
        ([mail(), mail(stamp="20270202T000000Z")], ["added", "updated"]),
        ([mail(stamp="20270202T000000Z"), mail()], ["added", "outdated"]),
        ([mail(sequence=1), mail(stamp="20270302T000000Z")], ["added", "outdated"]),
        ([mail(), mail("CANCEL", sequence=1)], ["added", "cancelled"]),
        ([mail(sequence=2), mail("CANCEL", sequence=1)], ["added", "outdated"]),
        (
            [mail(), mail("CANCEL", sequence=1), mail("CANCEL", sequence=1)],
            ["added", "cancelled", "duplicate"],
        ),
        ([mail("CANCEL", sequence=1)], ["ignored"]),
        (
            [mail(), mail("CANCEL", sequence=1), mail(sequence=2)],
            ["added", "cancelled", "rescheduled"],
        ),
        ([mail(), mail("DECLINECOUNTER")], ["added", "counter-declined"]),
        (
            [mail(), mail("DECLINECOUNTER"), mail("DECLINECOUNTER")],
            ["added", "counter-declined", "duplicate"],
        ),
        ([mail("DECLINECOUNTER")], ["ignored"]),
        ([mail("PUBLISH")], ["ignored"]),
        ([mail(attendee="somebody@example.com")], ["ignored"]),
        ([b"Subject: hello\r\n\r\nwords\r\n"], ["words"]),
    ],
)
def test_mails_do_what_the_standard_says(mails: list[bytes], done: list[str]) -> None:
    calendar, received = _received(*mails)

    assert received == done
    assert [each for each, _ in calendar.log] == done


def test_the_newest_revision_stands_in_the_calendar() -> None:
    calendar, _ = _received(mail(), later(), mail())

    entry = calendar.entries[UID]
    assert entry.slot[0] == datetime(2027, 3, 3, 9, 0, tzinfo=UTC)
    assert [version.sequence for version in entry.versions] == [0, 1]


def test_a_refused_counter_leaves_the_event_alone() -> None:
    calendar, _ = _received(mail(), later("DECLINECOUNTER", sequence=0))

    entry = calendar.entries[UID]
    assert entry.current.method == "REQUEST"
    assert len(entry.refusals) == 1


def test_an_answer_shows_until_the_organizer_says_otherwise() -> None:
    calendar, _ = _received(mail())
    calendar.answered(UID, "ACCEPTED")
    assert calendar.partstat(UID) == "ACCEPTED"

    calendar.receive(later())

    assert calendar.partstat(UID) == "NEEDS-ACTION"
