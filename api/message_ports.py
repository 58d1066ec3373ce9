"""What the routers need of messages and of the addresses that take none, as capabilities."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from domain.commands import Command, Submission
from domain.outbox.figures import Figures
from domain.outbox.model import Draft, Suppression, SuppressionScope
from domain.outbox.requests import MessageOrder
from domain.outbox.transitions import Deed
from domain.outbox.views import MessageBytes, MessageFilter, MessageStory, MessageView, StateCounts


class Messages(Protocol):
    """An owner's mail out. Everything of another owner is `NotFound`."""

    async def search(self, wanted: MessageFilter) -> list[MessageView]:
        """Newest first."""
        ...

    async def counts(self, wanted: MessageFilter) -> StateCounts:
        """How many fit in each state, whatever states `wanted` asks for."""
        ...

    async def get(self, owner: str, message: int) -> MessageView:
        """Raises `NotFound`."""
        ...

    async def story(self, owner: str, message: int) -> MessageStory:
        """Raises `NotFound`."""
        ...

    async def raw(self, owner: str, message: int) -> MessageBytes:
        """The bytes as they are sent, signature included. Raises `NotFound`."""
        ...

    async def earlier(self, order: MessageOrder) -> MessageView | None:
        """The message that `order` repeats. Raises `MessageDiffers`."""
        ...

    def compose(self, order: MessageOrder, at: datetime) -> Draft:
        """The mail as it would be sent; nothing is kept. Raises `BadInput`."""
        ...

    async def request(self, order: MessageOrder, at: datetime, by: str) -> tuple[MessageView, bool]:
        """The message of `order`, and whether it is new; `by` is the API key that asks.

        Raises `MessageDiffers`, and what `compose` raises.
        """
        ...

    async def act(
        self, submission: Submission, message: int, deed: Deed, by: str
    ) -> tuple[Command, bool]:
        """Carry out a person's deed, in one transaction; gives its finished command, whose stream
        names the message it led to, and whether it was there before.

        Raises `NotFound`, `KeyReused`, and `Refused` when the present state does not allow it.
        """
        ...


class Suppressions(Protocol):
    """The addresses that an owner's mail does not go to. Everything of another owner, and what
    is not in force any more, is `NotFound`."""

    async def list_of(
        self,
        owner: str,
        at: datetime,
        *,
        address: str | None = None,
        below: int | None = None,
        limit: int = 50,
    ) -> Sequence[Suppression]:
        """What is in force, the newest first."""
        ...

    async def get(self, owner: str, id: int, at: datetime) -> Suppression: ...

    async def add(
        self,
        owner: str,
        address: str,
        scope: SuppressionScope,
        at: datetime,
        *,
        until: datetime | None = None,
        detail: str = "",
    ) -> Suppression:
        """A person's own word; it replaces the earlier one for the address and scope, whichever
        of the two holds for longer."""
        ...

    async def lift(self, owner: str, id: int, at: datetime) -> Suppression: ...


class FigureBook(Protocol):
    """How mail stands as a whole, for all owners together."""

    async def look(self) -> Figures:
        """The figures, some seconds old at most."""
        ...
