"""Complaints that come to one address for all our mail, where providers' feedback loops send them.

Which mail one is about is told by the bounce address the mail left with, as everywhere: the
reports repeat it. So such a report means what it would mean at that address, which whoever knows
the token can write to anyhow; nothing else in it says whose it is.
"""

import re
from itertools import chain

from domain.access import Purpose, read_token_address

_LINES = tuple(
    re.compile(rb"^%b:\s*<?([^\s<>]{1,320})" % name, re.IGNORECASE | re.MULTILINE)
    for name in (b"Original-Mail-From", b"Return-Path")
)
"""In the report (RFC 5965 §3.2), and in the mail that is returned with it."""


def reported_address(raw: bytes, domain: str) -> str | None:
    """The bounce address at `domain` that the mail complained of was sent with; None where the
    report does not repeat it. Headers of the report itself do not count: they are of its way."""
    body = raw.partition(b"\r\n\r\n")[2]
    for found in chain.from_iterable(line.finditer(body) for line in _LINES):
        address = found[1].decode("latin-1")
        named = read_token_address(address, domain)
        if named is not None and named.purpose is Purpose.BOUNCE:
            return address
    return None
