"""Negotiations a second: invite, counter-proposal, acceptance, six mails sent; beside the bare
workflow that does the same work without rules, in turns on the same server."""

import asyncio
import itertools
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker

from activities.meetings import MeetingActivities
from adapters.calendar_mail.writing.writer import MailLetterWriter
from adapters.catcher.server import Catcher
from adapters.db import inputs, meetings
from adapters.db.database import Database
from adapters.db.opening import open_database
from adapters.dispatch import OutboxDispatcher
from adapters.smtp import Relay as SmtpRelay
from adapters.smtp import SmtpMailer
from adapters.supervisor.ports import choose_ports
from adapters.temporal.client import parley_plugin
from adapters.temporal.dev_server import DevServer
from adapters.temporal.server import ensure_server
from bench.bare import BareActivities, Prepared
from bench.report import Row
from domain.meetings.card import MeetingCard
from domain.meetings.events import MeetingRequested
from domain.meetings.messages import (
    Answer,
    MeetingInput,
    MeetingRef,
    Opening,
    ProposedTime,
    TakenInput,
    stream_of,
)
from domain.meetings.model import Partstat, Terms
from domain.meetings.requests import MeetingOrder, PartyOrder
from domain.meetings.rules import begin, decide
from domain.sagas import ACTIVITY_QUEUE, SAGA_QUEUE
from domain.values import Slot

SECRET = b"bench" * 8
DOMAIN = "parley.example.net"
BASE = datetime.now(UTC).replace(microsecond=0) + timedelta(days=10)
OFFERED = Slot(start=BASE, end=BASE + timedelta(hours=1))
OTHER = Slot(start=BASE + timedelta(days=1), end=BASE + timedelta(days=1, hours=1))
TERMS = Terms(slots=(OFFERED,))
ORDER = MeetingOrder(
    title="A first talk",
    description="",
    location="",
    organizer="Parley",
    parties=(
        PartyOrder(name="Ada", address="ada@example.org", zone="Europe/Lisbon"),
        PartyOrder(name="Bela", address="bela@example.com", zone="Europe/Budapest"),
    ),
    terms=TERMS,
)
SAID: tuple[MeetingInput, ...] = (
    Answer(party=2, proposal=ProposedTime(start=OTHER.start, end=OTHER.end), sequence=0),
    Answer(party=1, partstat=Partstat.ACCEPTED, sequence=1),
)
_ids = itertools.count()


class NoticingStore(meetings.SqlMeetingStore):
    """Says when a decision was recorded, so that nobody has to ask."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, SECRET, DOMAIN, "https://parley.example.net")
        self._recorded: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(0)
        )

    async def record(self, meeting_id: str, *decision: Any) -> None:
        await super().record(meeting_id, *decision)
        self._recorded[meeting_id].release()

    async def next_decision(self, meeting_id: str) -> None:
        async with asyncio.timeout(60):
            await self._recorded[meeting_id].acquire()


@dataclass
class Stage:
    """Everything a negotiation needs; the saga worker is a process of its own."""

    database: Database
    client: Client
    store: NoticingStore
    catcher: Catcher

    async def negotiate(self, kind: str) -> None:
        """One meeting from its request to its confirmation, under workflow type `kind`."""
        meeting_id = f"bench-{kind.lower()}-{next(_ids)}"
        now = datetime.now(UTC)
        await self.database.write(
            lambda c: meetings.request(
                c, meeting_id=meeting_id, owner="main", order=ORDER, secret=SECRET, at=now
            )
        )
        await self._poke(kind, meeting_id)
        await self.store.next_decision(meeting_id)
        for body in SAID:
            await self._say(kind, meeting_id, body)
            await self.store.next_decision(meeting_id)

    async def _poke(self, kind: str, meeting_id: str) -> None:
        await self.client.start_workflow(
            kind,
            MeetingRef(meeting_id=meeting_id),
            id=stream_of(meeting_id),
            task_queue=SAGA_QUEUE,
            start_signal="poke",
            task_timeout=timedelta(seconds=5),
        )

    async def _say(self, kind: str, meeting_id: str, body: MeetingInput) -> None:
        row, now, stream = body.model_dump(mode="json"), datetime.now(UTC), stream_of(meeting_id)
        key = f"{stream}/{next(_ids)}"
        await self.database.write(
            lambda c: inputs.accept(c, stream=stream, key=key, body=row, received_at=now)
        )
        await self._poke(kind, meeting_id)


def prepare(writer: MailLetterWriter, card: MeetingCard) -> list[Prepared]:
    """The three decisions of the story, made and written beforehand."""
    state, now, prepared = begin(MeetingRequested(terms=TERMS)), datetime.now(UTC), []
    for body in (Opening(), *SAID):
        decision = decide(state, TakenInput(id=1, received_at=now, body=body), now)
        assert decision.outcome is not None
        drafts = tuple(writer.compose(letter, card) for letter in decision.letters)
        prepared.append(
            Prepared(
                expected_version=state.version,
                events=decision.events,
                outcome=decision.outcome,
                drafts=drafts,
                at=now,
            )
        )
        state = decision.state
    return prepared


@asynccontextmanager
async def temporal(data: Path) -> AsyncIterator[str]:
    """The development server as `parley up` runs it; its address."""
    ports = choose_ports(data / "ports.json", {"temporal": 17233, "ui": 18233})
    server = DevServer(ensure_server(), data, ports["temporal"], ports["ui"], "default")
    process = await asyncio.create_subprocess_exec(
        *server.command(), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await server.prepare()
        yield server.address
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def saga_worker(address: str) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.saga_worker", address, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    try:
        yield
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def stage(data: Path) -> AsyncIterator[Stage]:
    """Server, workers, database, dispatcher and receiver."""
    database = open_database(f"sqlite:///{data / 'parley.db'}", migrate=True)
    catcher = Catcher(data / "catcher.db")
    await catcher.start()
    writer, store = MailLetterWriter(DOMAIN), NoticingStore(database)
    async with temporal(data) as address, saga_worker(address):
        client = await Client.connect(address, plugins=[parley_plugin()])
        ready = Stage(database, client, store, catcher)
        async with _acting(ready, writer):
            yield ready
    await catcher.stop()
    await database.close()


@asynccontextmanager
async def _acting(ready: Stage, writer: MailLetterWriter) -> AsyncIterator[None]:
    deeds = MeetingActivities(ready.store, writer)
    bare = BareActivities(ready.store, prepare(writer, await _template(ready)))
    worker = Worker(
        ready.client,
        task_queue=ACTIVITY_QUEUE,
        activities=[
            *(deeds.resume, deeds.take_inputs, deeds.record_decision),
            *(bare.resume, bare.take, bare.record),
        ],
    )

    async def no_poke(stream: str) -> None:
        """Nothing fails here that a saga would have to hear of."""

    mailer = SmtpMailer(SmtpRelay("127.0.0.1", ready.catcher.port))
    outbox = OutboxDispatcher(ready.database, mailer, no_poke)
    sending = asyncio.create_task(outbox.run())
    async with worker:
        yield
    outbox.stop()
    await sending


async def _template(ready: Stage) -> MeetingCard:
    now = datetime.now(UTC)
    await ready.database.write(
        lambda c: meetings.request(
            c, meeting_id="template", owner="main", order=ORDER, secret=SECRET, at=now
        )
    )
    return await ready.store.card("template")


async def round_of(ready: Stage, kind: str, count: int, at_once: int) -> float:
    """Negotiations a second, until the last one is confirmed and its mails are sent."""
    before, room = await _caught(ready), asyncio.Semaphore(at_once)

    async def one() -> None:
        async with room:
            await ready.negotiate(kind)

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(count)))
    while await _caught(ready) < before + 6 * count:  # noqa: ASYNC110  # asked, as a user would
        await asyncio.sleep(0.01)
    return count / (time.perf_counter() - started)


async def _caught(ready: Stage) -> int:
    return sum(number for _, number in await ready.catcher.recipients())


async def run(count: int = 60, at_once: int = 16, rounds: int = 3) -> list[Row]:
    """Rounds in turns, ours and the peer's, so that both meet the same weather."""
    ours, bare = [], []
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as data:
        async with stage(Path(data)) as ready:
            for kind in ("Meeting", "Bare"):
                await round_of(ready, kind, 10, at_once)
            for _ in range(rounds):
                ours.append(await round_of(ready, "Meeting", count, at_once))
                bare.append(await round_of(ready, "Bare", count, at_once))
    mine, peer = statistics.median(ours), statistics.median(bare)
    shape = f"median of {rounds} rounds of {count}, {at_once} at once"
    return [
        Row("negotiations, invite to confirmed, six mails sent", mine, "/s", mine / peer, shape),
        Row("the bare workflow with the same inputs and work", peer, "/s", None, shape),
    ]
