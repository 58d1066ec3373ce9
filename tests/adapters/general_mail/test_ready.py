"""Ready MIME: what of it is sent, and what is refused by name."""

from email.message import EmailMessage
from email.policy import SMTP

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
