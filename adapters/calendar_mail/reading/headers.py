"""The header block of a message or part, read from bytes within limits.

Not `email.parser`: it recurses per part, and it works on a header of any length before anyone
can look at it (mail-safety section 7). Single values, once short, go through the library.
"""

import re
from dataclasses import dataclass
from email.header import decode_header
from email.message import Message

from adapters.calendar_mail.reading import limits
from adapters.calendar_mail.reading.charsets import decoded
from adapters.calendar_mail.reading.problems import Problems, on_one_line

_LINE = re.compile(rb"[^\n]*\n?")
_FIELD = re.compile(rb"([!-9;-~]{1,80})[ \t]*:(.*)", re.DOTALL)
_BODY_BEGINS = re.compile(rb"BEGIN:VCALENDAR|--\S", re.IGNORECASE)
_PARAMETER_HEADER_CHARS = 4000


@dataclass(frozen=True)
class Headers:
    """Header fields in order, as (lower-case name, raw value with its folds)."""

    fields: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        """Every value of `name`, unfolded, RFC 2047 words left as they are."""
        return [" ".join(value.split()) for field, value in self.fields if field == name]

    def get(self, name: str) -> str | None:
        """The first value of `name`."""
        return next(iter(self.all(name)), None)

    def has(self, *names: str) -> bool:
        return any(field in names for field, _ in self.fields)

    def text(self, name: str) -> str | None:
        """The first value of `name` as people read it: one clean line."""
        value = self.get(name)
        return None if value is None else on_one_line(words(value), 1000)

    def typed(self, name: str) -> Message:
        """The header `name` alone, as the library reads types and parameters (RFC 2231)."""
        lone = Message()
        value = (self.get(name) or "")[:_PARAMETER_HEADER_CHARS]
        if value:
            lone[name] = value.encode("latin-1", "replace").decode("ascii", "replace")
        return lone


def words(value: str) -> str:
    """Decodes RFC 2047 words; raw 8-bit text is read as UTF-8 or windows-1252."""
    if "=?" not in value:
        return decoded(value.encode("latin-1", "replace"), None)[0]
    try:
        pieces = decode_header(value)
    except Exception:  # a malformed word raises half a dozen kinds of error
        return value
    return "".join(_piece(piece, charset) for piece, charset in pieces)


def _piece(piece: bytes | str, charset: str | None) -> str:
    data = piece.encode("latin-1", "replace") if isinstance(piece, str) else piece
    return decoded(data, charset)[0]


def split_headers(data: bytes, problems: Problems) -> tuple[Headers, bytes]:
    """The header fields at the start of `data`, and the body after them."""
    fields: list[tuple[str, list[bytes]]] = []
    position = 0
    while position < len(data):
        line = _LINE.match(data, position)
        text = line.group().rstrip(b"\r\n") if line else b""
        if not text or _BODY_BEGINS.match(text):
            break
        position = line.end() if line else len(data)
        _take(text, fields, problems)
        if position > limits.HEADER_BLOCK_BYTES:
            problems.say("the header block is oversized; the rest of it was skipped")
            position = _end_of_block(data, position)
            break
    body = data[position:]
    return _bounded(fields, problems), re.sub(rb"\A[ \t]*\r?\n", b"", body, count=1)


def _take(text: bytes, fields: list[tuple[str, list[bytes]]], problems: Problems) -> None:
    if text[:1] in b" \t":
        if fields:
            fields[-1][1].append(text)
        return
    field = _FIELD.match(text)
    if field:
        fields.append((field.group(1).decode("ascii").lower(), [field.group(2)]))
    elif not text.startswith((b"From ", b">From ")):
        problems.say("a line among the headers is no header; it was skipped")


def _end_of_block(data: bytes, position: int) -> int:
    blank = re.compile(rb"\n\r?\n").search(data, position - 1)
    return blank.end() if blank else len(data)


def _bounded(fields: list[tuple[str, list[bytes]]], problems: Problems) -> Headers:
    if len(fields) > limits.HEADERS:
        problems.say(f"more than {limits.HEADERS} headers; the rest were skipped")
    kept = []
    for name, lines in fields[: limits.HEADERS]:
        value = b"\n".join(lines)
        if len(value) > limits.HEADER_BYTES:
            problems.say(f"the header {name!r} is oversized and was cut")
        kept.append((name, value[: limits.HEADER_BYTES].decode("latin-1")))
    return Headers(tuple(kept))
