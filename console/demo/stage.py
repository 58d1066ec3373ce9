"""What the demo says and expects while it plays."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from rich.console import Console
from rich.table import Table

from console.demo.people import Person
from console.installation import Installation
from domain.values import Slot


class ExpectationFailed(Exception):
    """Something the story promises did not happen."""


class Stage:
    """The timeline of a play: who did what, and which expectations held."""

    def __init__(self, where: Installation, http: httpx.AsyncClient, screen: Console) -> None:
        self.where = where
        self.http = http
        self.screen = screen
        self.held: list[str] = []
        self._started_at = time.monotonic()

    def tell(self, who: str, what: str) -> None:
        """A line of the timeline, with the seconds since the curtain rose."""
        at = time.monotonic() - self._started_at
        self.screen.print(
            f"[dim]{at:6.2f} s[/dim]  [bold cyan]{who:<6}[/bold cyan] {what}", soft_wrap=True
        )

    def expect(self, promise: str, holds: bool) -> None:
        """Note a promise that held. Raises `ExpectationFailed` for one that did not."""
        if not holds:
            raise ExpectationFailed(promise)
        self.held.append(promise)
        self.screen.print(f"{'':18}[green]✓ {promise}[/green]", soft_wrap=True)

    async def until(
        self, promise: str, holds: Callable[[], Awaitable[bool]], within: float = 30.0
    ) -> None:
        """Wait for a promise to hold. Raises `ExpectationFailed` when it takes too long."""
        deadline = time.monotonic() + within
        while not await holds():
            if time.monotonic() > deadline:
                raise ExpectationFailed(f"{promise} (waited {within:g} s)")
            await asyncio.sleep(0.05)
        self.expect(promise, True)

    async def until_meeting(
        self, promise: str, href: str, looks_right: Callable[[dict[str, Any]], bool]
    ) -> dict[str, Any]:
        """Wait for the meeting to look as promised to its owner; returns it."""
        meeting: dict[str, Any] = {}

        async def holds() -> bool:
            meeting.update(await self.read(href))
            return looks_right(meeting)

        await self.until(promise, holds)
        return meeting

    async def read(self, href: str) -> dict[str, Any]:
        answer = await self.http.get(href)
        answer.raise_for_status()
        document: dict[str, Any] = answer.json()
        return document

    def deliver(self, people: Sequence[Person]) -> None:
        """Let everybody read their mail, and say what it did to their calendars."""
        for person in people:
            for receipt in person.fetch(self.where):
                revision = ""
                if receipt.invitation and receipt.invitation.start:
                    when = civil(receipt.invitation.start, person.zone)
                    revision = f" (SEQUENCE {receipt.invitation.sequence}: {when})"
                self.tell(person.name.split()[0], f"gets mail: {receipt.effect.value}{revision}")


def civil(instant: datetime, zone: str) -> str:
    """The instant as the clock on the wall shows it there."""
    return f"{instant.astimezone(ZoneInfo(zone)):%a %d %b %H:%M} {zone}"


def shown(slot: Slot, zone: str) -> str:
    return civil(slot.start, zone)


def letters_table(people: Sequence[Person]) -> Table:
    """What each side received."""
    table = Table(title="What each side received", title_justify="left")
    for heading in ("to", "method", "SEQUENCE", "time, where they are", "in their calendar"):
        table.add_column(heading)
    for person in people:
        for receipt in person.receipts:
            invitation = receipt.invitation
            when = civil(invitation.start, person.zone) if invitation and invitation.start else "–"
            table.add_row(
                person.name,
                invitation.method if invitation else "words",
                str(invitation.sequence) if invitation else "–",
                when,
                receipt.effect.value,
            )
    return table
