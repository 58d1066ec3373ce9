"""The content lines of a calendar, recovered from bytes (RFC 5545 §3.1).

Not `icalendar`'s parser: it stops at text after the end, at a missing end and at one bad time
zone, and keeps time zones from one mail to the next (calendar-mail section 7). Here a line is
read as long as a person could still tell what it says, and the damage is named.
"""

import re
from typing import NamedTuple

from adapters.calendar_mail.reading import limits
from adapters.calendar_mail.reading.charsets import decoded, known_charset
from adapters.calendar_mail.reading.problems import Problems
from adapters.calendar_mail.reading.tokens import KNOWN_NAMES, PROSE_NAMES

_BREAK = re.compile(rb"\r*\n|\r")
_NAME = re.compile(rb"[ \t]*([A-Za-z][A-Za-z0-9_.-]{0,60})[ \t]*[;:]")
_QP_SIGN = re.compile(rb"=(?:[0-9A-Fa-f]{2}|\r?\n)")
_UTF16_SIGNS = (b"B\0E\0G\0I\0N\0", b"\0B\0E\0G\0I\0N")


class _Physical(NamedTuple):
    text: bytes
    folds: bool


def content_lines(data: bytes, charset: str | None, problems: Problems) -> list[str]:
    """The unfolded lines of `data`, empty ones left out. Unfolded before decoded, because
    some writers fold inside a UTF-8 character."""
    data = _in_bytes_of_one(data, charset)
    data = _without_quoted_printable(data, problems)
    lines = _joined(_unfolded(_physical(data, problems)), problems)
    kept = b"\n".join(lines)
    multibyte = (known_charset(charset) or "").startswith(("utf-16", "utf-32"))
    text, guess = decoded(kept, None if multibyte else charset)
    if guess:
        problems.say(f"the calendar is {guess}")
    return text.split("\n")


def _in_bytes_of_one(data: bytes, charset: str | None) -> bytes:
    """UTF-16 and UTF-32 become UTF-8, so that lines can be told apart."""
    codec = known_charset(charset) or ""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        codec = "utf-16"
    elif _UTF16_SIGNS[0] in data[:200]:
        codec = "utf-16-le"
    elif _UTF16_SIGNS[1] in data[:200]:
        codec = "utf-16-be"
    elif not codec.startswith(("utf-16", "utf-32")) or b"BEGIN" in data[:200]:
        return data.removeprefix(b"\xef\xbb\xbf")
    return data.decode(codec, "replace").lstrip("\ufeff").encode("utf-8", "replace")


def _without_quoted_printable(data: bytes, problems: Problems) -> bytes:
    """Some programs encode twice; then every `=` starts an escape, which no calendar has."""
    escapes = data.count(b"=3D") + data.count(b"=\r\n") + data.count(b"=\n")
    if escapes == 0 or data.count(b"=") != len(_QP_SIGN.findall(data)) or b"=3D" not in data:
        return data
    problems.say("the calendar was still in quoted-printable; decoded")
    return re.sub(rb"=([0-9A-Fa-f]{2})", _octet, re.sub(rb"=\r?\n", b"", data))


def _octet(escape: "re.Match[bytes]") -> bytes:
    return bytes.fromhex(escape.group(1).decode("ascii"))


def _physical(data: bytes, problems: Problems) -> list[_Physical]:
    lines = []
    texts = _BREAK.split(data, limits.CALENDAR_LINES)
    if len(texts) > limits.CALENDAR_LINES:
        problems.say(f"more than {limits.CALENDAR_LINES} lines of calendar; the rest was not read")
        texts.pop()
    for text in texts:
        if text.strip():
            lines.append(_Physical(text, text[:1] in b" \t"))
    return _dedented(lines)


def _dedented(lines: list[_Physical]) -> list[_Physical]:
    """A calendar pasted with an indent would otherwise be one single folded line."""
    first = next((line for line in lines if line.text.lstrip()[:6].upper() == b"BEGIN:"), None)
    if first is None or not first.folds:
        return lines
    indent = first.text[: len(first.text) - len(first.text.lstrip())]
    bare = [line.text.removeprefix(indent) for line in lines]
    return [_Physical(text, text[:1] in b" \t") for text in bare]


def _unfolded(lines: list[_Physical]) -> list[bytes]:
    unfolded: list[list[bytes]] = []
    for line in lines:
        if line.folds and unfolded:
            unfolded[-1].append(line.text[1:])
        else:
            unfolded.append([line.text])
    return [b"".join(pieces) for pieces in unfolded]


class _Logical:
    """A line as it grows: unfolded already, perhaps broken where no fold was."""

    def __init__(self, head: bytes) -> None:
        name = _NAME.match(head)
        self._pieces = [head]
        self._size = len(head)
        self._is_mark = _is_mark(head)
        self._has_value = b":" in head
        self._seam = b"\\n" if name and _upper(name) in PROSE_NAMES else b""

    def goes_on_in(self, line: bytes) -> bool:
        """Whether `line` cannot stand alone, or this one is not complete without it."""
        if self._is_mark or _is_mark(line):
            return False
        name = _NAME.match(line)
        if name is None or not self._has_value:
            return True
        known = _upper(name)
        return known not in KNOWN_NAMES and known[:2] != "X-" and known.encode() != name[1]

    def take(self, line: bytes) -> None:
        if self._size <= limits.CONTENT_LINE:
            self._pieces += (self._seam, line)
            self._size += len(line)
            self._has_value = self._has_value or b":" in line

    def whole(self, problems: Problems) -> bytes:
        line = b"".join(self._pieces)
        if len(line) > limits.CONTENT_LINE:
            problems.say("an oversized line of the calendar was cut")
        return line[: limits.CONTENT_LINE]


def _joined(lines: list[bytes], problems: Problems) -> list[bytes]:
    """Puts lines together that were broken without a fold, and cuts oversized ones."""
    joined: list[_Logical] = []
    for line in lines:
        if joined and joined[-1].goes_on_in(line):
            problems.say("a line was broken without a fold; joined to the one before it")
            joined[-1].take(line)
        else:
            joined.append(_Logical(line))
    return [logical.whole(problems) for logical in joined]


def _is_mark(line: bytes) -> bool:
    return line.lstrip()[:6].upper().startswith((b"BEGIN:", b"END:"))


def _upper(name: "re.Match[bytes]") -> str:
    return name.group(1).decode("ascii").upper()
