"""Nothing that arrives may raise: neither noise nor real mail with a bit of damage."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.calendar_mail.reading.problems import MOST
from adapters.calendar_mail.reading.reader import read_calendar, read_mail
from domain.inbox.model import Reading

CORPUS = Path(__file__).parents[1] / "corpus"
SEEDS = sorted(path.read_bytes() for path in CORPUS.glob("*/*"))
_SPICES = [
    b"", b"\r\n", b"\n ", b"\0", b"\xff", b'"', b":", b";", b"=", b"=?utf-8?q?=0D=0A?=", b"--b\r\n",
    b"BEGIN:VEVENT\r\n", b"END:VCALENDAR\r\n", b"RECURRENCE-ID:x\r\n", b"TZID=", b"\\", b"%00",
    b"\xed\xa0\x80", b"charset=utf-16", b"Content-Transfer-Encoding: base64\r\n",
]  # fmt: skip
_quick = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A mail of the corpus with a few cuts and insertions."""
    raw = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 200)))
        spice = draw(st.sampled_from(_SPICES) | st.binary(max_size=20))
        raw = raw[:start] + spice * draw(st.integers(0, 3)) + raw[end:]
    return raw


def assert_sound(reading: Reading) -> None:
    assert not any("gave up" in problem for problem in reading.problems)
    assert len(reading.problems) <= MOST
    assert Reading.model_validate_json(reading.model_dump_json()) == reading


@_quick
@given(damaged())
def test_damaged_mail_is_read_without_giving_up(raw: bytes) -> None:
    assert_sound(read_mail(raw))
    assert_sound(read_calendar(raw))


@_quick
@given(st.binary(max_size=400))
def test_noise_is_read_without_giving_up(raw: bytes) -> None:
    assert_sound(read_mail(raw))
    assert_sound(read_mail(b"From: a@example.org\r\nContent-Type: text/calendar\r\n\r\n" + raw))
    assert_sound(read_calendar(b"BEGIN:VCALENDAR\r\nMETHOD:COUNTER\r\nBEGIN:VEVENT\r\n" + raw))


@_quick
@given(st.text(max_size=200), st.sampled_from(["DTSTART", "ATTENDEE", "RRULE", "DURATION", "UID"]))
def test_no_value_of_a_property_makes_the_reader_give_up(value: str, name: str) -> None:
    text = f"BEGIN:VCALENDAR\nMETHOD:COUNTER\nBEGIN:VEVENT\nDTSTART:20270301T090000Z\n{name}"

    assert_sound(read_calendar(f"{text}:{value}\nEND:VEVENT".encode("utf-8", "replace")))
    assert_sound(read_calendar(f"{text};{value}\nEND:VEVENT".encode("utf-8", "replace")))
