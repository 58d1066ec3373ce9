"""Whatever people write in titles, names, places and descriptions stays what it is: text.

Every mail is read back here with another parser than the one the writer checks itself with.
"""

import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from adapters.calendar_mail.writing import clean
from domain.meetings.letters import LetterKind
from tests.adapters.calendar_mail.writing import reading
from tests.adapters.calendar_mail.writing.samples import card, compose, party

HOSTILE = [
    "=?utf-8?q?hi=0D=0ABcc:_x=40y.example?=",
    "=?utf-8?b?aGkNCkJjYzogeEB5LmV4YW1wbGU=?=",
    "line\r\nBcc: x@y.example",
    "line\nBcc: x@y.example",
    "line\rBcc: x@y.example",
    "\n\n<b>body",
    "x\u2028Bcc: y\u2029z\x85w\x0bv\x0cu",
    "a\x00b\x1b[31mc\x7f\x9b",
    "\u202egnp.exe \u2066hidden\u2069",
    "half a pair \ud800 here",
    'quote " and \\" and \\',
    "semi; colon: comma, back\\slash \\n \\N ^n ^' ^^",
    'CN";ROLE=CHAIR:mailto:x@y.example',
    "END:VEVENT\r\nBEGIN:VEVENT\r\nUID:other",
    "END:VCALENDAR",
    "--=_m_boundary--",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "Bea <bea@evil.example>, Carl",
    "x@evil.example",
    "undisclosed-recipients:;",
    ".\r\n.\r\n",
    "From the start",
    "\t tabs \t and  spaces ",
    "%s %(name)s {0} {name}",
    "שלום עולם 🎉👩‍👩‍👧‍👦 مرحبا",
    "é" * 5000,
    "👩‍👩‍👧‍👦" * 300,
    "word " * 3000,
    "z\u0335\u0336\u0337" * 2000,
    "",
    "   ",
]

HEADERS = [
    *("Date", "From", "Reply-To", "To", "Subject", "Message-ID"),
    *("MIME-Version", "Content-Type"),
]

_FLUFF = '=?;:,"\\<>@\r\n\t .-_^%{}'
_TEXT = st.one_of(
    st.text(max_size=300),
    st.text(alphabet=string.ascii_letters + _FLUFF, max_size=300),
    st.sampled_from(HOSTILE),
    st.lists(st.sampled_from(HOSTILE), max_size=3).map("".join),
)


def _check(raw: bytes, title: str, name: str) -> None:
    message = reading.parsed(raw)
    assert message.keys() == HEADERS
    assert message.defects == []
    assert [mailbox.addr_spec for mailbox in message["To"].addresses] == ["bea@example.net"]
    assert [mailbox.addr_spec for mailbox in message["From"].addresses] == [party(2).reply_address]
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    _check_calendar(reading.ics(raw), title, name)


def _check_calendar(ics: bytes, title: str, name: str) -> None:
    names = reading.names(ics)
    assert names.count("BEGIN:VEVENT") == names.count("END:VCALENDAR") == 1
    assert names.count("UID") == names.count("ORGANIZER") == 1
    assert names.count("ATTENDEE") == 2
    assert reading.value(ics, "SUMMARY") == (clean.title(title) or "Meeting")
    [event] = Calendar.from_ical(ics).walk("VEVENT")
    attendees: Any = event["ATTENDEE"]
    mine, _ = attendees
    assert str(mine) == "mailto:bea@example.net"
    assert mine.params["CN"] == (clean.name(name) or "bea@example.net")
    assert mine.params["ROLE"] == "REQ-PARTICIPANT"


def _compose(title: str, name: str, place: str, about: str) -> bytes:
    people = (party(1, name=name), party(2, name=name))
    return compose(
        card=card(title=title, location=place, description=about, parties=people, organizer=name)
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    _check(_compose(text, text, text, text), text, text)


@settings(max_examples=150, deadline=None)
@given(title=_TEXT, name=_TEXT, place=_TEXT, about=_TEXT)
def test_any_text_stays_text(title: str, name: str, place: str, about: str) -> None:
    _check(_compose(title, name, place, about), title, name)


@settings(max_examples=40, deadline=None)
@given(kind=st.sampled_from(LetterKind), text=_TEXT)
def test_every_kind_of_letter_can_be_written_whatever_people_wrote(
    kind: LetterKind, text: str
) -> None:
    people = (party(1, name=text), party(2, name=text))
    message = reading.parsed(compose(kind, card=card(title=text, parties=people)))

    assert message.defects == []


def test_a_description_keeps_its_lines_and_links() -> None:
    about = "One\n\n  two https://example.org/?a=?b&c=d\\n\nthree; four, five\\"
    ics = reading.ics(compose(card=card(description=about)))

    assert reading.value(ics, "DESCRIPTION").startswith(about)


def test_encoded_words_in_a_title_are_shown_and_not_decoded() -> None:
    raw = compose(card=card(title="=?utf-8?q?hi=0D=0ABcc:_x=40y.example?="))

    assert "Bcc" not in reading.parsed(raw)
    assert "=\u200b?utf-8?q?hi=0D=0ABcc" in str(reading.parsed(raw)["Subject"])


def test_html_shows_markup_as_text() -> None:
    page = reading.page(compose(card=card(title="<script>alert(1)</script>", location="<b>")))

    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;b&gt;" in page


def test_html_fetches_nothing() -> None:
    page = reading.page(compose()).lower()

    assert not any(word in page for word in ("src=", "url(", "<link", "<script", "@import"))


@pytest.mark.parametrize(
    ("text", "limit"), [("a" * 300, 200), ("👩‍👩‍👧‍👦" * 100, 200), ("e\u0301\u0302" * 190, 200)]
)
def test_long_titles_end_in_an_ellipsis_between_letters(text: str, limit: int) -> None:
    cut = clean.title(text)

    assert len(cut) <= limit
    assert cut.endswith("…")
    assert not cut.endswith(("\u200d…", "é…"))
