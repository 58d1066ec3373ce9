"""The people of the demo: each has an address, a zone, a mail program and a calendar."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from adapters.attendees.calendar import AttendeeCalendar, Received
from adapters.attendees.client import Client
from adapters.attendees.invitation import Invitation, NoInvitation, read_invitation
from adapters.attendees.programs import CLIENTS
from adapters.attendees.sending import submit
from console.installation import Caught, Installation
from domain.values import Slot


@dataclass
class Receipt:
    """One mail somebody got, and what it did to the calendar."""

    mail: Caught
    effect: Received
    invitation: Invitation | None


@dataclass
class Person:
    """Somebody who answers invitations with a mail program, by real SMTP."""

    name: str
    address: str
    zone: str
    program: str
    calendar: AttendeeCalendar = field(init=False)
    receipts: list[Receipt] = field(default_factory=list)

    _answered_at: datetime = field(init=False, default=datetime.min.replace(tzinfo=UTC))

    def __post_init__(self) -> None:
        self.calendar = AttendeeCalendar(self.address)

    @property
    def client(self) -> Client:
        return CLIENTS[self.program]

    @property
    def invitations(self) -> list[Invitation]:
        """Every revision of the event this person was sent, in order of arrival."""
        return [
            receipt.invitation
            for receipt in self.receipts
            if receipt.invitation and receipt.invitation.method == "REQUEST"
        ]

    def fetch(self, where: Installation) -> list[Receipt]:
        """Take in the mail that has come since the last time."""
        last = self.receipts[-1].mail.id if self.receipts else 0
        new = [
            Receipt(mail, self.calendar.receive(mail.raw), _invitation(mail.raw))
            for mail in where.caught(after=last)
            if mail.recipient.lower() == self.address
        ]
        self.receipts.extend(new)
        return new

    async def accept(self, invitation: Invitation, where: Installation) -> str:
        """Press "yes" on that revision; returns what the server said."""
        now = await self._tick()
        raw = self.client.answer(invitation, self.address, self.name, "ACCEPTED", now)
        return await self._send(raw, invitation, where)

    async def propose(self, invitation: Invitation, slot: Slot, where: Installation) -> str:
        """Propose another time; returns what the server said."""
        now = await self._tick()
        raw = self.client.propose(
            invitation,
            self.address,
            self.name,
            slot.start,
            slot.end,
            now,
            comment="Could we make it later?",
        )
        return await self._send(raw, invitation, where)

    async def _tick(self) -> datetime:
        """Now, in a later second than this person's last answer: two answers to one revision are
        told apart by their DTSTAMP, which counts whole seconds (RFC 5546 §2.1.5)."""
        free_from = self._answered_at + timedelta(seconds=1)
        while (now := datetime.now(UTC)) < free_from:  # noqa: ASYNC110  # a clock has no event
            await asyncio.sleep((free_from - now).total_seconds())
        self._answered_at = now.replace(microsecond=0)
        return now

    async def _send(self, raw: bytes, invitation: Invitation, where: Installation) -> str:
        port = where.intake_port
        return await submit(raw, self.address, invitation.organizer, "127.0.0.1", port)


def _invitation(raw: bytes) -> Invitation | None:
    try:
        return read_invitation(raw)
    except NoInvitation:
        return None
