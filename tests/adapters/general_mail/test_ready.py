"""Ready MIME: what of it is sent, and what is refused by name."""

from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import SMTP, compat32, default
from email.utils import collapse_rfc2231_value
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.calendar_mail.writing.errors import CannotWrite
from adapters.general_mail.composing import GeneralMailWriter
from adapters.general_mail.ready import LARGEST_MIME
from domain.errors import BadInput
from domain.outbox.requests import ReadyMime
from tests.adapters.calendar_mail.writing import reading
from tests.adapters.message_orders import MAIL_DOMAIN, order
from tests.adapters.outbox_rows import NOON

PLAIN = b"Subject: Hello\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nhello\r\n"


def sent(raw: bytes) -> bytes:
    asked = order(content=ReadyMime(raw=raw))
    return GeneralMailWriter(MAIL_DOMAIN).compose(asked, "b+x@parley.example", NOON).raw


def made() -> EmailMessage:
    """A mail as the standard library makes it, with an attachment."""
    message = EmailMessage()
    message["From"] = "The Shop <shop@example.net>"
    message["To"] = "Ada <ada@example.org>"
    message["Subject"] = "Grüße: Ihre Rechnung"
    message["Date"] = "Mon, 01 Mar 2027 12:00:00 +0000"
    message["Message-ID"] = "<theirs@example.net>"
    message["References"] = "<one@example.net> <two@example.net>"
    message.set_content("Hallo", cte="quoted-printable")
    message.add_alternative("<p>Hallo</p>", subtype="html", cte="base64")
    message.add_attachment(b"%PDF-1.7 \x00\xff", "application", "pdf", filename="rechnung.pdf")
    return message


def test_a_mail_of_the_standard_library_is_sent_with_our_headers() -> None:
    raw = sent(made().as_bytes(policy=SMTP))

    message = reading.parsed(raw)
    assert message.keys() == [
        *("Date", "From", "To", "Subject", "Message-ID", "References"),
        *("Auto-Submitted", "X-Auto-Response-Suppress", "MIME-Version", "Content-Type"),
        "Content-Transfer-Encoding",
    ]
    assert message["From"].addresses[0].addr_spec == "no-reply@parley.example"
    assert message["Subject"] == "Grüße: Ihre Rechnung"
    assert message["Message-ID"] != "<theirs@example.net>"
    assert message["References"].split() == ["<one@example.net>", "<two@example.net>"]
    [attached] = list(message.iter_attachments())
    assert attached.get_filename() == "rechnung.pdf"
    assert attached.get_payload(decode=True) == b"%PDF-1.7 \x00\xff"


def test_the_body_is_kept_octet_for_octet() -> None:
    whole = made().as_bytes(policy=SMTP)

    assert sent(whole).partition(b"\r\n\r\n")[2] == whole.partition(b"\r\n\r\n")[2]


def test_bare_line_feeds_become_line_ends() -> None:
    assert sent(PLAIN.replace(b"\r\n", b"\n")) == sent(PLAIN)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"Bcc: x@y.example\r\n" + PLAIN, "Bcc is not taken over"),
        (b"Cc: x@y.example\r\n" + PLAIN, "Cc is not taken over"),
        (b"bCC : x@y.example\r\n" + PLAIN, "is none"),
        (b"Resent-To: x@y.example\r\n" + PLAIN, "Resent-To is not taken over"),
        (b"Reply-To: x@y.example\r\n" + PLAIN, "say it as `reply_to`"),
        (b"X-Anything: x\r\n" + PLAIN, "leave it out"),
        (b"DKIM-Signature: v=1\r\n" + PLAIN, "leave it out"),
        (b"Subject: twice\r\n" + PLAIN, "twice"),
        (b"To: ben@example.org\r\n" + PLAIN, "somebody else"),
        (b"To: ada@example.org, ben@example.org\r\n" + PLAIN, "somebody else"),
        (b"To: undisclosed-recipients:;\r\n" + PLAIN, "somebody else"),
        (b"References: <a@b>\r\n\tBcc: x@y.example\r\n" + PLAIN, "something else than Message"),
        (PLAIN.replace(b"hello", b"h\xc3\xa9llo"), "8-bit"),
        (PLAIN.replace(b"hello", b"a\rb"), "bare CR"),
        (PLAIN.replace(b"hello", b"a\0b"), "NUL"),
        (PLAIN.replace(b"Subject: Hello\r\n", b""), "no Subject"),
        (PLAIN.replace(b"Hello", b"=?nonsense?q?x?="), "cannot be decoded"),
        (PLAIN.replace(b"Hello", b"=?zip?b?eA==?="), "cannot be decoded"),
        (PLAIN.replace(b"Hello", b"=?utf-8?b?a?="), "cannot be decoded"),
        (PLAIN.replace(b"Hello", b"x" * 201), "Subject has more than 200"),
        (PLAIN.replace(b"hello", b"x" * 999), "998"),
        (PLAIN.replace(b"hello", b"x" * LARGEST_MIME), "more than"),
        (b"Subject: no body", "no empty line"),
        (b"no header\r\n" + PLAIN, "is none"),
        (b"".join(b"In-Reply-To: <%d@x>\r\n" % n for n in range(70)) + PLAIN, "60 headers"),
        (b"Content-Transfer-Encoding: binary\r\n" + PLAIN, "Encode the mail"),
        (b"Subject: x\r\nContent-Type: multipart/mixed\r\n\r\nx\r\n", "needs a boundary"),
        (
            b'Subject: x\r\nContent-Type: multipart/mixed; boundary="a"\r\n\r\n--a\r\n\r\nx\r\n',
            "begin and end",
        ),
        (b"", "no empty line"),
    ],
)
def test_what_would_not_be_sent_as_it_is_is_refused_by_name(raw: bytes, words: str) -> None:
    with pytest.raises(BadInput, match=words) as refusal:
        sent(raw)

    assert refusal.value.field == "mime"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                *(b"Subject: ", b"To: ", b"Bcc: ", b"\r\n", b"\n", b"\r", b" ", b"\t", b":"),
                *(b"Content-Type: ", b"multipart/mixed; boundary=", b"text/plain", b"--a", b"a"),
                *(b"<x@y>", b"=?utf-8?q?=0D=0A?=", b"\0", b"\xff", b'"', b"(", b"References: "),
            ]
        ),
        max_size=30,
    ).map(b"".join)
)
def test_any_octets_are_refused_or_sent_as_meant(pieces: bytes) -> None:
    """Nothing but a refusal that names the field, or a mail whose headers are ours."""
    try:
        raw = sent(pieces)
    except (BadInput, CannotWrite):
        return

    names = reading.parsed(raw).keys()
    assert names[:5] == ["Date", "From", "To", "Subject", "Message-ID"]
    assert "Bcc" not in names


def test_a_subject_of_very_many_words_costs_nothing() -> None:
    """A header of 360 KB of encoded-words took 2.7 GB to decode (mail-safety §7)."""
    with pytest.raises(BadInput, match="far too long"):
        sent(PLAIN.replace(b"Hello", b"=?utf-8?q?x?= " * 5000))


@pytest.mark.parametrize("control", [*range(1, 9), *range(11, 13), *range(14, 32), 127])
@pytest.mark.parametrize(
    "name", [b"Content-Type: text/plain;", b"Subject: x", b"References: <a@b>"]
)
def test_control_characters_end_no_line_further_on(name: bytes, control: int) -> None:
    """Python's email package makes a header line of what follows a form feed."""
    smuggled = name + bytes([control]) + b"Bcc: evil@x.example\r\n"

    with pytest.raises(BadInput, match="control characters"):
        sent(smuggled + b"\r\nhello\r\n")


@pytest.mark.parametrize(
    "raw",
    [
        PLAIN.replace(b"charset", b"\r\n \t\r\n charset"),
        b"Content-Disposition:\r\n  \r\n" + PLAIN,
        PLAIN.replace(b"us-ascii\r\n", b"us-ascii\r\n \r\n"),
    ],
)
def test_a_header_has_no_line_of_spaces(raw: bytes) -> None:
    with pytest.raises(BadInput, match="only spaces"):
        sent(raw)


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Type: ;;;=",
        b"Content-Type: text",
        b"Content-Type: text/plain (plain)",
        b"Content-Type: text/plain; charset=utf 8",
        b'Content-Type: text/plain; name="a\\"b"',
        b"Content-Type: text/plain; charset=utf-8; Charset=utf-7",
        b'Content-Type: text/plain; name="=?utf-8?q?=0D=0ABcc:_x?="',
        b"Content-Type: multipart/mixed; boundary*=utf-8''a",
        b'Content-Type: multipart/mixed; boundary="a "',
        b"Content-Disposition: attachment; filename*=utf-8''%0D%0ABcc:x",
        b"Content-Disposition: attachment; filename*=zlib''x",
        b"Content-Type: text/plain; name*=a; name*0=b",
        b"Content-Disposition: attachment; filename*=utf-8''a; FILENAME*0=b",
        b"Content-Disposition: attachment; filename=a; filename*0=b",
        b"Content-Disposition: inline/x",
        b"Content-Language: en; x=y",
    ],
)
def test_headers_that_programs_read_differently_are_refused(header: bytes) -> None:
    with pytest.raises(BadInput, match="not the plain form"):
        sent(b"Subject: x\r\n" + header + b"\r\n\r\n--a\r\n\r\n--a--\r\n")


def test_a_reference_is_no_encoded_word() -> None:
    with pytest.raises(BadInput, match="something else than Message-IDs"):
        sent(b"References: <=?utf-8?q?=0D=0ABcc:x?=@y>\r\n" + PLAIN)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (b'Text/HTML ;\r\n\tCharset="UTF-8" ;', b'Text/HTML; Charset="UTF-8"'),
        (
            b'text/plain; charset=utf-8; format=flowed; name="' + b"n" * 30 + b'"',
            b'text/plain; charset=utf-8; format=flowed;\r\n name="' + b"n" * 30 + b'"',
        ),
    ],
)
def test_headers_about_content_are_folded_anew(given: bytes, written: bytes) -> None:
    raw = sent(b"Subject: x\r\nContent-Type: " + given + b"\r\n\r\nhello\r\n")

    assert b"\r\nContent-Type: " + written + b"\r\n" in raw


_NAMES = st.from_regex(r"[a-z]{1,12}", fullmatch=True)
_WORDS = st.from_regex(r"[!#$&+.^_`{|}~0-9A-Za-z-]{1,60}", fullmatch=True)
_QUOTED = st.text(st.sampled_from("aé=?_%'*;, @()/:x."), max_size=120)


def _parameter(name: str, value: str) -> str:
    if value.isascii():
        return f'{name}="{value}"'
    return f"{name}*=utf-8''{quote(value, safe='')}"


@settings(max_examples=80, deadline=None)
@given(
    given=st.dictionaries(_NAMES, _WORDS | _QUOTED, max_size=6),
    ids=st.lists(st.from_regex(r"<[a-z0-9.=?]{1,90}@x>", fullmatch=True), min_size=1, max_size=5),
    breaks=st.sampled_from([" ", "\r\n ", "\r\n\t", ""]),
)
def test_whoever_writes_a_mail_anew_keeps_its_structure(
    given: dict[str, str], ids: list[str], breaks: str
) -> None:
    """Python's own classes write long lines anew, and others ours."""
    parameters = "".join(f";{breaks}{_parameter(*one)}" for one in given.items())
    head = f"Subject: x\r\nReferences: {' '.join(ids)}\r\nContent-Disposition: inline{parameters}"
    try:
        raw = sent(head.encode() + b"\r\n\r\nhello\r\n")
    except BadInput:
        assert any("=?" in one for one in (*given.values(), *ids)) or "boundary" in given
        return

    read = [message_from_bytes(raw, policy=one).as_bytes() for one in (default, SMTP)]
    first, *others = [message_from_bytes(one, policy=compat32) for one in (raw, *read)]
    said = {name: collapse_rfc2231_value(value) for name, value in _said(first)}
    assert said == {"inline": "", **given}
    for other in others:
        assert other.keys() == first.keys()
        assert {key: collapse_rfc2231_value(value) for key, value in _said(other)} == said
        assert str(other.get_payload()).strip() == "hello"


def _said(message: Message) -> list[tuple[str, Any]]:
    return message.get_params([], "Content-Disposition") or []
