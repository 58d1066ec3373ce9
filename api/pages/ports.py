"""What the pages need beyond the ports of the API: a party's view, sessions, and the mailbox."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from api.ports import Ports
from domain.access import Principal
from domain.meetings.pages import Noted, PartyPage, Saying
from domain.meetings.views import TimelineEvent
from domain.outbox.caught import Addressee as Caught
from domain.outbox.caught import CaughtMail, OpenedMail
from domain.outbox.wishes import Addressee
from domain.postage import MailWish
from domain.values import Slot


class PartyPages(Protocol):
    """The pages of parties, found by capability."""

    async def find(self, token: str) -> PartyPage | None:
        """The page that `token` opens; None for unknown and revoked ones alike."""
        ...

    async def note(self, saying: Saying) -> Noted:
        """Accept a click as an input, durably."""
        ...

    async def timeline(self, owner: str, meeting_id: str) -> Sequence[TimelineEvent]:
        """A meeting from its first event to its last, with what people wrote. Raises
        `NotFound`, also for another owner's."""
        ...

    async def zone_of(self, address: str) -> str | None:
        """The zone of the party with this address that was invited last; None for nobody's."""
        ...


class SessionStore(Protocol):
    """Desk sessions: the keys behind them, and those that were ended."""

    async def principal_of(self, key_id: str, session_hash: str, at: datetime) -> Principal:
        """Who that session of this key is. Raises `WrongKey` once the session was ended, or its
        key revoked or expired."""
        ...

    async def end(self, session_hash: str, until: datetime) -> None:
        """Remember, durably, that the session is over before `until`, when it would be anyhow."""
        ...


class Unsubscribing(Protocol):
    """The wishes of whoever is written to, found by capability."""

    async def find(self, token: str, now: datetime) -> Addressee | None:
        """Whom `token` stands for, and what they want now; None for an unknown one."""
        ...

    async def say(self, token: str, wish: MailWish, mark: str, at: datetime) -> bool:
        """Let `wish` hold, durably; `mark` tells the mail whose link was used, if any. False for
        an unknown token."""
        ...

    async def stop_optional(self, token: str, mark: str, at: datetime) -> bool:
        """Let no more optional mail go there, durably. False for an unknown token."""
        ...


class Mailbox(Protocol):
    """The mail that the embedded catcher holds."""

    async def addressees(self) -> Sequence[Caught]:
        """Everybody who was written to, the latest first."""
        ...

    async def mails(self, address: str) -> Sequence[CaughtMail]:
        """The mails of one address, newest first. Empty for an unknown one."""
        ...

    async def open(self, mail_id: int) -> OpenedMail:
        """One mail, read. Raises `NotFound`."""
        ...


class Attendees(Protocol):
    """Answers invitations as people's mail programs do, and sends the answers by real SMTP.

    Every method raises `NotFound` for an unknown mail or program, `BadInput` for a mail without
    an invitation, and `Unavailable` when the answer was not accepted.
    """

    def programs(self) -> Mapping[str, str]:
        """The mail programs that can be played: what people call each, by its key."""
        ...

    async def answer(self, mail_id: int, program: str, partstat: str, comment: str) -> None:
        """Answer with ACCEPTED, TENTATIVE or DECLINED."""
        ...

    async def propose(self, mail_id: int, program: str, slot: Slot, comment: str) -> None:
        """Propose another time. Raises `Refused` for a program that cannot."""
        ...

    async def write(self, mail_id: int, words: str) -> None:
        """Reply in words only."""
        ...


@dataclass(frozen=True)
class PageParts:
    """What `routers` needs. The mailbox is there only beside the embedded catcher."""

    ports: Ports
    parties: PartyPages
    sessions: SessionStore
    wishes: Unsubscribing
    mailbox: Mailbox | None = None
    attendees: Attendees | None = None

    @property
    def base_url(self) -> str:
        return self.ports.settings.base_url.rstrip("/")


Context = dict[str, Any]
"""What a template is given."""
