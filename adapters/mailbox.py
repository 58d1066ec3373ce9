"""The web mailbox behind the embedded catcher: reads what was caught, and answers it.

Mail is read with the standard library, in a thread, and everything that can go wrong there
leaves the mail readable as plain bytes: this is a tool for trying Parley out on one's own machine.
"""

import asyncio
import email
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from email.header import decode_header, make_header
from email.message import Message
from typing import Protocol

from adapters.attendees.client import Client
from adapters.attendees.invitation import Invitation as Received
from adapters.attendees.invitation import read_invitation
from adapters.attendees.notes import note
from adapters.attendees.programs import CLIENTS
from adapters.attendees.sending import submit
from adapters.catcher.mailboxes import CaughtMail as Caught
from domain.errors import BadInput, NotFound
from domain.outbox.caught import Addressee, CaughtMail, Guest, Invitation, OpenedMail
from domain.values import Slot, scrubbed

_LONGEST_TEXT = 200_000
_NEWEST = 200


class Catcher(Protocol):
    """What is needed of the catcher."""

    async def newest(self, recipient: str, limit: int) -> list[Caught]: ...

    async def get(self, id: int) -> Caught | None: ...

    async def recipients(self) -> list[tuple[str, int]]: ...


class CaughtMailbox:
    """Everything that was caught, for the pages."""

    def __init__(self, catcher: Catcher) -> None:
        self._catcher = catcher

    async def addressees(self) -> Sequence[Addressee]:
        """Everybody who was written to, the latest first."""
        found = await self._catcher.recipients()
        return [Addressee(address=address, count=count) for address, count in found]

    async def mails(self, address: str) -> Sequence[CaughtMail]:
        """The newest mails of one address, newest first. Empty for an unknown one."""
        newest = await self._catcher.newest(address, _NEWEST)
        return await asyncio.to_thread(lambda: [_listed(mail) for mail in newest])

    async def open(self, mail_id: int) -> OpenedMail:
        """One mail, read. Raises `NotFound`."""
        mail = await _found(self._catcher, mail_id)
        return await asyncio.to_thread(_opened, mail)


class SimulatedAttendees:
    """Answers caught invitations as mail programs do, by SMTP to `host:port`.

    `now` is the clock of the simulated person's machine.
    """

    def __init__(self, catcher: Catcher, host: str, port: int, now: Callable[[], datetime]) -> None:
        self._catcher = catcher
        self._host = host
        self._port = port
        self._now = now

    def programs(self) -> Mapping[str, str]:
        """The mail programs that can be played: what people call each, by its key."""
        return {key: client.name for key, client in CLIENTS.items()}

    async def answer(self, mail_id: int, program: str, partstat: str, comment: str) -> None:
        """Answer with ACCEPTED, TENTATIVE or DECLINED."""
        mail, invitation = await self._invitation(mail_id)
        name = _name(invitation, mail.recipient)
        client = _client(program)
        raw = client.answer(invitation, mail.recipient, name, partstat, self._now(), comment)
        await self._send(raw, mail, invitation)

    async def propose(self, mail_id: int, program: str, slot: Slot, comment: str) -> None:
        """Propose another time. Raises `Refused` for a program that cannot."""
        mail, invitation = await self._invitation(mail_id)
        raw = _client(program).propose(
            invitation,
            mail.recipient,
            _name(invitation, mail.recipient),
            slot.start,
            slot.end,
            self._now(),
            comment=comment,
        )
        await self._send(raw, mail, invitation)

    async def write(self, mail_id: int, words: str) -> None:
        """Reply in words only."""
        mail, invitation = await self._invitation(mail_id)
        name = _name(invitation, mail.recipient)
        raw = note(invitation, mail.recipient, name, words, self._now())
        await self._send(raw, mail, invitation)

    async def _invitation(self, mail_id: int) -> tuple[Caught, Received]:
        mail = await _found(self._catcher, mail_id)
        return mail, await asyncio.to_thread(_invitation_of, mail.raw)

    async def _send(self, raw: bytes, mail: Caught, invitation: Received) -> None:
        await submit(raw, mail.recipient, invitation.organizer, self._host, self._port)


async def _found(catcher: Catcher, mail_id: int) -> Caught:
    mail = await catcher.get(mail_id)
    if mail is None:
        raise NotFound("There is no such mail.")
    return mail


def _client(program: str) -> Client:
    if program not in CLIENTS:
        raise NotFound("There is no such mail program.")
    return CLIENTS[program]


def _name(invitation: Received, address: str) -> str:
    guest = invitation.guest(address)
    return guest.name if guest else ""


def _invitation_of(raw: bytes) -> Received:
    """Raises `BadInput` for a mail that cannot be answered, whatever is wrong with it."""
    try:
        return read_invitation(raw)
    except (ValueError, LookupError, AttributeError, RecursionError) as fault:
        raise BadInput("The calendar part of this mail cannot be read.") from fault


def _listed(mail: Caught) -> CaughtMail:
    message = email.message_from_bytes(mail.raw.partition(b"\r\n\r\n")[0])
    return CaughtMail(
        id=mail.id,
        address=mail.recipient,
        sender=_header(message, "From"),
        subject=_header(message, "Subject"),
        caught_at=mail.accepted_at,
    )


def _opened(mail: Caught) -> OpenedMail:
    try:
        message = email.message_from_bytes(mail.raw)
        parts = list(_texts(message))
    except (ValueError, LookupError, AttributeError, RecursionError):
        return OpenedMail(mail=_listed(mail), headers=(), text=_decoded(mail.raw, "utf-8"))
    return OpenedMail(
        mail=_listed(mail),
        headers=tuple((name, _shown(value)) for name, value in message.items()),
        text=next((text for kind, text in parts if kind == "text/plain"), ""),
        html=next((text for kind, text in parts if kind == "text/html"), ""),
        invitation=_shown_invitation(mail.raw),
    )


def _texts(message: Message) -> Iterator[tuple[str, str]]:
    """The text parts of a mail with their types."""
    for part in message.walk():
        payload = part.get_payload(decode=True)
        if part.get_content_maintype() == "text" and isinstance(payload, bytes):
            yield part.get_content_type(), _decoded(payload, part.get_content_charset("utf-8"))


def _decoded(payload: bytes, charset: str) -> str:
    try:
        text = payload.decode(charset, "replace")
    except (LookupError, ValueError):
        text = payload.decode("utf-8", "replace")
    return scrubbed(text, limit=_LONGEST_TEXT)


def _header(message: Message, name: str) -> str:
    return _shown(message.get(name, ""))


def _shown(value: object) -> str:
    """A header value for people: encoded-words decoded, folding undone."""
    text = str(value)
    with suppress(ValueError, LookupError):  # then it is shown as it stands
        text = str(make_header(decode_header(text)))
    return " ".join(scrubbed(text).split())


def _shown_invitation(raw: bytes) -> Invitation | None:
    try:
        received = _invitation_of(raw)
    except BadInput:
        return None
    return Invitation(
        method=received.method,
        uid=received.uid,
        sequence=received.sequence,
        title=received.summary,
        location=received.location,
        organizer=received.organizer_name or received.organizer,
        status=received.status,
        start=received.start,
        end=received.end,
        guests=tuple(
            Guest(name=guest.name, address=guest.address, partstat=guest.partstat)
            for guest in received.guests
        ),
    )
