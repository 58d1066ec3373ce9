"""Putting a mail together the way the simulated programs do, each with its own habits."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

CRLF = b"\r\n"


@dataclass(frozen=True)
class Body:
    """A finished MIME part: header lines and encoded octets."""

    headers: tuple[str, ...]
    octets: bytes

    def to_bytes(self) -> bytes:
        return "".join(f"{line}\r\n" for line in self.headers).encode() + CRLF + self.octets


def as_base64(content_type: str, content: bytes, *headers: str) -> Body:
    octets = base64.encodebytes(content).replace(b"\n", CRLF)
    return _encoded(content_type, "base64", octets, headers)


def as_quoted(content_type: str, content: bytes, *headers: str) -> Body:
    # b2a_qp breaks long lines with a bare LF when the text itself has no line break.
    octets = with_crlf(binascii.b2a_qp(with_crlf(content), istext=True))
    return _encoded(content_type, "quoted-printable", octets, headers)


def as_plain(content_type: str, content: bytes, *headers: str) -> Body:
    """7bit when it is ASCII with short lines, quoted-printable otherwise."""
    lines = with_crlf(content).split(CRLF)
    if content.isascii() and all(len(line) < 990 for line in lines):
        return _encoded(content_type, "7bit", with_crlf(content), headers)
    return as_quoted(content_type, content, *headers)


def _encoded(content_type: str, encoding: str, octets: bytes, more: tuple[str, ...]) -> Body:
    first = (f"Content-Type: {content_type}", f"Content-Transfer-Encoding: {encoding}")
    return Body((*first, *more), octets)


def with_crlf(content: bytes) -> bytes:
    return content.replace(CRLF, b"\n").replace(b"\n", CRLF)


def multipart(subtype: str, boundary: str, parts: list[Body]) -> Body:
    opening, closing = f"--{boundary}\r\n".encode(), f"--{boundary}--\r\n".encode()
    octets = b"".join(opening + part.to_bytes() + CRLF for part in parts) + closing
    return Body((f'Content-Type: multipart/{subtype}; boundary="{boundary}"',), octets)


def mail(headers: list[tuple[str, str]], body: Body) -> bytes:
    """The whole message: headers in the given order, then the MIME ones."""
    lines = tuple(f"{name}: {value}" for name, value in headers)
    return Body((*lines, "MIME-Version: 1.0", *body.headers), body.octets).to_bytes()


def words(text: str) -> str:
    """Header text: as it is, or as base64 encoded-words (RFC 2047)."""
    flat = " ".join(text.split())
    if flat.isascii() and flat.isprintable() and "=?" not in flat and len(flat) < 900:
        return flat
    size = 42 if flat.isascii() else 10  # characters, at most 4 octets each
    pieces = [flat[at : at + size] for at in range(0, len(flat), size)]
    encoded = (base64.b64encode(piece.encode()).decode() for piece in pieces)
    return "\r\n ".join(f"=?utf-8?B?{piece}?=" for piece in encoded)


def mailbox(name: str, address: str) -> str:
    """`"Ada Lovelace" <ada@example.org>`."""
    if not name:
        return address
    if name.isascii():
        plain = "".join(char for char in name if char.isprintable() and char not in '"\\')
        return f'"{plain}" <{address}>'
    return f"{words(name)} <{address}>"


def date(now: datetime) -> str:
    return format_datetime(now)


def fingerprint(*parts: object) -> str:
    """32 hexadecimal digits that stand for these parts: for boundaries and Message-IDs."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:32]
