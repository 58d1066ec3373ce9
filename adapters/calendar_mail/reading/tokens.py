"""A content line taken apart: name, parameters, value (RFC 5545 §3.1, RFC 6868)."""

import re
from itertools import pairwise
from typing import NamedTuple

_DATES = """
DTSTART DTEND DTSTAMP DUE RECURRENCE-ID RDATE EXDATE CREATED LAST-MODIFIED COMPLETED TZUNTIL
X-MS-OLK-ORIGINALSTART X-MS-OLK-ORIGINALEND
"""
_PROSE = """
COMMENT DESCRIPTION SUMMARY LOCATION CONTACT X-ALT-DESC X-CALENDARSERVER-PRIVATE-COMMENT
X-CALENDARSERVER-ATTENDEE-COMMENT
"""
_OTHERS = """
METHOD PRODID VERSION CALSCALE UID SEQUENCE DURATION STATUS CLASS PRIORITY TRANSP URL RRULE EXRULE
ATTACH CATEGORIES GEO RESOURCES RELATED-TO REQUEST-STATUS PERCENT-COMPLETE FREEBUSY TZID TZNAME
TZOFFSETFROM TZOFFSETTO TZURL ACTION REPEAT TRIGGER ACKNOWLEDGED NAME REFRESH-INTERVAL SOURCE
COLOR IMAGE CONFERENCE LOCATION-TYPE PARTICIPANT-TYPE RESOURCE-TYPE STRUCTURED-DATA
STYLED-DESCRIPTION CALENDAR-ADDRESS BUSYTYPE LINK CONCEPT REFID PROXIMITY BEGIN END DAYLIGHT TZ
"""
DATE_NAMES = frozenset(_DATES.split())
ADDRESS_NAMES = frozenset({"ATTENDEE", "ORGANIZER"})
PROSE_NAMES = frozenset(_PROSE.split())
KNOWN_NAMES = DATE_NAMES | ADDRESS_NAMES | PROSE_NAMES | frozenset(_OTHERS.split())

_DAY = re.compile(r"[ \t]*[\"']?[+-]?\d{4}-?\d{2}-?\d{2}|[ \t]*\Z")
_QUOTED = re.compile(r'"[^"]*"')
_QUOTED_WITH_ESCAPES = re.compile(r'"(?:[^"\\]|\\.)*"')
_CARET = {"^n": "\n", "^N": "\n", "^'": '"', "^^": "^"}


class ContentLine(NamedTuple):
    """A property. Names are in upper case; parameter values are without quotes."""

    name: str
    params: dict[str, str]
    value: str


def taken_apart(line: str) -> ContentLine | None:
    """`line` as a property; None when it is none."""
    end = re.search("[;:]", line)
    if end is None:
        return None
    name = line[: end.start()].strip().upper().rpartition(".")[2]
    rest = line[end.start() :]
    split = _value_start(name, rest)
    if split is None:
        return ContentLine(name, _parameters(rest), "")
    return ContentLine(name, _parameters(rest[:split]), rest[split + 1 :].strip())


def _value_start(name: str, rest: str) -> int | None:
    """Where the colon before the value stands. Names and zone names that should have been
    quoted hold colons too, so addresses and dates are found by what they look like."""
    if name in ADDRESS_NAMES:
        mailto = rest.lower().rfind(":mailto:")
        if mailto >= 0:
            return mailto
    colons = [found.start() for found in re.finditer(":", _masked(rest))]
    if not colons:
        colons = [found.start() for found in re.finditer(":", rest)]
    if name in DATE_NAMES:
        dated = [colon for colon in colons if _DAY.match(rest, colon + 1)]
        colons = dated or colons
    return colons[0] if colons else None


def _masked(text: str) -> str:
    """`text` with everything quoted blanked out, of equal length."""
    if '"' not in text:
        return text
    quoted = _QUOTED if text.count('"') % 2 == 0 and '\\"' not in text else _QUOTED_WITH_ESCAPES
    return quoted.sub(lambda found: " " * len(found.group()), text)


def _parameters(text: str) -> dict[str, str]:
    params: dict[str, str] = {}
    masked = _masked(text)
    bounds = [found.start() for found in re.finditer(";", masked)]
    for start, end in pairwise([*bounds, len(text)]):
        name, equals, value = text[start + 1 : end].partition("=")
        if equals:
            params.setdefault(name.strip().upper(), _unquoted(value))
    return params


def _unquoted(value: str) -> str:
    value = value.strip()
    if value.startswith('3D"'):  # a quoted-printable `=` that was never decoded
        value = value[2:]
    if value.startswith('"'):
        value = value[1:].removesuffix('"').replace('\\"', '"')
    value = value.replace('","', ",")
    return re.sub(r"\^[nN'^]", lambda found: _CARET[found.group()], value)


def unescaped(value: str) -> str:
    """A TEXT value without its escapes (RFC 5545 §3.3.11)."""
    return re.sub(
        r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], value, flags=re.DOTALL
    )
