"""The people of the stories: each has an address, a zone, a mail program and a calendar."""

import email
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import policy

from adapters.attendees.calendar import AttendeeCalendar, Received
from adapters.attendees.client import Client
from adapters.attendees.invitation import Invitation, NoInvitation, read_invitation
from adapters.attendees.programs import CLIENTS
from domain.values import Slot

_NEVER = datetime.min.replace(tzinfo=UTC)
_LINK = re.compile(r"https?://[^\s\"'<>]+")


@dataclass(frozen=True)
class Mail:
    """A mail as the world's mail server, here the catcher, accepted it for one person."""

    id: int
    recipient: str
    mail_from: str
    message_id: str
    raw: bytes

    @property
    def invitation(self) -> Invitation | None:
        """The calendar object in it, if there is one."""
        try:
            return read_invitation(self.raw)
        except NoInvitation:
            return None

    @property
    def subject(self) -> str:
        return str(email.message_from_bytes(self.raw, policy=policy.default)["Subject"])

    @property
    def links(self) -> list[str]:
        """Every address that a person or a scanner could follow, each once."""
        message = email.message_from_bytes(self.raw, policy=policy.default)
        texts = [str(value) for value in message.values()]
        texts += [
            str(part.get_content()) for part in message.walk() if part.get_content_type() in _TEXTS
        ]
        return list(dict.fromkeys(link for text in texts for link in _LINK.findall(text)))

    def link(self, ending: str) -> str:
        """The link whose path ends so: `/accept` leads to the form to accept."""
        [found] = [link for link in self.links if link.partition("?")[0].endswith(ending)]
        return found


_TEXTS = ("text/plain", "text/html")


@dataclass
class Person:
    """Somebody who reads mail, and answers invitations with a mail program."""

    name: str
    address: str
    zone: str
    program: str
    calendar: AttendeeCalendar = field(init=False)
    mails: list[Mail] = field(default_factory=list)
    effects: list[Received] = field(default_factory=list)
    _last_deed: datetime = field(default=_NEVER, init=False)

    def __post_init__(self) -> None:
        self.calendar = AttendeeCalendar(self.address)

    def clock(self) -> datetime:
        """Now, and later than any deed before by at least a second, as with people: in one second
        the same answer twice is one (DTSTAMP counts whole ones)."""
        self._last_deed = max(datetime.now(UTC), self._last_deed + timedelta(seconds=1))
        return self._last_deed

    def take(self, mail: Mail) -> None:
        """Open a mail: the program puts into the calendar what is for the calendar."""
        self.mails.append(mail)
        self.effects.append(self.calendar.receive(mail.raw))

    @property
    def client(self) -> Client:
        return CLIENTS[self.program]

    @property
    def methods(self) -> list[str]:
        """What the calendar objects of all mails asked for, in order; '' for words alone."""
        found = [mail.invitation for mail in self.mails]
        return [each.method if each else "" for each in found]

    @property
    def invitations(self) -> list[Invitation]:
        """Every REQUEST, in order of arrival."""
        found = [mail.invitation for mail in self.mails]
        return [each for each in found if each and each.method == "REQUEST"]

    @property
    def shown(self) -> Invitation:
        """The only event in the calendar, as it stands there now."""
        [entry] = self.calendar.entries.values()
        return entry.current

    @property
    def slot(self) -> Slot:
        """When the only event is, by this person's calendar."""
        shown = self.shown
        assert shown.start is not None
        assert shown.end is not None
        return Slot(start=shown.start, end=shown.end)

    @property
    def is_cancelled(self) -> bool:
        [entry] = self.calendar.entries.values()
        return entry.is_cancelled

    def answer(self, partstat: str, comment: str = "", about: Invitation | None = None) -> bytes:
        """The mail that a button writes about `about`, or what the calendar shows now."""
        return self.client.answer(
            about or self.shown, self.address, self.name, partstat, self.clock(), comment
        )

    def propose(
        self,
        slot: Slot,
        comment: str = "",
        about: Invitation | None = None,
        partstat: str | None = None,
    ) -> bytes:
        """The mail that proposes another time."""
        return self.client.propose(
            about or self.shown,
            self.address,
            self.name,
            slot.start,
            slot.end,
            self.clock(),
            partstat=partstat,
            comment=comment,
        )
