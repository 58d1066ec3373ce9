"""What the routers need of the world, as capabilities. `api/app.py` fills them with adapters."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request

from api.limits import Limits
from api.message_ports import FigureBook, Messages, Suppressions
from domain.access import ApiKey, Principal, Scope
from domain.commands import Command, Submission
from domain.inbox.acceptance import Envelope, Outcome, Source
from domain.inbox.probes import Probe
from domain.inbox.quarantine import Custody, Stray, StrayName
from domain.inbox.repetition import SignedRequest
from domain.journal import JournalEvent
from domain.meetings.messages import MeetingInput
from domain.meetings.requests import AddressOrder, MeetingOrder
from domain.meetings.views import MailView, MeetingFilter, MeetingView, MessageView
from domain.outbox.place import Place
from domain.outbox.provider import ProviderEvent
from domain.people.model import Person
from domain.people.requests import PeopleFilter
from domain.people.rules import Change, Edit
from domain.webhooks.model import Delivery, DeliveryState, Endpoint
from settings import Settings


class Keys(Protocol):
    """API keys, as far as a request needs them."""

    async def is_live(self, key_id: str, at: datetime) -> bool:
        """Whether the key still opens anything at `at`."""
        ...

    async def principal(self, key: str, at: datetime) -> Principal:
        """Who calls with `key`. Raises `WrongKey`."""
        ...


class Commands(Protocol):
    async def get(self, owner: str, command_id: str) -> Command:
        """Raises `NotFound`, also for another owner's."""
        ...

    async def earlier(self, submission: Submission) -> Command | None:
        """The command that this submission repeats, if it came before. Raises `KeyReused`."""
        ...


class Meetings(Protocol):
    """An owner's meetings. Everything of another owner is `NotFound`."""

    async def request(
        self, submission: Submission, meeting_id: str, order: MeetingOrder
    ) -> tuple[Command, bool]:
        """Create the meeting with its command and its `Opening` input, in one transaction.

        The flag says that the command was there before (same key, same body); then nothing was
        written. Raises `KeyReused`, `KeyInFlight`.
        """
        ...

    async def instruct(
        self,
        submission: Submission,
        meeting_id: str,
        body: MeetingInput,
        check: Callable[[MeetingView], None],
    ) -> tuple[Command, bool]:
        """Accept `body` as an input of the meeting, with its command, in one transaction.

        `check` sees the meeting inside that transaction and raises to refuse; a replay is
        answered before it is asked. Raises `NotFound`, `KeyReused`, `KeyInFlight`.
        """
        ...

    async def correct_address(
        self,
        submission: Submission,
        meeting_id: str,
        order: AddressOrder,
        check: Callable[[MeetingView], None],
    ) -> tuple[Command, bool]:
        """Accept another address for a party as an input of the meeting, as `instruct` does.

        Raises `Refused` as well for an address that mail does not go to, and while another
        correction is under way.
        """
        ...

    async def view(self, owner: str, meeting_id: str) -> MeetingView:
        """Raises `NotFound`."""
        ...

    async def search(self, wanted: MeetingFilter) -> list[MeetingView]: ...

    async def messages(self, owner: str, meeting_id: str) -> list[MessageView]:
        """Its mails out, oldest first, 500 at most. Raises `NotFound`."""
        ...

    async def mail(self, owner: str, meeting_id: str) -> list[MailView]:
        """Its mails in, oldest first, 500 at most. Raises `NotFound`."""
        ...


class Journal(Protocol):
    async def after(
        self,
        owner: str,
        position: int,
        *,
        stream: str | None = None,
        kinds: Sequence[str] = (),
        types: Sequence[str] = (),
        limit: int = 100,
    ) -> list[JournalEvent]:
        """The owner's events after `position`, in order of position: of one stream, or of these
        kinds of streams (`meeting`, `message`, …; none: all)."""
        ...

    async def last_position(self, owner: str) -> int: ...

    async def words(self, input_ids: Sequence[int]) -> Mapping[int, dict[str, Any]]:
        """What people wrote with these inputs; ids without words are left out."""
        ...

    async def names(self, streams: Sequence[str]) -> Mapping[str, Mapping[int, str]]:
        """The names of the parties of each meeting stream, by number."""
        ...

    async def news(self, timeout: float) -> None:
        """Wait until something may have been appended, or for `timeout` seconds."""
        ...


class People(Protocol):
    """An owner's book of people. Everything of another owner is `NotFound`."""

    async def add(self, submission: Submission, change: Change) -> tuple[Command, bool]:
        """Add the person of `change`, with its command, in one transaction; the command comes
        back finished. The flag says that it was there before. Raises `KeyReused`."""
        ...

    async def edit(
        self, submission: Submission, person_id: str, change: Edit
    ) -> tuple[Command, bool]:
        """Apply `change` to the person as they then are, as `add` does.

        Raises `NotFound`, `KeyReused`, and what `change` raises.
        """
        ...

    async def get(self, owner: str, person_id: str) -> Person:
        """Raises `NotFound`, also for another owner's."""
        ...

    async def search(self, wanted: PeopleFilter) -> list[Person]:
        """In order of their addresses. Raises `BadInput` for a page that is not there."""
        ...


class Webhooks(Protocol):
    """An owner's endpoints and their deliveries. Everything of another owner is `NotFound`."""

    async def add(self, endpoint: Endpoint) -> None:
        """Raises `Refused` when the owner has too many."""
        ...

    async def get(self, owner: str, endpoint_id: str) -> Endpoint: ...

    async def list_of(self, owner: str) -> list[Endpoint]: ...

    async def remove(self, owner: str, endpoint_id: str) -> None: ...

    async def rotate_secret(
        self, owner: str, endpoint_id: str, secret: str, at: datetime
    ) -> Endpoint:
        """Sign with `secret` from now on, and with the present one too for a day."""
        ...

    async def enable(self, owner: str, endpoint_id: str, at: datetime) -> Endpoint: ...

    async def ping(self, owner: str, endpoint_id: str, at: datetime) -> Delivery:
        """Make a test delivery. Raises `Refused` when the endpoint is disabled."""
        ...

    async def deliveries(
        self,
        owner: str,
        endpoint_id: str,
        *,
        before: int | None = None,
        state: DeliveryState | None = None,
        limit: int = 50,
    ) -> list[Delivery]:
        """The newest event first, from below the position `before`."""
        ...

    async def delivery(self, owner: str, delivery_id: str) -> Delivery: ...

    async def event(self, owner: str, delivery: Delivery) -> JournalEvent | None:
        """The event that `delivery` tells of; None for a test delivery."""
        ...

    async def retry(self, owner: str, delivery_id: str, at: datetime) -> Delivery:
        """Raises `Refused` when the endpoint is disabled or an attempt is under way."""
        ...


class KeyRing(Protocol):
    """An owner's API keys. Everything of another owner is `NotFound`."""

    async def create(
        self,
        owner: str,
        name: str,
        scopes: Iterable[Scope],
        at: datetime,
        expires_at: datetime | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key and its text, which cannot be had again. Raises `Refused`."""
        ...

    async def get(self, owner: str, key_id: str) -> ApiKey: ...

    async def list_of(self, owner: str) -> list[ApiKey]: ...

    async def revoke(self, owner: str, key_id: str, at: datetime) -> ApiKey: ...


class Probes(Protocol):
    """Addresses the intake keeps for the doctor, and what came to them."""

    async def open(self, probe: str, at: datetime) -> Probe:
        """Take mail for the probe of this id; a second call changes nothing."""
        ...

    async def look(self, probe: str) -> Probe:
        """Raises `NotFound` for a probe that was never opened, or forgotten."""


class Strays(Protocol):
    """An owner's mail in quarantine, and in the inbox by its ids there; what is nobody's is the
    operator's. What is another owner's is not found."""

    async def newest(
        self, owner: str, custody: Custody, limit: int, below: int | None = None
    ) -> list[Stray]:
        """Mails of the quarantine in that state, the newest first, from below that row."""
        ...

    async def unreadable(self, owner: str, limit: int) -> list[Stray]:
        """Mails of the inbox that could not be read, the newest first."""
        ...

    async def get(self, owner: str, name: StrayName) -> Stray:
        """Raises `NotFound`."""
        ...

    async def raw(self, owner: str, name: StrayName) -> bytes:
        """Its bytes. Raises `NotFound`, `Forgotten`."""
        ...

    async def replay(
        self,
        owner: str,
        name: StrayName,
        at: datetime,
        address: str | None = None,
        seen: int | None = None,
    ) -> Stray:
        """Give a mail of the quarantine to the inbox, at `address` or the one it names; or let
        one of the inbox be read again, for somebody who has seen `seen` replays of it.

        Repeating it changes nothing. Raises `NotFound`, `Forgotten`, `Refused`, `BadInput`, and
        `ReplaysMissing` for a mail of the inbox without `seen`.
        """
        ...

    async def discard(self, owner: str, name: StrayName, at: datetime) -> Stray:
        """Repeating it changes nothing. Raises `NotFound`, `Refused`."""
        ...


class Fence(Protocol):
    """Where mail leaves from."""

    async def look(self) -> Place: ...

    async def adopt(self, at: datetime) -> Place:
        """Make this the place that mail leaves from, whatever it was before."""


class Reception(Protocol):
    """The inbox, for mail that comes over HTTP."""

    async def accept(self, raw: bytes, envelope: Envelope, source: Source) -> tuple[Outcome, ...]:
        """Keep a mail durably, and say what became of it for each recipient; the same for the
        same signed request again. Raises `ContentDiffers`, `Unavailable`."""
        ...


class ProviderEvents(Protocol):
    """What mail providers say became of messages."""

    async def take(self, event: ProviderEvent | None, signed: SignedRequest | None = None) -> bool:
        """Heed `event`, whether it comes once or often; False when it is about no message of
        ours, or None. The same `signed` request again gets the same answer. Raises
        `ContentDiffers`, `Unavailable`."""
        ...


Check = Callable[[], Awaitable[str | None]]
"""A readiness check: None when all is well, else what is wrong."""


def _always() -> bool:
    return True


@dataclass(frozen=True)
class Ports:
    """All of it. `clock` gives aware UTC; `poke` wakes the saga of a stream and never blocks.
    `is_alive` is False when only a new process helps."""

    settings: Settings
    secret: bytes
    keys: Keys
    commands: Commands
    meetings: Meetings
    journal: Journal
    people: People
    webhooks: Webhooks
    messages: Messages
    suppressions: Suppressions
    figures: FigureBook
    keyring: KeyRing
    probes: Probes
    fence: Fence
    strays: Strays
    reception: Reception
    provider_events: ProviderEvents
    poke: Callable[[str], None]
    clock: Callable[[], datetime]
    limits: Limits
    checks: Mapping[str, Check] = field(default_factory=dict)
    is_alive: Callable[[], bool] = _always


async def ports_of(request: Request) -> Ports:
    """The ports that `create_app` gave the application.

    Asynchronous like every dependency here: FastAPI runs plain functions in a thread each.
    """
    ports = request.app.state.ports
    assert isinstance(ports, Ports)
    return ports


PortsDep = Annotated[Ports, Depends(ports_of)]
