"""iCalendar content lines, by hand: splitting, folding, escaping (RFC 5545 §3.1, §3.3.11).

Shares nothing with what it judges: a mistake made on both sides would look like agreement.
"""

import re
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ContentLine:
    """`NAME;PARAM=value:value`, names in upper case, parameter values without their quotes."""

    name: str
    value: str
    params: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The value with its escapes undone."""
        return unescape(self.value)


def content_lines(ics: bytes) -> list[ContentLine]:
    """The lines of a calendar text, unfolded as octets so that no character is torn."""
    joined = re.sub(rb"\r?\n[ \t]", b"", ics)
    texts = joined.decode("utf-8", "replace").splitlines()
    return [content_line(text) for text in texts if ":" in text]


_PARAMETER = re.compile(r';([A-Za-z0-9-]+)=("[^"]*"|[^";:,]*)')


def content_line(text: str) -> ContentLine:
    """One unfolded line. A line without a sound head is all value."""
    name = re.match(r"[A-Za-z0-9-]+", text)
    if name is None:
        return ContentLine("", text)
    at, params = name.end(), {}
    while found := _PARAMETER.match(text, at):
        params[found[1].upper()] = found[2].strip('"')
        at = found.end()
    return ContentLine(name[0].upper(), text[at:].removeprefix(":"), params)


def unescape(value: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], value)


def escape(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return escaped.replace("\r\n", "\\n").replace("\n", "\\n")


def quoted(text: str) -> str:
    """A parameter value, in quotes where it needs them; a quote inside becomes an apostrophe."""
    plain = text.replace('"', "'")
    return f'"{plain}"' if re.search(r"[;:,]", plain) else plain


def calendar_text(lines: list[str]) -> bytes:
    """Lines folded at 75 octets between characters, each ending in CRLF."""
    return b"".join(_folded(line) for line in lines)


def _folded(line: str) -> bytes:
    folded, room = b"", 75
    for character in line:
        octets = character.encode()
        if len(octets) > room:
            folded, room = folded + b"\r\n ", 74
        folded, room = folded + octets, room - len(octets)
    return folded + b"\r\n"
