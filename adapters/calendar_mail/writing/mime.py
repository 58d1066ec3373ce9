"""MIME bodies, written by hand so that equal letters give equal bytes on every Python.

Text parts are never sent bare: in quoted-printable every `=` of the text becomes `=3D` and in
base64 none is left, so a boundary that begins with `=_` cannot occur inside one.
"""

import base64
import binascii
from dataclasses import dataclass

CRLF = b"\r\n"


@dataclass(frozen=True)
class Part:
    """A finished body part: its header lines and its encoded octets."""

    headers: tuple[tuple[str, str], ...]
    body: bytes

    def to_bytes(self) -> bytes:
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        return lines.encode("ascii") + CRLF + self.body


def text(content_type: str, content: str) -> Part:
    """A text part with CRLF line ends, quoted-printable, or base64 where that is shorter."""
    octets = content.replace("\r\n", "\n").replace("\n", "\r\n").encode()
    foreign = sum(octet > 126 for octet in octets)
    if foreign * 6 <= len(octets):
        return _part(content_type, "quoted-printable", _quoted(octets))
    return _part(content_type, "base64", _base64(octets))


def attachment(content_type: str, content: bytes, filename: str) -> Part:
    """An attached file, base64. `filename` is ours, never a user's."""
    disposition = ("Content-Disposition", f'attachment; filename="{filename}"')
    return _part(f'{content_type}; name="{filename}"', "base64", _base64(content), disposition)


def multipart(subtype: str, boundary: str, parts: list[Part]) -> Part:
    """Several parts as one. `boundary` begins with `=_`."""
    opening = b"--" + boundary.encode("ascii") + CRLF
    closing = b"--" + boundary.encode("ascii") + b"--" + CRLF
    body = b"".join(opening + part.to_bytes() + CRLF for part in parts) + closing
    content_type = f'multipart/{subtype};\r\n boundary="{boundary}"'
    return Part(headers=(("Content-Type", content_type),), body=body)


def _part(content_type: str, encoding: str, body: bytes, *more: tuple[str, str]) -> Part:
    headers = (("Content-Type", content_type), ("Content-Transfer-Encoding", encoding), *more)
    return Part(headers=headers, body=body)


def _quoted(octets: bytes) -> bytes:
    """b2a_qp breaks long lines with a bare LF when the text itself has no line break."""
    quoted = binascii.b2a_qp(octets, istext=True)
    return quoted.replace(CRLF, b"\n").replace(b"\n", CRLF)


def _base64(content: bytes) -> bytes:
    return base64.encodebytes(content).replace(b"\n", CRLF)
