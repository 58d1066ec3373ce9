"""What a mail shows besides its answer: the revision its sender saw, and whom it names."""

from datetime import UTC, datetime

import pytest

from adapters.calendar_mail.reading.reader import read_mail
from domain.inbox.model import Reading, Verdict

ALICE, ALIAS = "alice@example.org", "a+alias@parley.example"
NINE, TEN, NOON = (datetime(2027, 3, 1, hour, tzinfo=UTC) for hour in (9, 10, 12))
SLOT = "DTSTART:20270301T090000Z\nDTEND:20270301T100000Z"
ORIGINAL = SLOT.replace("DTSTART", "X-MS-OLK-ORIGINALSTART").replace(
    "DTEND", "X-MS-OLK-ORIGINALEND"
)
LATER = "DTSTART:20270301T120000Z\nDTEND:20270301T130000Z"


def read(method: str, lines: str) -> Reading:
    return read_mail(
        f"From: {ALICE}\nTo: r+token@parley.example\n"
        f"Content-Type: text/calendar; method={method}\n\n"
        f"BEGIN:VCALENDAR\nMETHOD:{method}\nBEGIN:VEVENT\nUID:1\n{lines}\n"
        f"ATTENDEE;PARTSTAT=TENTATIVE:mailto:{ALICE}\nEND:VEVENT\nEND:VCALENDAR".encode()
    )


@pytest.mark.parametrize(
    ("method", "lines", "seen"),
    [
        ("REPLY", SLOT, (NINE, TEN)),
        ("REPLY", "DTSTART:20270301T090000Z\nDURATION:PT1H", (NINE, TEN)),
        ("REPLY", "DTSTART:20270301T090000Z", (NINE, None)),
        ("REPLY", "SUMMARY:x", (None, None)),
        ("REPLY", f"{LATER}\n{ORIGINAL}", (NINE, TEN)),
        ("COUNTER", f"{LATER}\n{ORIGINAL}", (NINE, TEN)),
        ("COUNTER", SLOT, (None, None)),  # what it proposes, not what it saw
    ],
)
def test_the_revision_that_the_sender_saw_is_told_by_its_times(
    method: str, lines: str, seen: tuple[datetime | None, datetime | None]
) -> None:
    reading = read(method, lines)

    assert (reading.seen_start, reading.seen_end) == seen


@pytest.mark.parametrize("organizer", ["ORGANIZER:mailto:r+token@parley.example", "SUMMARY:x"])
def test_all_attendees_are_named_but_the_organizer(organizer: str) -> None:
    """A CANCEL answers nothing, and its attendees tell whose it is."""
    others = f"ATTENDEE:mailto:{ALIAS}\nATTENDEE;ROLE=CHAIR:mailto:r+token@parley.example"

    reading = read("CANCEL", f"{organizer}\n{others}")

    assert reading.verdict is Verdict.CANCELLATION
    assert reading.attendees == (ALIAS, ALICE)
