"""Opaque page cursors: what a client gets back from us, checked like anything else it sends."""

import base64
import binascii
import re
from datetime import UTC, datetime, timedelta

from domain.errors import BadInput
from domain.meetings.views import PageMark

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MARK = re.compile(r"([0-9]{1,16}):([0-9A-Za-z_-]{1,64})", re.ASCII)
_LATEST = 4_102_444_800_000_000  # the year 2100, in microseconds


def write_mark(mark: PageMark) -> str:
    """The mark as URL-safe text."""
    micros = (mark.created_at - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(f"{micros}:{mark.id}".encode()).decode().rstrip("=")


def read_mark(text: str) -> PageMark:
    """The mark that `write_mark` wrote. Raises `BadInput` for anything else."""
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        match = _MARK.fullmatch(plain.decode("ascii"))
    except (binascii.Error, ValueError):
        match = None
    if match is None or int(match.group(1)) > _LATEST:
        raise BadInput("Take `cursor` from the link `next` of a page.", field="query.cursor")
    at = _EPOCH + timedelta(microseconds=int(match.group(1)))
    return PageMark(created_at=at, id=match.group(2))
