"""Content-Transfer-Encoding undone, forgivingly (RFC 2045 §6)."""

import binascii
import re

from adapters.calendar_mail.reading.problems import Problems

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]")
_CALENDAR_IN_BASE64 = b"QkVHSU46VkNBTEVOREFS"  # BEGIN:VCALENDAR
_PLAIN_CALENDAR = re.compile(rb"\s*BEGIN:V", re.IGNORECASE)


def undone(body: bytes, encoding: str, problems: Problems) -> bytes:
    """`body` without its transfer encoding; a wrong label is noticed. Never raises."""
    if encoding == "base64":
        if _PLAIN_CALENDAR.match(body):
            problems.say("a part labelled base64 is not encoded; read as it is")
            return body
        return _base64(body, problems)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    if body.lstrip()[:20] == _CALENDAR_IN_BASE64:
        problems.say(f"a base64 part is labelled {encoding or 'nothing'!r}; decoded")
        return _base64(body, problems)
    return body


def _base64(body: bytes, problems: Problems) -> bytes:
    lines = [line.strip() for line in body.splitlines()]
    bad = next((i for i, line in enumerate(lines) if _NOT_BASE64.search(line)), None)
    if bad is not None:
        rest = [line for line in lines[bad:] if line]
        is_footer = sum(bool(_NOT_BASE64.search(line)) for line in rest) * 2 >= len(rest)
        what = "text after it was left out" if is_footer else "foreign characters were skipped"
        problems.say(f"a base64 part is damaged; {what}")
        lines = lines[:bad] if is_footer and bad else lines
    return _decoded_quads(_NOT_BASE64.sub(b"", b"".join(lines)), problems)


def _decoded_quads(digits: bytes, problems: Problems) -> bytes:
    pieces = []
    for run in re.split(rb"=+", digits):  # several encodings glued together each end in padding
        spare = len(run) % 4
        if spare == 1:
            problems.say("a base64 part is cut off")
            run = run[:-1]
        pieces.append(binascii.a2b_base64(run + b"=" * (-len(run) % 4)))
    return b"".join(pieces)
