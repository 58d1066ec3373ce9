"""The mark in the page links of one mail: whoever sends it back has that mail in hand."""

import base64
import hashlib
import re

MARK = "m"
"""The name of the query parameter that carries it."""

_MARK = re.compile(r"[a-z2-7]{12}")


def mark_of(message_id: str) -> str:
    """The mark of the mail with this Message-ID: 60 bits of SHA-256 in lower-case base32."""
    octets = hashlib.sha256(f"mark\n{message_id}".encode()).digest()
    return base64.b32encode(octets).decode("ascii").lower()[:12]


def as_mark(text: str) -> str:
    """`text` if it can be a mark, else ''."""
    return text if _MARK.fullmatch(text) else ""
