"""Ready MIME of an integrator: which of its headers count, and whether its body may go as it is.

The body is kept octet for octet and not parsed here, so it costs nothing to be hostile in it. Of
the headers those about content and thread are kept; the ones that are Parley's to set are
replaced; everything else is refused by name, rather than lost or passed on unseen.
"""

import re
from dataclasses import dataclass
from email import policy
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import collapse_rfc2231_value

from adapters.calendar_mail.writing import clean, headers, mime
from adapters.general_mail.content import NotPlain, tidied
from domain.errors import BadInput
from domain.outbox.requests import SUBJECT_LIMIT

LARGEST_MIME = 180_000
"""Octets; in base64 they fit into the body of a request."""

_FIELD = "mime"
_MOST_HEADERS = 60
_LONGEST_HEADER = 2000
_LONGEST_LINE = 998  # RFC 5322 §2.1.1
_CONTENT = ("content-type", "content-transfer-encoding", "content-disposition", "content-language")
_THREAD = {"in-reply-to": "In-Reply-To", "references": "References"}
_REPLACED = frozenset({"date", "from", "sender", "to", "subject", "message-id", "mime-version"})
_INSTEAD = {
    "reply-to": "say it as `reply_to`",
    "bcc": "a message has one recipient; ask for one message each",
    "cc": "a message has one recipient; ask for one message each",
}
_ENCODINGS = frozenset({"7bit", "quoted-printable", "base64"})
_HEADER = re.compile(rb"([!-9;-~]{1,76}):[ \t]*(.*)", re.DOTALL)
# More than these ends a line for Python's email package, a blank line of a header for others.
_HEAD = re.compile(rb"[\t\r\n -~]*")
_BLANK_LINE = re.compile(rb"(?m)^[ \t]+\r?$")
_MSG_IDS = re.compile(r"<[!-;=?-~]{1,250}>([ \t]+<[!-;=?-~]{1,250}>){0,19}")
_ADDRESS = re.compile(r"[^\s<>,;:\"()]+@[^\s<>,;:\"()]+")


@dataclass(frozen=True)
class Ready:
    """What was taken over: the decoded subject, the thread, and the body with its headers."""

    subject: str
    thread: tuple[tuple[str, str], ...]
    body: mime.Part


def read(raw: bytes, recipient: str) -> Ready:
    """The usable part of `raw`, a mail to `recipient`. Raises `BadInput` about `mime`."""
    head, body = _split(_with_crlf(raw))
    found = _headers(head)
    _need_recipient(found.get("to"), recipient)
    subject = _subject(found.get("subject", ""))
    thread = tuple(
        (shown, _checked_ids(shown, found[name]))
        for name, shown in _THREAD.items()
        if name in found
    )
    content = _content_headers(found)
    _check_body(content, body)
    return Ready(subject, thread, mime.Part(headers=content, body=body))


def _refusal(text: str) -> BadInput:
    return BadInput(text, field=_FIELD)


def _with_crlf(raw: bytes) -> bytes:
    """`raw` with CRLF line ends; a bare CR could be taken for one on the way (mail-safety §6)."""
    if len(raw) > LARGEST_MIME:
        raise _refusal(f"The mail has more than {LARGEST_MIME} octets.")
    plain = raw.replace(b"\r\n", b"\n")
    if b"\r" in plain or b"\0" in plain or not plain.isascii():
        raise _refusal(
            "The mail holds octets that not every server passes on (8-bit, NUL or a bare CR); "
            "encode its parts as quoted-printable or base64."
        )
    return plain.replace(b"\n", b"\r\n")


def _split(raw: bytes) -> tuple[bytes, bytes]:
    head, blank, body = raw.partition(b"\r\n\r\n")
    if not blank:
        raise _refusal("The mail has no empty line between its headers and its body.")
    return head, body


def _headers(head: bytes) -> dict[str, str]:
    """Values by lower-case name, still folded. Raises for what is no header or comes twice."""
    if not _HEAD.fullmatch(head) or _BLANK_LINE.search(head):
        raise _refusal("The mail's header lines hold control characters, or only spaces.")
    found: dict[str, str] = {}
    lines = re.split(rb"\r\n(?![ \t])", head)
    if len(lines) > _MOST_HEADERS:
        raise _refusal(f"The mail has more than {_MOST_HEADERS} headers.")
    for line in lines:
        match = _HEADER.fullmatch(line)
        if match is None or len(line) > _LONGEST_HEADER:
            raise _refusal("One of the mail's header lines is none, or far too long.")
        name = match[1].decode("ascii").lower()
        _need_welcome(name, found)
        found[name] = match[2].decode("ascii")
    return found


def _need_welcome(name: str, found: dict[str, str]) -> None:
    shown = name.title()
    if name in found:
        raise _refusal(f"The header {shown} stands there twice.")
    if name not in (*_CONTENT, *_THREAD, *_REPLACED):
        instead = _INSTEAD.get(name, "it would not be sent; leave it out")
        raise _refusal(f"The header {shown} is not taken over: {instead}.")


def _need_recipient(to: str | None, recipient: str) -> None:
    """A mail that says another To than it goes to is a mistake, and hard to notice later."""
    if to is None:
        return
    if {one.casefold() for one in _ADDRESS.findall(_unfolded(to))} != {recipient.casefold()}:
        raise _refusal("The header To names somebody else than `recipient`.")


def _unfolded(value: str) -> str:
    return value.replace("\r\n", "")


def _subject(value: str) -> str:
    try:
        decoded = str(make_header(decode_header(_unfolded(value))))
    except (MessageError, ValueError, LookupError):  # charsets or base64 that are none
        raise _refusal("The header Subject cannot be decoded.") from None
    if len(decoded) > SUBJECT_LIMIT:
        raise _refusal(f"The header Subject has more than {SUBJECT_LIMIT} characters.")
    subject = clean.title(decoded)
    if not subject:
        raise _refusal("The mail has no Subject.")
    return subject


def _checked_ids(name: str, value: str) -> str:
    ids = _unfolded(value).strip()
    if not _MSG_IDS.fullmatch(ids) or "=?" in ids:
        raise _refusal(f"The header {name} holds something else than Message-IDs.")
    return "\r\n ".join(ids.split())


def _content_headers(found: dict[str, str]) -> tuple[tuple[str, str], ...]:
    kept = {name: _tidied(name, found[name]) for name in _CONTENT if name in found}
    kept.setdefault("content-type", "text/plain; charset=us-ascii")  # RFC 2045 §5.2
    kept.setdefault("content-transfer-encoding", "7bit")
    return tuple((name.title(), kept[name]) for name in _CONTENT if name in kept)


def _tidied(name: str, value: str) -> str:
    try:
        return tidied(name, _unfolded(value))
    except NotPlain:
        raise _refusal(
            f"The header {name.title()} has not the plain form, like `text/plain; name=value`: "
            "values other than a word go in double quotes, other than ASCII as RFC 2231 says, "
            "without comments and line breaks, and each name comes once."
        ) from None


def _check_body(content: tuple[tuple[str, str], ...], body: bytes) -> None:
    message = _reading_alike(headers.block(list(content)) + mime.CRLF)
    if message.defects or len(message) != len(content):
        raise _refusal("The headers about the mail's content cannot be read.")
    encoding = str(message["Content-Transfer-Encoding"]).strip().lower()
    if encoding not in _ENCODINGS:
        raise _refusal("Encode the mail as 7bit, quoted-printable or base64.")
    if max(map(len, body.split(b"\r\n"))) > _LONGEST_LINE:
        raise _refusal(f"A line of the mail has more than {_LONGEST_LINE} octets.")
    if message.get_content_maintype() == "multipart":
        _check_boundary(message, encoding, body)


def _reading_alike(block: bytes) -> Message:
    """The headers of `block`, which programs that write them anew leave as they are."""
    message: Message = BytesHeaderParser(policy=policy.compat32).parsebytes(block)
    for other in (policy.default, policy.SMTP):
        try:
            again = BytesHeaderParser(policy=other).parsebytes(block).as_bytes()
        except (MessageError, ValueError, LookupError):
            again = b""
        if _said(BytesHeaderParser(policy=policy.compat32).parsebytes(again)) != _said(message):
            raise _refusal("The headers about the mail's content are not read alike by everybody.")
    return message


def _said(message: Message) -> list[tuple[str, list[tuple[str, str]]]]:
    """Each header with its value and parameters, decoded, wherever its lines end."""
    return [
        (name, [("".join(key.split()), collapse_rfc2231_value(one)) for key, one in given])
        for name in message
        if (given := message.get_params([], name)) is not None
    ]


def _check_boundary(message: Message, encoding: str, body: bytes) -> None:
    boundary = message.get_boundary()
    if not boundary or encoding != "7bit":
        raise _refusal("A multipart mail needs a boundary and the encoding 7bit.")
    mark = b"--" + boundary.encode("ascii", "replace")
    lines = {line.rstrip(b" \t") for line in body.split(b"\r\n")}
    if mark not in lines or mark + b"--" not in lines:
        raise _refusal("The parts of the mail do not begin and end with its boundary.")
