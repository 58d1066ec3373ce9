"""The writer's last look finds what an encoder got wrong."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from adapters.calendar_mail.writing.errors import CannotWrite
from adapters.calendar_mail.writing.inspection import check
from adapters.calendar_mail.writing.plan import calendar_object
from adapters.calendar_mail.writing.subject import subject_of
from adapters.calendar_mail.writing.wording import Reader
from domain.meetings.letters import LetterKind
from tests.adapters.calendar_mail.writing import reading
from tests.adapters.calendar_mail.writing.samples import card, compose, letter

RAW = compose()
READER = Reader(letter(LetterKind.INVITATION), card())


def _check(raw: bytes) -> None:
    headers = reading.parsed(RAW).keys()
    check(raw, headers, subject_of(READER), {"To": "bea@example.net"}, calendar_object(READER))


def test_a_sound_mail_passes() -> None:
    _check(RAW)


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: b"Bcc: x@example.com\r\n" + raw,
        lambda raw: raw.replace(b"Reply-To: ", b"Errors-To: ", 1),
        lambda raw: raw.replace(b"To: Bea Stone", b"To: x@example.com, Bea Stone", 1),
        lambda raw: raw.replace(b"Subject: Invitation", b"Subject: Invitations", 1),
        lambda raw: raw.replace(b"\r\n\r\n", b"\r\n\r\nx\r\n\r\n", 1)[:2000],
        lambda raw: raw.replace(b"method=REQUEST", b"method=REPLY", 1),
        lambda raw: raw.replace(b"DTSTART:20270301T090000Z", b"DTSTART:20270301T093000Z", 1),
        lambda raw: raw.replace(b"text/html", b"text/plain", 1),
        lambda raw: raw.replace(b"application/ics", b"application/pdf", 1),
    ],
)
def test_a_damaged_mail_does_not_leave(damage: Callable[[bytes], bytes]) -> None:
    damaged = damage(RAW)
    assert damaged != RAW

    with pytest.raises(CannotWrite):
        _check(damaged)


def test_a_calendar_that_says_something_else_does_not_leave() -> None:
    planned = calendar_object(READER)
    assert planned is not None
    headers = reading.parsed(RAW).keys()

    for other in (
        replace(planned, sequence=9),
        replace(planned, uid="other"),
        replace(planned, location=None),
        replace(planned, guests=planned.guests[:1]),
        replace(planned, comment="hello"),
        replace(planned, method="CANCEL"),
    ):
        with pytest.raises(CannotWrite):
            check(RAW, headers, subject_of(READER), {"To": "bea@example.net"}, other)


def test_a_refusal_quotes_no_user_text() -> None:
    with pytest.raises(CannotWrite) as refusal:
        _check(RAW.replace(b"Subject: Invitation", b"Subject: Secret", 1))

    assert "Secret" not in str(refusal.value)
