"""A mail sent again on purpose: the same words under another Message-ID and Date."""

import re
from datetime import datetime
from email.utils import format_datetime

from adapters.calendar_mail.writing.errors import CannotWrite


def renewed(raw: bytes, message_id: str, at: datetime) -> bytes:
    """`raw`, a mail of ours, with another Message-ID and Date and nothing else changed.

    Raises `CannotWrite` for bytes that have not exactly one of each.
    """
    head, blank, body = raw.partition(b"\r\n\r\n")
    for name, value in (("Message-ID", message_id), ("Date", format_datetime(at))):
        head = _with_value(head, name, value)
    return head + blank + body


def _with_value(head: bytes, name: str, value: str) -> bytes:
    line = re.compile(rb"(?mi)^" + name.encode() + rb":[^\r\n]*(?:\r\n[ \t][^\r\n]*)*")
    found = line.findall(head)
    if len(found) != 1:
        raise CannotWrite(f"The mail has {len(found)} lines {name} instead of one.")
    return line.sub(lambda _: f"{name}: {value}".encode("ascii"), head)
