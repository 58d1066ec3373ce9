"""Whatever stands in the fields of an integrator's mail stays what it is: text.

Every mail is read back here with another parser than the one the writer checks itself with.
"""

from email import policy
from email.headerregistry import Address
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.calendar_mail.writing import clean
from adapters.general_mail.composing import GeneralMailWriter
from domain.outbox.requests import Correspondent, Words
from domain.outbox.templates import render, render_html
from domain.values import scrubbed
from tests.adapters.calendar_mail.writing import reading
from tests.adapters.calendar_mail.writing.test_injection import _TEXT, HOSTILE
from tests.adapters.message_orders import MAIL_DOMAIN, order
from tests.adapters.outbox_rows import NOON

HEADERS = [
    *("Date", "From", "Reply-To", "To", "Subject", "Message-ID"),
    *("Auto-Submitted", "X-Auto-Response-Suppress", "MIME-Version"),
]
UNSUBSCRIBE = (
    ("List-Unsubscribe", "<https://parley.example/u/token>"),
    ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
)


def composed(words: Words, name: str, **more: Any) -> bytes:
    asked = order(
        content=words,
        recipient=Correspondent(address="ada@example.org", name=name),
        reply_to=Correspondent(address="shop@example.net", name=name),
        sender_name=name,
    )
    return GeneralMailWriter(MAIL_DOMAIN).compose(asked, "b+x@parley.example", NOON, **more).raw


def check(raw: bytes, words: Words, name: str) -> None:
    message = reading.parsed(raw)
    assert message.keys()[:9] == HEADERS
    assert set(message.keys()[9:]) <= {"Content-Type", "Content-Transfer-Encoding"}
    assert message.defects == []
    assert str(message["Subject"]) == clean.title(words.subject)
    for header, address in (
        ("From", f"no-reply@{MAIL_DOMAIN}"),
        ("Reply-To", "shop@example.net"),
        ("To", "ada@example.org"),
    ):
        [mailbox] = message[header].addresses
        assert isinstance(mailbox, Address)
        assert mailbox.addr_spec == address
        # This parser puts a space between neighbouring encoded-words of a name (python/cpython).
        assert "".join(mailbox.display_name.split()) == "".join(clean.name(name).split())
    assert raw.isascii()
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    check_bodies(raw, words)


def check_bodies(raw: bytes, words: Words) -> None:
    kinds = [part.get_content_type() for part in reading.parsed(raw).walk()]
    whole = ["multipart/alternative", "text/plain", "text/html"]
    assert kinds == (["text/plain"] if words.html is None else whole)
    assert reading.text(raw) == scrubbed(words.text, limit=100_000) + "\n"
    if words.html is not None:
        page = reading.page(raw).replace("\r\n", "\n")
        assert page == scrubbed(words.html, limit=100_000) + "\n"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    words = Words(subject=text, text=text, html=text)

    check(composed(words, text), words, text)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_values_stay_text_in_a_template(text: str) -> None:
    values = {"it": text}
    words = Words(
        subject=render("About {{ it }}!", values, limit=100_000, field="subject"),
        text=render("Hello,\n{{ it }}\nBye", values, limit=100_000, field="text"),
        html=render_html('<p title="{{ it }}">{{it}}</p>', values, limit=100_000, field="html"),
    )

    raw = composed(words, text)

    check(raw, words, text)
    assert "<script" not in reading.page(raw)
    assert "<img" not in reading.page(raw)


@settings(max_examples=120, deadline=None)
@given(subject=_TEXT, name=_TEXT, text=_TEXT, html=st.none() | _TEXT)
def test_any_text_stays_text(subject: str, name: str, text: str, html: str | None) -> None:
    words = Words(subject=subject, text=text, html=html)

    check(composed(words, name), words, name)


def test_equal_orders_give_equal_bytes() -> None:
    words = Words(subject="Hello", text="there", html="<b>there</b>")

    assert composed(words, "Ada") == composed(words, "Ada")


def test_what_lets_one_unsubscribe_stands_in_the_headers() -> None:
    raw = composed(Words(subject="News", text="none"), "Ada", unsubscribe=UNSUBSCRIBE)

    message = reading.parsed(raw)
    assert [message[name] for name, _ in UNSUBSCRIBE] == [value for _, value in UNSUBSCRIBE]


def test_a_header_that_is_none_of_ours_cannot_be_slipped_in() -> None:
    """The last look works: lines that read back as more than was meant are not sent."""
    smuggled = (("List-Unsubscribe", "<https://x.example>\r\nBcc: <x@y.example>"),)

    with pytest.raises(Exception, match="read back differently: Bcc"):
        composed(Words(subject="News", text="none"), "Ada", unsubscribe=smuggled)


def test_the_parsers_of_this_test_and_of_the_writer_differ() -> None:
    message = reading.parsed(composed(Words(subject="x", text="y"), "Ada"))

    assert message.policy is policy.default
