"""What a mail program understands of a mail that came in: the calendar object, if there is one."""

import email
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage

from adapters.attendees.lines import ContentLine, content_lines
from domain.errors import BadInput


class NoInvitation(BadInput):
    """The mail has no calendar part that a mail program could answer."""

    code = "no-invitation"

    def __init__(self) -> None:
        super().__init__("This mail has no calendar part to answer; use the links in its text.")


@dataclass(frozen=True)
class Guest:
    """An ATTENDEE of the event, as the invitation shows it."""

    address: str
    name: str
    partstat: str
    rsvp: bool


@dataclass(frozen=True)
class Invitation:
    """One VEVENT as it came by mail. Times are aware UTC; None where the event has none.

    `lines` are all content lines of the event, for programs that copy what they do not know.
    """

    method: str
    uid: str
    sequence: int
    dtstamp: datetime | None
    organizer: str
    organizer_name: str
    start: datetime | None
    end: datetime | None
    summary: str
    description: str
    location: str
    status: str
    comment: str
    guests: tuple[Guest, ...]
    lines: tuple[ContentLine, ...]
    subject: str = ""
    message_id: str = ""

    def guest(self, address: str) -> Guest | None:
        """The line of the person with this address."""
        same = [each for each in self.guests if each.address.lower() == address.lower()]
        return same[0] if same else None


def read_invitation(raw: bytes) -> Invitation:
    """The calendar object of a mail. Raises `NoInvitation` when there is none."""
    message = email.message_from_bytes(raw, policy=policy.default)
    for part in message.walk():
        if part.get_content_type() == "text/calendar":
            return _invitation(part, message)
    raise NoInvitation


def _invitation(part: EmailMessage, message: EmailMessage) -> Invitation:
    content = part.get_payload(decode=True)
    lines = content_lines(content) if isinstance(content, bytes) else []
    method = _first(lines, "METHOD")
    event = _event_lines(lines)
    if method is None or not event:
        raise NoInvitation
    organizer = _first(event, "ORGANIZER") or ContentLine("ORGANIZER", "")
    return Invitation(
        method=method.value.upper(),
        uid=_text(event, "UID"),
        sequence=int(_text(event, "SEQUENCE") or 0),
        dtstamp=_moment(event, "DTSTAMP"),
        organizer=_address(organizer),
        organizer_name=organizer.params.get("CN", ""),
        start=_moment(event, "DTSTART"),
        end=_moment(event, "DTEND"),
        summary=_text(event, "SUMMARY"),
        description=_text(event, "DESCRIPTION"),
        location=_text(event, "LOCATION"),
        status=_text(event, "STATUS"),
        comment=_text(event, "COMMENT"),
        guests=tuple(_guest(line) for line in event if line.name == "ATTENDEE"),
        lines=tuple(event),
        subject=str(message["Subject"] or ""),
        message_id=str(message["Message-ID"] or ""),
    )


def _event_lines(lines: list[ContentLine]) -> list[ContentLine]:
    """What stands between BEGIN:VEVENT and END:VEVENT."""
    marks = [f"{line.name}:{line.value.upper()}" for line in lines]
    if "BEGIN:VEVENT" not in marks or "END:VEVENT" not in marks:
        return []
    return lines[marks.index("BEGIN:VEVENT") + 1 : marks.index("END:VEVENT")]


def _first(lines: list[ContentLine], name: str) -> ContentLine | None:
    return next((line for line in lines if line.name == name), None)


def _text(lines: list[ContentLine], name: str) -> str:
    line = _first(lines, name)
    return line.text if line else ""


def _moment(lines: list[ContentLine], name: str) -> datetime | None:
    """Our invitations carry UTC only; anything else is not understood, on purpose."""
    text = _text(lines, name)
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) if text else None


def _guest(line: ContentLine) -> Guest:
    return Guest(
        address=_address(line),
        name=line.params.get("CN", ""),
        partstat=line.params.get("PARTSTAT", "NEEDS-ACTION"),
        rsvp=line.params.get("RSVP", "FALSE") == "TRUE",
    )


def _address(line: ContentLine) -> str:
    return line.value[7:] if line.value[:7].lower() == "mailto:" else line.value
