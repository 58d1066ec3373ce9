"""What the pages need beyond the ports of the API: a party's view, sessions, and the mailbox."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from api.ports import Ports
from domain.access import Principal
from domain.journal import JournalEvent
from domain.meetings.card import MeetingCard
from domain.meetings.messages import Effect, MeetingInput
from domain.outbox.caught import Addressee, CaughtMail, OpenedMail
from domain.values import Frozen, Instant


class Click(Frozen):
    """Something a party did on its page. `effect`, `code` and `detail` are None until the saga
    has recorded what came of it. `body` is the input, `comment` what the party wrote with it."""

    id: int
    received_at: Instant
    body: MeetingInput
    comment: str | None = None
    effect: Effect | None = None
    code: str = ""
    detail: str = ""


class PartyPage(Frozen):
    """All that a party's page is made of: its meeting from first fact to last, on one snapshot.

    `clicks` are the party's own, newest first, 20 at most. `words` are what this party wrote,
    by input id; the words of others are not here.
    """

    stream: str
    party: int
    card: MeetingCard
    events: tuple[JournalEvent, ...]
    clicks: tuple[Click, ...] = ()
    words: Mapping[int, str] = {}


class Saying(Frozen):
    """A click on its way to the saga. `key` makes it one input however often it is sent."""

    stream: str
    party: int
    key: str
    body: MeetingInput
    comment: str
    at: Instant


class Noted(Frozen):
    """A click as it was accepted: its input's id, whether it is new, and, when it is not,
    whether the first one said the same."""

    id: int
    is_new: bool
    is_same: bool


class PartyPages(Protocol):
    """The pages of parties, found by capability."""

    async def find(self, token: str) -> PartyPage | None:
        """The page that `token` opens; None for unknown and revoked ones alike."""
        ...

    async def note(self, saying: Saying) -> Noted:
        """Accept a click as an input, durably."""
        ...


class SessionKeys(Protocol):
    """API keys behind desk sessions."""

    async def principal_of(self, key_id: str, at: datetime) -> Principal:
        """Who a session of this key is. Raises `WrongKey` once it is revoked or expired."""
        ...


class Mailbox(Protocol):
    """The mail that the embedded catcher holds."""

    async def addressees(self) -> Sequence[Addressee]:
        """Everybody who was written to, the latest first."""
        ...

    async def mails(self, address: str) -> Sequence[CaughtMail]:
        """The mails of one address, newest first. Empty for an unknown one."""
        ...

    async def open(self, mail_id: int) -> OpenedMail:
        """One mail, read. Raises `NotFound`."""
        ...


class Attendees(Protocol):
    """Answers invitations as people's mail programs do, and sends the answers by SMTP."""

    def clients(self) -> Sequence[str]:
        """The programs that can be imitated."""
        ...

    async def answer(self, mail_id: int, client: str, partstat: str, comment: str) -> None:
        """Answer the invitation in this mail. Raises `NotFound`, `BadInput`, `Unavailable`."""
        ...

    async def propose(
        self, mail_id: int, client: str, start: datetime, end: datetime, comment: str
    ) -> None:
        """Propose another time. Raises as `answer` does, `Refused` for a program that cannot."""
        ...


@dataclass(frozen=True)
class PageParts:
    """What `routers` needs. The mailbox is there only beside the embedded catcher.

    `temporal_ui` is the address of Temporal's web interface, empty when there is none.
    """

    ports: Ports
    parties: PartyPages
    sessions: SessionKeys
    mailbox: Mailbox | None = None
    attendees: Attendees | None = None
    temporal_ui: str = ""

    @property
    def base_url(self) -> str:
        return self.ports.settings.base_url.rstrip("/")


Context = dict[str, Any]
"""What a template is given."""
