"""What a dispatcher asks of others."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol

from domain.outbox.model import Draft, Part, Report

Poke = Callable[[str], Awaitable[None]]
"""Tells a stream's saga to look at its inputs; may fail, since a relay repeats it."""

MaySend = Callable[[], Awaitable[str | None]]
"""Asked before every claim: None when mail may leave here, else the reason why not."""

MarkSending = Callable[[], Awaitable[bool]]
"""Commits that the final dot is about to be written; False when the right to send is lost."""

Composer = Callable[[Sequence[Part]], Draft]
"""Makes one mail of the parts of a digest, oldest first. Pure: it runs in a thread, outside any
transaction, and again when its parts change meanwhile."""


class Mailer(Protocol):
    """Sends one mail to one recipient and says how far it got; see `adapters.smtp`."""

    async def send(
        self, mail_from: str, recipient: str, raw: bytes, mark_sending: MarkSending
    ) -> Report: ...

    async def close(self) -> None: ...


class Signer(Protocol):
    """Signs mail with our domain's key; see `adapters.dkim`."""

    async def sign(self, raw: bytes, at: datetime) -> str:
        """The header lines to put in front of `raw`, each ending in CRLF; ASCII."""
        ...


async def always() -> str | None:
    """A `MaySend` without objections."""
    return None
