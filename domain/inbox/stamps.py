"""The envelope of a mail that lies in a mailbox, told from its headers: whoever put it there no
longer says whom it was for."""

import re
from collections.abc import Iterator

from domain.access import TOKEN_LENGTH
from domain.inbox.acceptance import Envelope

_STAMPED = ("delivered-to", "x-original-to", "envelope-to")
"""Headers that the last server writes: the nearest there is to an envelope."""

_WRITTEN = ("to", "cc", "resent-to", "resent-cc")

_HEAD = 256 * 1024
"""Octets in which headers are looked for."""

_MOST = 20
_SENDER = re.compile(r"<([^<>\s]{1,320})>")


def envelope_of(raw: bytes, domain: str) -> Envelope:
    """The token addresses at `domain` that `raw` was sent to, and its return path.

    Stamps count before what its sender wrote, where they name any. Only addresses of our own
    shape are looked for, so nothing in a header has to be parsed.
    """
    lines = list(_headers(raw))
    stamped = _addresses((value for name, value in lines if name in _STAMPED), domain)
    written = _addresses((value for name, value in lines if name in _WRITTEN), domain)
    paths = (_SENDER.search(value) for name, value in lines if name == "return-path")
    sender = next((found[1] for found in paths if found), "")
    return Envelope(mail_from=sender, recipients=stamped or written)


def _headers(raw: bytes) -> Iterator[tuple[str, str]]:
    head = re.split(rb"\r?\n\r?\n", raw[:_HEAD], maxsplit=1)[0]
    unfolded = re.sub(rb"\r?\n[ \t]+", b" ", head)
    for line in re.split(rb"\r?\n", unfolded):
        name, colon, value = line.partition(b":")
        if colon:
            yield name.strip().lower().decode("latin-1"), value.decode("latin-1")


def _addresses(values: Iterator[str], domain: str) -> tuple[str, ...]:
    ours = re.compile(
        rf"(?<![a-z0-9.+_-])[a-z]\+[a-z0-9]{{{TOKEN_LENGTH}}}(?:-[0-9]{{1,18}})?@"
        rf"{re.escape(domain)}(?![a-z0-9.-])",
        re.IGNORECASE,
    )
    found = (address.lower() for value in values for address in ours.findall(value))
    return tuple(dict.fromkeys(found))[:_MOST]
