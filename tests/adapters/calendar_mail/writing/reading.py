"""A reader of mails and calendars made for these tests alone, strict where programs are kind."""

import email
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage


def parsed(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def part(raw: bytes, content_type: str) -> EmailMessage:
    [found] = [each for each in parsed(raw).walk() if each.get_content_type() == content_type]
    assert isinstance(found, EmailMessage)
    return found


def content(raw: bytes, content_type: str) -> bytes:
    """The decoded octets of the only part of this type."""
    octets = part(raw, content_type).get_payload(decode=True)
    assert isinstance(octets, bytes)
    return octets


def text(raw: bytes) -> str:
    return content(raw, "text/plain").decode().replace("\r\n", "\n")


def page(raw: bytes) -> str:
    return content(raw, "text/html").decode()


def ics(raw: bytes) -> bytes:
    return content(raw, "text/calendar")


@dataclass(frozen=True)
class Line:
    """One unfolded property: `head` is its name and parameters."""

    head: str
    value: str

    @property
    def name(self) -> str:
        return self.head.partition(";")[0]


def lines(calendar: bytes) -> list[Line]:
    """The properties of a calendar text. Asserts CRLF, folding at 75 octets, and that no line,
    folded or not, is torn inside a character (RFC 5545 §3.1)."""
    assert calendar.endswith(b"\r\n")
    physical = calendar[:-2].split(b"\r\n")
    for line in physical:
        assert len(line) <= 75
        assert b"\n" not in line
        assert b"\r" not in line
        line.decode("utf-8")
    unfolded: list[str] = []
    for line in physical:
        if line[:1] in (b" ", b"\t"):
            unfolded[-1] += line[1:].decode()
        else:
            unfolded.append(line.decode())
    return [_line(line) for line in unfolded]


def _line(unfolded: str) -> Line:
    is_quoted = False
    for at, character in enumerate(unfolded):
        is_quoted ^= character == '"'
        if character == ":" and not is_quoted:
            return Line(unfolded[:at], unfolded[at + 1 :])
    raise AssertionError("a line without a value")


def names(calendar: bytes) -> list[str]:
    return [f"{line.name}:{line.value}" if _frames(line) else line.name for line in lines(calendar)]


def _frames(line: Line) -> bool:
    return line.name in ("BEGIN", "END")


def value(calendar: bytes, name: str) -> str:
    """The value of the only property of this name, its escapes undone."""
    [found] = [line.value for line in lines(calendar) if line.name == name]
    return unescaped(found)


def unescaped(value: str) -> str:
    plain, characters = "", iter(value)
    for character in characters:
        if character == "\\":
            following = next(characters)
            plain += "\n" if following in "nN" else following
        else:
            plain += character
    return plain
