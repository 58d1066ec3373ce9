"""The leaves of a mail, found without recursion and within limits (RFC 2046 §5.1)."""

import re
from dataclasses import dataclass

from adapters.calendar_mail.reading import limits
from adapters.calendar_mail.reading.headers import Headers, split_headers, words
from adapters.calendar_mail.reading.problems import Problems
from adapters.calendar_mail.reading.transfer import undone

_GUESSED_BOUNDARY = re.compile(rb"(?:\A|\n)--([^\r\n]{1,200}?)[ \t]*\r?\nContent-", re.IGNORECASE)


@dataclass(frozen=True)
class Part:
    """One leaf: its headers and its body, still in its transfer encoding.

    An attached message (message/rfc822) is a leaf too: its words are somebody else's.
    """

    headers: Headers
    body: bytes
    inside: tuple[str, ...] = ()  # the multipart types around it, outermost first

    @property
    def content_type(self) -> str:
        """The media type in lower case, without what follows it even where the semicolon is
        missing; text/plain when absent or senseless, as RFC 2045 §5.2 says."""
        return self.headers.typed("content-type").get_content_type().split()[0]

    @property
    def is_attachment(self) -> bool:
        return self.headers.typed("content-disposition").get_content_disposition() == "attachment"

    @property
    def charset(self) -> str | None:
        return self.parameter("charset")

    @property
    def filename(self) -> str:
        """The file name in lower case, '' without one."""
        lone = self.headers.typed("content-disposition").get_filename("")
        return words(str(lone or self.parameter("name") or "")).strip().lower()

    def parameter(self, name: str) -> str | None:
        """A parameter of Content-Type, without quotes."""
        try:
            value = self.headers.typed("content-type").get_param(name)
        except Exception:  # broken RFC 2231 continuations raise what they like
            return None
        if isinstance(value, tuple):
            value = value[2]
        return str(value).strip(" '\"") or None if value is not None else None

    def content(self, problems: Problems) -> bytes:
        """The body without its transfer encoding."""
        return undone(self.body, self._encoding, problems)

    @property
    def may_hide_calendar(self) -> bool:
        """Whether the body looks like a calendar, whatever the part calls itself."""
        head = self.body[:4096].upper()
        return b"VCALENDAR" in head or head.lstrip().startswith(b"QKVHSU46V")

    @property
    def _encoding(self) -> str:
        value = (self.headers.get("content-transfer-encoding") or "").strip(" \t'\";")
        return value.split(" ")[0].split(";")[0].lower()


def leaves(headers: Headers, body: bytes, problems: Problems) -> list[Part]:
    """The leaves of a message in the order of their appearance, at most `limits.PARTS`."""
    found: list[Part] = []
    pending = [Part(headers, body)]
    while pending:
        part = pending.pop()
        room = limits.PARTS - len(found) - len(pending)
        if not part.content_type.startswith("multipart/"):
            found.append(part)
        elif len(part.inside) >= limits.NESTING:
            problems.say(f"parts nested deeper than {limits.NESTING} were not read")
        elif room <= 0:
            problems.say(f"more than {limits.PARTS} parts; the rest were not read")
        else:
            pending.extend(reversed(_split(part, room, problems)))
    return found


def _split(part: Part, room: int, problems: Problems) -> list[Part]:
    boundary = (part.parameter("boundary") or "").encode("latin-1", "replace").rstrip()
    sections = _sections(part.body, boundary, room, problems) if boundary else []
    if not sections:
        sections = _with_guessed_boundary(part, room, problems)
    inside = (*part.inside, part.content_type)
    if not sections:
        problems.say("a multipart without its parts was read as text")
        plain = Headers(tuple(f for f in part.headers.fields if f[0] != "content-type"))
        return [Part(plain, part.body, inside)]
    return [Part(*split_headers(section, problems), inside) for section in sections]


def _with_guessed_boundary(part: Part, room: int, problems: Problems) -> list[bytes]:
    body = part.body
    guess = _GUESSED_BOUNDARY.search(body)
    if guess is None and part.headers.get("content-transfer-encoding"):
        body = part.content(Problems())
        guess = _GUESSED_BOUNDARY.search(body)
    if guess is None:
        return []
    problems.say("the boundary between parts was not as announced; guessed from the text")
    return _sections(body, guess.group(1), room, problems)


def _sections(body: bytes, boundary: bytes, room: int, problems: Problems) -> list[bytes]:
    """What lies between the delimiter lines of `boundary`, at most `room` sections."""
    delimiter = re.compile(rb"(?:\A|\n)--" + re.escape(boundary) + rb"(--)?[ \t]*\r*(?=\n|\Z)")
    sections = []
    start: int | None = None
    for found in delimiter.finditer(body):
        if start is not None:
            sections.append(body[start : found.start()].removesuffix(b"\r"))
        start = None if found.group(1) else found.end() + 1
        if start is None:
            break
        if len(sections) >= room:
            problems.say(f"more than {limits.PARTS} parts; the rest were not read")
            return sections[: max(room, 0)]
    if start is not None:
        problems.say("the mail is cut off: the last part has no end")
        sections.append(body[start:])
    return sections
