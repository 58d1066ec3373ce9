"""What the routers need of the world, as capabilities. `api/app.py` fills them with adapters."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request

from domain.access import Principal
from domain.commands import Command, Submission
from domain.journal import JournalEvent
from domain.meetings.messages import MeetingInput
from domain.meetings.requests import MeetingOrder
from domain.meetings.views import MailView, MeetingFilter, MeetingView, MessageView
from settings import Settings


class Keys(Protocol):
    """API keys, as far as a request needs them."""

    async def principal(self, key: str, at: datetime) -> Principal:
        """Who calls with `key`. Raises `WrongKey`."""
        ...


class Commands(Protocol):
    async def get(self, command_id: str, owner: str) -> Command:
        """Raises `NotFound`, also for another owner's."""
        ...


class Meetings(Protocol):
    """An owner's meetings. Everything of another owner is `NotFound`."""

    async def request(self, submission: Submission, order: MeetingOrder) -> tuple[Command, bool]:
        """Create the meeting that `submission.data["meeting_id"]` names, with its command and
        its `Opening` input, in one transaction.

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

    async def view(self, meeting_id: str, owner: str) -> MeetingView:
        """Raises `NotFound`."""
        ...

    async def search(self, wanted: MeetingFilter) -> list[MeetingView]: ...

    async def messages(self, meeting_id: str, owner: str) -> list[MessageView]:
        """Its mails out, oldest first, 500 at most. Raises `NotFound`."""
        ...

    async def mail(self, meeting_id: str, owner: str) -> list[MailView]:
        """Its mails in, oldest first, 500 at most. Raises `NotFound`."""
        ...


class Journal(Protocol):
    async def after(
        self,
        position: int,
        owner: str,
        *,
        stream: str | None = None,
        types: Sequence[str] = (),
        limit: int = 100,
    ) -> list[JournalEvent]:
        """The owner's events after `position`, in order of position."""
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


Check = Callable[[], Awaitable[str | None]]
"""A readiness check: None when all is well, else what is wrong."""


@dataclass(frozen=True)
class Ports:
    """All of it. `clock` gives aware UTC; `poke` wakes the saga of a stream and never blocks."""

    settings: Settings
    secret: bytes
    keys: Keys
    commands: Commands
    meetings: Meetings
    journal: Journal
    poke: Callable[[str], None]
    clock: Callable[[], datetime]
    checks: Mapping[str, Check] = field(default_factory=dict)


def ports_of(request: Request) -> Ports:
    """The ports that `create_app` gave the application."""
    ports = request.app.state.ports
    assert isinstance(ports, Ports)
    return ports


PortsDep = Annotated[Ports, Depends(ports_of)]
