"""All of Parley but Temporal in one process: pages over HTTP, mail over SMTP, both real.

The saga is the real rules over the real store, run whenever it is poked.
"""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn

from activities.inbox import interpret
from adapters.calendar_mail.sandbox.client import Sandbox
from adapters.calendar_mail.writing.writer import MailLetterWriter
from adapters.catcher.mailboxes import CaughtMail
from adapters.catcher.server import Catcher
from adapters.db import inputs, meetings
from adapters.db.database import Database
from adapters.db.keys import SqlKeys
from adapters.db.meetings import SqlMeetingStore
from adapters.db.opening import open_database
from adapters.dispatch import OutboxDispatcher
from adapters.general_mail.digest_writer import DigestWriter
from adapters.intake.accepting import Reception
from adapters.intake.reading import InboxReader
from adapters.intake.smtp import Intake
from adapters.smtp import Relay, SmtpMailer
from api.app import Parts, create_app
from domain.access import Capability, Purpose, Scope, derive_token
from domain.meetings.events import AddressCorrected
from domain.meetings.messages import Undelivered, stream_of
from domain.meetings.model import MeetingState, Terms
from domain.meetings.requests import MeetingOrder, PartyOrder
from domain.meetings.rules import decide
from domain.values import Slot
from settings import Settings

SECRET = b"p" * 32
MAIL_DOMAIN = "parley.example.org"


def now() -> datetime:
    return datetime.now(UTC)


class RulesInline:
    """Takes inputs with the real rules and writes the letters, one meeting at a time."""

    def __init__(self, store: SqlMeetingStore) -> None:
        self.store = store
        self._writer = MailLetterWriter(MAIL_DOMAIN)
        self._lock = asyncio.Lock()
        self._running: set[asyncio.Task[None]] = set()
        self.is_held = False

    def poke(self, stream: str) -> None:
        if self.is_held:
            return
        task = asyncio.get_running_loop().create_task(self.run(stream.partition("/")[2]))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def poke_soon(self, stream: str) -> None:
        self.poke(stream)

    async def run(self, meeting_id: str) -> None:
        async with self._lock:
            state = await self.store.load(meeting_id)
            for taken in await self.store.take_inputs(meeting_id, 100):
                made = decide(state, taken, now())
                assert made.outcome is not None
                moved = {e.party: e.input for e in made.events if isinstance(e, AddressCorrected)}
                card = await self.store.card(meeting_id, moved)
                drafts = [self._writer.compose(letter, card) for letter in made.letters]
                await self.store.record(
                    meeting_id, state.version, made.events, [made.outcome], drafts, now()
                )
                state = made.state

    async def finish(self) -> None:
        await asyncio.gather(*self._running)


@dataclass
class World:
    """A running Parley: its address, a key for its desk, and what it stands on."""

    base_url: str
    key: str
    database: Database
    rules: RulesInline
    catcher: Catcher
    intake_port: int

    async def invited(self, title: str = "First talk") -> str:
        """The id of a meeting whose two parties have been invited, by mail as well."""
        start = (now() + timedelta(days=9)).replace(hour=10, minute=0, second=0, microsecond=0)
        slots = tuple(
            Slot(start=start + timedelta(days=day), end=start + timedelta(days=day, minutes=30))
            for day in range(2)
        )
        order = MeetingOrder(
            title=title,
            description="How we could work together next year.",
            location="Café Central",
            organizer="Moreira & Co",
            parties=(
                PartyOrder(name="Ada Moreira", address="ada@example.org", zone="Europe/Lisbon"),
                PartyOrder(name="Ben Okafor", address="ben@example.com", zone="Africa/Lagos"),
            ),
            terms=Terms(slots=slots),
        )
        meeting_id = secrets.token_hex(4)
        await self.database.write(
            lambda c: meetings.request(
                c, meeting_id=meeting_id, owner="main", order=order, secret=SECRET, at=now()
            )
        )
        await self.rules.run(meeting_id)
        return meeting_id

    async def lost(self, meeting_id: str, party: int) -> None:
        """The invitation of this party comes back."""
        body = Undelivered(party=party, letter="meeting.invitation", reason="no-such-mailbox")
        stream, key = stream_of(meeting_id), secrets.token_hex(8)
        dumped = body.model_dump(mode="json")
        await self.database.write(
            lambda c: inputs.accept(c, stream=stream, key=key, body=dumped, received_at=now())
        )
        await self.rules.run(meeting_id)

    def page_of(self, meeting_id: str, party: int) -> str:
        capability = Capability(purpose=Purpose.PAGE, stream=stream_of(meeting_id), party=party)
        return f"{self.base_url}/p/{derive_token(SECRET, capability)}"

    def wishes_of(self, meeting_id: str, party: int) -> str:
        stream = stream_of(meeting_id)
        capability = Capability(purpose=Purpose.UNSUBSCRIBE, stream=stream, party=party)
        return f"{self.base_url}/u/{derive_token(SECRET, capability)}/choices"

    async def state_when(
        self, meeting_id: str, holds: Callable[[MeetingState], bool]
    ) -> MeetingState:
        """The meeting once that holds; 20 seconds at most."""
        async with asyncio.timeout(20):
            while not holds(state := await self.rules.store.load(meeting_id)):
                await self.database.bell.wait("journal", 0.2)
        return state

    async def mail_to(self, address: str, subject: str) -> CaughtMail:
        """The newest mail to `address` whose subject begins so, once it has arrived; 20 seconds
        at most."""
        after = 0
        async with asyncio.timeout(20):
            while True:
                mails = await self.catcher.wait_for_messages(address, after=after, timeout=5)
                for mail in reversed(mails):
                    if f"\nSubject: {subject}".encode() in mail.raw:
                        return mail
                after = mails[-1].id if mails else after


@asynccontextmanager
async def opened_world(place: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        database = open_database(f"sqlite:///{place}/parley.db", migrate=True)
        stack.push_async_callback(database.close)
        catcher, intake = (
            Catcher(place / "catcher.db"),
            Intake(Reception(database, MAIL_DOMAIN), MAIL_DOMAIN),
        )
        for listener in (catcher, intake):
            await listener.start()
            stack.push_async_callback(listener.stop)
        listening = socket.create_server(("127.0.0.1", 0))
        settings = Settings(
            data_dir=place,
            base_url=f"http://127.0.0.1:{listening.getsockname()[1]}",
            mail_domain=MAIL_DOMAIN,
            intake_port=intake.port,
            temporal_ui="http://127.0.0.1:9/temporal",
        )
        rules = RulesInline(SqlMeetingStore(database, SECRET, MAIL_DOMAIN, settings.base_url))
        stack.push_async_callback(rules.finish)
        await _start_mail(stack, database, catcher, rules)
        parts = Parts(settings, database, SECRET, rules.poke, catcher=catcher)
        await _serve(stack, parts, listening)
        _, key = await SqlKeys(database).create("main", "desk", [Scope.ADMIN], now())
        yield World(settings.base_url, key, database, rules, catcher, intake.port)


async def _start_mail(
    stack: AsyncExitStack, database: Database, catcher: Catcher, rules: RulesInline
) -> None:
    sandbox = await stack.enter_async_context(Sandbox())
    mailer = SmtpMailer(Relay("127.0.0.1", catcher.port))
    outbox = OutboxDispatcher(
        database, mailer, rules.poke_soon, compose=DigestWriter(MAIL_DOMAIN).compose
    )
    reader = InboxReader(database, sandbox, interpret, rules.poke_soon, mail_domain=MAIL_DOMAIN)
    for part in (outbox, reader):
        _run(stack, part)


def _run(stack: AsyncExitStack, part: OutboxDispatcher | InboxReader) -> None:
    task = asyncio.create_task(part.run())

    async def end() -> None:
        part.stop(2.0)
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(end)


class _Server(uvicorn.Server):
    def install_signal_handlers(self) -> None:
        """The test runner has its own."""


async def _serve(stack: AsyncExitStack, parts: Parts, listening: socket.socket) -> None:
    server = _Server(
        uvicorn.Config(create_app(parts), log_config=None, lifespan="off", access_log=False)
    )
    task = asyncio.create_task(server.serve([listening]))

    async def end() -> None:
        server.should_exit = True
        await task

    stack.push_async_callback(end)
