"""A whole `parley up`, spoken to as the world does: HTTP, SMTP, and people reading their mail."""

import contextlib
import itertools
import os
import secrets
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.attendees.sending import submit
from console.installation import Installation
from domain.values import Slot
from tests.e2e.people import Mail, Person
from tests.patience import until

Document = dict[str, Any]

PATIENCE = 45.0
"""Seconds that anything may take, on a busy machine and after a kill."""

_MAILS = (
    "SELECT id, recipient, mail_from, message_id, raw FROM mails WHERE id > ? ORDER BY id LIMIT 200"
)
_FINAL = {"sent", "failed", "uncertain", "suppressed", "expired", "cancelled"}


def slots(count: int = 2, days: int = 9) -> tuple[Slot, ...]:
    """Hours that lie ahead, at 10:00 UTC: no clock in Europe changes then."""
    day = datetime.now(UTC).replace(hour=10, minute=0, second=0, microsecond=0)
    starts = [day + timedelta(days=days + n) for n in range(count)]
    return tuple(Slot(start=start, end=start + timedelta(hours=1)) for start in starts)


def later(slot: Slot, hours: int = 4) -> Slot:
    """The same length, some hours after."""
    by = timedelta(hours=hours)
    return Slot(start=slot.start + by, end=slot.end + by)


class House:
    """A running installation, and everybody who is written to from there."""

    def __init__(self, installation: Installation, http: httpx.AsyncClient) -> None:
        self.installation = installation
        self.http = http
        self.people: dict[str, Person] = {}
        self._numbers = itertools.count(1)
        self._last_mail = 0

    @property
    def data(self) -> Path:
        return self.installation.data

    @property
    def base(self) -> str:
        return self.installation.base

    @property
    def api_key(self) -> str:
        return str(self.installation.links["api_key"])

    def person(
        self, name: str = "Ada Moreira", program: str = "google", zone: str = "Europe/Lisbon"
    ) -> Person:
        """Somebody new, at an address that nobody else in the house has."""
        local = name.split()[0].lower()
        address = f"{local}-{next(self._numbers)}@example.org"
        self.people[address] = Person(name, address, zone, program)
        return self.people[address]

    def pair(self, first: str = "google", second: str = "outlook") -> tuple[Person, Person]:
        """Two strangers with these mail programs."""
        return (
            self.person("Ada Moreira", first),
            self.person("Bela Kovacs", second, "Europe/Budapest"),
        )

    async def ask(self, *people: Person, offered: tuple[Slot, ...] = (), **more: Any) -> "Meeting":
        """Ask for a meeting; returns when everybody has the invitation in the calendar."""
        order = {
            "title": "Garden plans",
            "parties": [
                {"name": each.name, "address": each.address, "zone": each.zone} for each in people
            ],
            "slots": [each.model_dump(mode="json") for each in offered or slots()],
            **more,
        }
        answer = await self.post("/meetings", order)
        assert answer.status_code == 202, answer.text
        href = (await self.get(answer.headers["Location"]))["_links"]["related"]["href"]
        await self.until(lambda: all(each.calendar.entries for each in people))
        return Meeting(self, str(href))

    async def post(self, path: str, body: Document, key: str = "") -> httpx.Response:
        """A command, under `key` or one of its own."""
        headers = {"Idempotency-Key": key or secrets.token_hex(8)}
        return await self.http.post(path, json=body, headers=headers)

    async def get(self, path: str) -> Document:
        answer = await self.http.get(path)
        assert answer.status_code == 200, (path, answer.text)
        document: Document = answer.json()
        return document

    async def send(self, raw: bytes, person: Person, to: str = "") -> str:
        """Hand a mail of `person` to the intake, for the organizer unless told otherwise;
        returns the reply to the final dot. Raises `NotAccepted`."""
        recipient = to or person.shown.organizer
        return await self.mail(raw, person.address, recipient)

    async def mail(self, raw: bytes, mail_from: str, to: str) -> str:
        return await submit(
            raw, mail_from, to, "127.0.0.1", self.installation.intake_port, PATIENCE
        )

    def deliver(self) -> None:
        """Everybody opens the mail that has come since the last time."""
        path = f"file:{self.data / 'catcher.db'}?mode=ro"
        with contextlib.closing(sqlite3.connect(path, uri=True, timeout=10)) as connection:
            new = [Mail(*row) for row in connection.execute(_MAILS, (self._last_mail,))]
        for mail in new:
            self._last_mail = mail.id
            self.people[mail.recipient.lower()].take(mail)

    async def until(self, holds: Callable[[], bool | Awaitable[bool]]) -> None:
        """Wait until that holds, with everybody reading mail meanwhile."""

        async def looked() -> bool:
            self.deliver()
            found = holds()
            return await found if isinstance(found, Awaitable) else found

        await until(looked, within=PATIENCE, every=0.03)

    async def position(self) -> int:
        """Where the journal of everything ends."""
        page = await self.get("/events?limit=200")
        while page["count"]:
            page = await self.get(page["_links"]["next"]["href"])
        return int(page["position"])

    async def is_alive(self) -> bool:
        return (await self.http.get("/livez")).status_code == 200


@dataclass
class Meeting:
    """A meeting as its owner sees it over HTTP."""

    house: House
    href: str

    @property
    def id(self) -> str:
        return self.href.rpartition("/")[2]

    async def read(self) -> Document:
        return await self.house.get(self.href)

    async def items(self, part: str) -> list[Document]:
        """All of its `events`, `mail` (in) or `messages` (out)."""
        query = "?limit=200" if part == "events" else ""
        page = await self.house.get(f"{self.href}/{part}{query}")
        found: list[Document] = page["_embedded"]["items"]
        return found

    async def types(self) -> list[str]:
        """The types of its events, in order."""
        return [event["type"] for event in await self.items("events")]

    async def when(self, looks_so: Callable[[Document], bool]) -> Document:
        """The meeting, as soon as it looks so."""
        seen: Document = {}

        async def holds() -> bool:
            seen.update(await self.read())
            return looks_so(seen)

        await self.house.until(holds)
        return seen

    async def settled(self, mails_in: int = 0) -> Document:
        """The meeting, once as many mails have come in (or more), all of them are decided, and
        everything that followed lies in the mailboxes."""

        async def holds() -> bool:
            came = await self.items("mail")
            gone = await self.items("messages")
            decided = len(came) >= mails_in and all(mail["effect"] for mail in came)
            return decided and all(mail["state"] in _FINAL for mail in gone)

        await self.house.until(holds)
        self.house.deliver()
        return await self.read()


def partstats(meeting: Document) -> list[str]:
    """How both stand, the first party first."""
    return [party["partstat"] for party in meeting["parties"]]


def slot_of(meeting: Document) -> Slot:
    return Slot.model_validate(meeting["slot"])


def assert_calendars_show(meeting: Document, *people: Person) -> None:
    """Each has one event, and it is the meeting: same time, same revision, same answers."""
    for number, person in enumerate(people):
        guests = [guest.partstat for guest in person.shown.guests]
        mine = person.shown.guest(person.address)
        assert person.slot == slot_of(meeting)
        assert person.shown.sequence == meeting["sequence"]
        assert sorted(guests) == sorted(partstats(meeting))
        assert mine is not None
        assert mine.partstat == partstats(meeting)[number]
        assert not person.is_cancelled


def assert_nothing_came_twice(*people: Person) -> None:
    ids = [mail.message_id for person in people for mail in person.mails]
    assert len(ids) == len(set(ids))


@asynccontextmanager
async def opened_house(data: Path) -> AsyncIterator[House]:
    """`parley up` on its own ports and in `data`, with webhooks to loopback allowed; what the
    environment says of Parley and Temporal does not count."""
    installation = Installation(data)
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith(("PARLEY_", "TEMPORAL_"))]:
            environment.delenv(name)
        environment.setenv("PARLEY_WEBHOOK_ALLOW", '["127.0.0.1"]')
        await installation.start()
    try:
        async with installation.client() as http:
            yield House(installation, http)
    finally:
        await installation.stop()
