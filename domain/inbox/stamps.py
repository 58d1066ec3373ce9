"""The envelope of a mail that lies in a mailbox, told from its headers: whoever put it there no
longer says whom it was for."""

import re
from collections.abc import Iterator, Sequence

from domain.access import TOKEN_LENGTH
from domain.inbox.acceptance import Envelope

_STAMPED = ("delivered-to", "x-original-to", "envelope-to")
"""Headers that the last server writes: the nearest there is to an envelope."""

_WRITTEN = ("to", "cc", "resent-to", "resent-cc")

_HEAD = 256 * 1024
"""Octets in which headers are looked for."""

_SENDER = re.compile(r"<([^<>\s]{0,320})>|([^<>\s,@]{1,64}@[^<>\s,@]{1,255})")


def envelope_of(raw: bytes, domain: str, feedback_address: str = "") -> Envelope:
    """The token addresses at `domain` that `raw` was sent to, or the `feedback_address`, and its
    return path, or where the last server wrote none, whom it says it is from.

    Stamps count before what its sender wrote, where they name any. Only addresses of our own
    shape are looked for, so nothing in a header has to be parsed.
    """
    lines = list(_headers(raw))
    ours = _ours(domain, feedback_address)
    stamped = _addresses((value for name, value in lines if name in _STAMPED), ours)
    written = _addresses((value for name, value in lines if name in _WRITTEN), ours)
    return Envelope(mail_from=_sender(lines), recipients=stamped or written)


def _sender(lines: Sequence[tuple[str, str]]) -> str:
    for wanted in ("return-path", "from"):
        for value in (value for name, value in lines if name == wanted):
            found = _SENDER.search(value)
            return (found[1] or found[2] or "") if found else ""
    return ""


def _headers(raw: bytes) -> Iterator[tuple[str, str]]:
    head = re.split(rb"\r?\n\r?\n", raw[:_HEAD], maxsplit=1)[0]
    unfolded = re.sub(rb"\r?\n[ \t]+", b" ", head)
    for line in re.split(rb"\r?\n", unfolded):
        name, colon, value = line.partition(b":")
        if colon:
            yield name.strip().lower().decode("latin-1"), value.decode("latin-1")


def _ours(domain: str, feedback_address: str) -> re.Pattern[str]:
    token = rf"[a-z]\+[a-z0-9]{{{TOKEN_LENGTH}}}(?:-[0-9]{{1,18}})?@{re.escape(domain)}"
    any_of = f"{token}|{re.escape(feedback_address)}" if feedback_address else token
    return re.compile(rf"(?<![a-z0-9.+_-])(?:{any_of})(?![a-z0-9.-])", re.IGNORECASE)


def _addresses(values: Iterator[str], ours: re.Pattern[str]) -> tuple[str, ...]:
    found = (address.lower() for value in values for address in ours.findall(value))
    return tuple(dict.fromkeys(found))
