"""Header lines as bytes, written by hand.

The standard library's header classes decode encoded-words found in plain text and write them out
as real line breaks (mail-safety §9), and lose quotes when they fold long names. Here every text
that is not plain words goes out as base64 encoded-words of whole characters (RFC 2047).
"""

import base64
import re

from domain.values import as_address

_PLAIN_SUBJECT = re.compile(r"[A-Za-z0-9 ,.:;()@/+'!-]{1,69}")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9]+( [A-Za-z0-9]+)*")
_WORD_OCTETS = 42  # 56 base64 characters and the frame of 12 stay below RFC 2047's 75


def encoded(text: str, plain: re.Pattern[str] = _PLAIN_SUBJECT) -> str:
    """`text` as a header value, folded; ASCII in any case."""
    if plain.fullmatch(text):
        return text
    return "\r\n ".join(f"=?utf-8?b?{_base64(piece)}?=" for piece in _pieces(text))


def _base64(piece: bytes) -> str:
    return base64.b64encode(piece).decode("ascii")


def _pieces(text: str) -> list[bytes]:
    """`text` in UTF-8 pieces of at most `_WORD_OCTETS`, never cut inside a character."""
    pieces = [b""]
    for character in text:
        octets = character.encode()
        if len(pieces[-1]) + len(octets) > _WORD_OCTETS:
            pieces.append(b"")
        pieces[-1] += octets
    return pieces


def mailbox(name: str, address: str) -> str:
    """`Ada Lovelace <ada@example.org>`; Raises `BadAddress` for what is not one bare address."""
    checked = as_address(address)
    if not name:
        return checked
    shown = name if _PLAIN_NAME.fullmatch(name) and len(name) <= 40 else encoded(name, _NEVER)
    return f"{shown}\r\n <{checked}>" if len(shown) + len(checked) > 60 else f"{shown} <{checked}>"


_NEVER = re.compile(r"(?!)")


def block(lines: list[tuple[str, str]]) -> bytes:
    """The header lines of a message, each ending in CRLF."""
    return "".join(f"{name}: {value}\r\n" for name, value in lines).encode("ascii")
