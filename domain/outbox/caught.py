"""Mail that the embedded catcher holds, as its web mailbox shows it."""

from domain.values import Frozen, Instant


class Addressee(Frozen):
    """Somebody who was written to, and how many mails there are."""

    address: str
    count: int


class CaughtMail(Frozen):
    """One mail in a list. `sender` and `subject` are what the headers say, made showable."""

    id: int
    address: str
    sender: str
    subject: str
    caught_at: Instant


class Guest(Frozen):
    """One ATTENDEE line: who, and the answer it shows."""

    name: str
    address: str
    partstat: str


class Invitation(Frozen):
    """The calendar part of a mail, as a calendar program would show it.

    `start` and `end` are None where the mail does not say. `sequence` is 0 when absent
    (RFC 5545 §3.8.7.4).
    """

    method: str
    uid: str
    sequence: int
    title: str
    location: str = ""
    organizer: str = ""
    status: str = ""
    start: Instant | None = None
    end: Instant | None = None
    guests: tuple[Guest, ...] = ()


class OpenedMail(Frozen):
    """One mail, read: its headers as they stand, its text, its HTML, and its calendar part."""

    mail: CaughtMail
    headers: tuple[tuple[str, str], ...]
    text: str
    html: str = ""
    invitation: Invitation | None = None
