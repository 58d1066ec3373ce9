"""Mail built to hurt its reader (mail-safety sections 7 and 8), made when needed."""

from collections.abc import Callable, Iterator

_HEAD = b"From: mallory@example.com\r\nSubject: boom\r\nMIME-Version: 1.0\r\n"
_CALENDAR_HEAD = _HEAD + b"Content-Type: text/calendar; method=REPLY\r\n\r\n"
_EVENT = (
    b"BEGIN:VEVENT\r\nUID:boom\r\nDTSTAMP:20270201T120000Z\r\n%s"
    b"ATTENDEE;PARTSTAT=ACCEPTED:mailto:alice@example.org\r\nEND:VEVENT\r\n"
)


def _calendar(inside: bytes, method: bytes = b"REPLY") -> bytes:
    return (
        _CALENDAR_HEAD
        + b"BEGIN:VCALENDAR\r\nMETHOD:%s\r\n" % method
        + inside
        + b"END:VCALENDAR\r\n"
    )


def _zone(frequency: bytes, tzid: bytes = b"Own") -> bytes:
    rule = b"RRULE:FREQ=%s;BYSECOND=0,1,2;BYHOUR=1,2,3\r\n" % frequency
    return b"".join(
        (
            b"BEGIN:VTIMEZONE\r\nTZID:%s\r\n" % tzid,
            b"BEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0200\r\n",
            b"TZOFFSETTO:+0100\r\n" + rule + b"END:STANDARD\r\n",
            b"BEGIN:DAYLIGHT\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0100\r\n",
            b"TZOFFSETTO:+0200\r\n" + rule + b"END:DAYLIGHT\r\nEND:VTIMEZONE\r\n",
        )
    )


def _in_own_zone(frequency: bytes) -> bytes:
    start = b"DTSTART;TZID=Own:20270301T100000\r\n"
    return _calendar(_zone(frequency) + _EVENT % start, b"COUNTER")


def _nested_multiparts(depth: int) -> bytes:
    parts = [
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (i, i)
        for i in range(depth)
    ]
    return _HEAD + b"".join(parts)


def _nested_messages(depth: int) -> bytes:
    return _HEAD + b"Content-Type: message/rfc822\r\n\r\n" * depth


def _nested_components(depth: int) -> bytes:
    return _calendar(b"BEGIN:VEVENT\r\n" * depth + b"BEGIN:X\r\n" * depth)


def _mixed(parts: bytes) -> bytes:
    return _HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + parts


MEGABYTE = 1 << 20
BOMBS: dict[str, Callable[[], bytes]] = {
    "multiparts nested 300 deep": lambda: _nested_multiparts(300),
    "multiparts nested 20,000 deep": lambda: _nested_multiparts(20_000),
    "messages nested 1,000 deep": lambda: _nested_messages(1_000),
    "100,000 empty parts": lambda: _mixed(b"--b\r\n\r\n" * 100_000),
    "100,000 headers": lambda: b"X-A: b\r\n" * 100_000 + _CALENDAR_HEAD,
    "a subject of 20,000 encoded words": lambda: (
        b"Subject: " + b"=?utf-8?q?a?= " * 20_000 + b"\r\n" + _CALENDAR_HEAD
    ),
    "a Content-Type of 20,000 parameters": lambda: (
        _HEAD + b"Content-Type: text/calendar" + b"; a=b" * 20_000 + b"\r\n\r\n"
    ),
    "20,000 parameter continuations": lambda: (
        _HEAD
        + b"Content-Type: text/calendar"
        + b"".join(b"; a*%d=b" % i for i in range(20_000))
        + b"\r\n\r\n"
    ),
    "a From of 10,000 parentheses": lambda: b"From: " + b"(" * 10_000 + b"\r\nSubject: x\r\n\r\nx",
    "a To of 20,000 addresses": lambda: (
        b"To: " + b"a@example.org, " * 20_000 + b"\r\n" + _CALENDAR_HEAD
    ),
    "a boundary of regular expressions": lambda: (
        _HEAD + b'Content-Type: multipart/mixed; boundary="(a+)+$"\r\n\r\n' + b"-" * 100_000
    ),
    "addresses that crash the library": lambda: (
        b"From: a@[\r\nMessage-ID: <a@[x>\r\nSubject: =?utf-8?q?a=0D=0AB?=\r\n\r\nhello"
    ),
    "10,000 events": lambda: _calendar(_EVENT % b"" * 10_000),
    "100,000 attendees": lambda: _calendar(
        _EVENT % (b"ATTENDEE;PARTSTAT=ACCEPTED:mailto:a@example.org\r\n" * 100_000)
    ),
    "one line of 10 megabytes": lambda: _calendar(
        _EVENT % (b"DESCRIPTION:" + b"x" * (10 * MEGABYTE) + b"\r\n")
    ),
    "a megabyte of folds": lambda: _calendar(_EVENT % (b"COMMENT:x\r\n" + b" x\r\n" * 250_000)),
    "a megabyte of quotes": lambda: _calendar(
        _EVENT % (b"COMMENT;X=" + b'"' * MEGABYTE + b":x\r\n")
    ),
    "a megabyte of backslashes": lambda: _calendar(
        _EVENT % (b'COMMENT;X="' + b"\\" * MEGABYTE + b'":x\r\n')
    ),
    "a megabyte of parameters": lambda: _calendar(
        _EVENT % (b"COMMENT" + b";A=B" * (MEGABYTE // 4) + b":x\r\n")
    ),
    "a megabyte of colons": lambda: _calendar(
        _EVENT % (b"DTSTART;TZID=" + b":" * MEGABYTE + b"\r\n")
    ),
    "a megabyte of line breaks": lambda: _calendar(b"\r\n" * (MEGABYTE // 2)),
    "a megabyte of broken lines": lambda: _calendar(b"x\r\n" * (MEGABYTE // 3)),
    "components nested 5,000 deep": lambda: _nested_components(5_000),
    "a zone that changes every second": lambda: _in_own_zone(b"SECONDLY"),
    "a zone that changes every minute": lambda: _in_own_zone(b"MINUTELY"),
    "a zone that changes every day": lambda: _in_own_zone(b"DAILY"),
    "a zone that changes every second of a year": lambda: _in_own_zone(b"YEARLY"),
    "a thousand zones": lambda: _calendar(
        b"".join(_zone(b"SECONDLY", b"Z%d" % i) for i in range(1_000)) + _EVENT % b"", b"COUNTER"
    ),
    "an event every second": lambda: _calendar(
        _EVENT % b"DTSTART:19700101T000000Z\r\nRRULE:FREQ=SECONDLY;COUNT=1000000000\r\n"
    ),
    "an alarm that repeats for ever": lambda: _calendar(
        _EVENT
        % b"BEGIN:VALARM\r\nTRIGGER:-P1D\r\nREPEAT:999999999\r\nDURATION:PT1S\r\nEND:VALARM\r\n"
    ),
    "huge numbers": lambda: _calendar(
        _EVENT % (b"SEQUENCE:" + b"9" * 100_000 + b"\r\nDURATION:P" + b"9" * 100_000 + b"D\r\n"),
        b"COUNTER",
    ),
    "HTML nested 100,000 deep": lambda: (
        _HEAD + b"Content-Type: text/html\r\n\r\n" + b"<div><blockquote>" * 100_000
    ),
    "HTML of open brackets": lambda: (
        _HEAD + b"Content-Type: text/html\r\n\r\n" + b"<" * MEGABYTE + b"<a " * 10_000
    ),
    "HTML comments that never end": lambda: (
        _HEAD + b"Content-Type: text/html\r\n\r\n" + b"<!--" * 100_000 + b"<![" * 100_000
    ),
    "text of line breaks": lambda: (
        _HEAD + b"Content-Type: text/plain\r\n\r\n" + b"\r\n" * MEGABYTE + b"On x wrote:"
    ),
    "text of underscores and colons": lambda: (
        _HEAD + b"Content-Type: text/plain\r\n\r\n" + (b"_" * 300 + b":\r\n") * 10_000
    ),
    "text of attributions": lambda: (
        _HEAD + b"Content-Type: text/plain\r\n\r\n" + b"On monday it\r\n" * 100_000
    ),
    "base64 of nothing but padding": lambda: (
        _HEAD
        + b"Content-Type: text/calendar\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + b"=" * MEGABYTE
    ),
    "a delivery report of a megabyte": lambda: (
        _HEAD
        + b'Content-Type: multipart/report; boundary="b"\r\n\r\n'
        + b"--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        + b"\r\n \r\nAction: failed\r\n" * 60_000
    ),
    "twelve megabytes of spaces": lambda: b" " * (12 * MEGABYTE),
    "twelve megabytes of NUL": lambda: b"\0" * (12 * MEGABYTE),
    "a header without end": lambda: b"Subject: " + b"x" * (2 * MEGABYTE),
    "continuations without end": lambda: b"Subject: x\r\n" + b" y\r\n" * 500_000,
    "a file name to open": lambda: b"/etc/passwd",
    "a calendar that names a file": lambda: _CALENDAR_HEAD + b"/etc/passwd",
}


def all_bombs() -> Iterator[tuple[str, bytes]]:
    """Each bomb's name and bytes, one at a time."""
    for name, make in BOMBS.items():
        yield name, make()
