"""Messages a second through the outbox into Debian's smtp-sink, each with its durable mark and
its result, beside bare aiosmtplib into the same sink, and beside django-post_office."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiosmtplib

from adapters.db import outbox as rows
from adapters.db.database import Database
from adapters.db.opening import migrate, open_database
from adapters.dispatch import OutboxDispatcher
from adapters.smtp import Relay, SmtpMailer
from bench.peers.post_office import PostOffice
from bench.report import Row
from domain.outbox.model import Draft
from tests.adapters.postfix_programs import smtp_sink
from tests.patience import until
from tests.postgres import PostgresServer, find_binaries

CONNECTIONS = (1, 4, 16)

_MESSAGES = {1: 600, 4: 2000, 16: 4000}
_ROUNDS = 3
_NO_SINK = "smtp-sink is not installed (Debian: apt-get install postfix): NOT measured"
_BODY = "It is agreed that we meet at nine, in the usual place.\r\n" * 16  # about 1 kB


async def run() -> list[Row]:
    """Rows for both engines, ours and bare in turns; what is not installed says so."""
    if shutil.which("smtp-sink", path="/usr/sbin:/usr/local/sbin:/usr/bin") is None:
        return [Row("outbox to smtp-sink", 0, "messages/s", note=_NO_SINK)]
    found: list[Row] = []
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(smtp_sink())
        engines = [await stack.enter_async_context(_sqlite())]
        if (binaries := find_binaries()) is not None:
            engines.append(await stack.enter_async_context(_postgres(binaries)))
        for connections in CONNECTIONS:
            found += await _compare(engines, connections, port)
        found += await _beside_post_office(engines[0][1], port)
    if find_binaries() is None:
        found.append(Row("outbox, PostgreSQL", 0, "messages/s", note="not installed"))
    return found


Engine = tuple[str, Database]


@asynccontextmanager
async def _sqlite() -> AsyncIterator[Engine]:
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        url = f"sqlite:///{folder}/parley.db"
        migrate(url)
        database = open_database(url)
        yield "SQLite", database
        await database.close()


@asynccontextmanager
async def _postgres(binaries: Path) -> AsyncIterator[Engine]:
    """A server of our own with fsync on."""
    server = PostgresServer(binaries, is_durable=True)
    server.start()
    try:
        url = server.url(server.create())
        migrate(url)
        database = open_database(url)
        yield "PostgreSQL", database
        await database.close()
    finally:
        server.remove()


async def _compare(engines: Sequence[Engine], connections: int, port: int) -> list[Row]:
    """Rounds in turns, so that all meet the same weather; the best of each is given."""
    count = _MESSAGES[connections]
    bare, ours = 0.0, dict.fromkeys((name for name, _ in engines), 0.0)
    for _ in range(_ROUNDS):
        bare = max(bare, await _bare_rate(port, connections, count))
        for name, database in engines:
            ours[name] = max(ours[name], await _rate(database, port, connections, count))
    noun = "connection" if connections == 1 else "connections"
    where = f"{connections} {noun}"
    found = [Row(f"bare aiosmtplib, {where}", bare, "messages/s", note=f"best of {_ROUNDS}")]
    for name, rate in ours.items():
        note = "durable mark and result each"
        found.append(Row(f"outbox, {name}, {where}", rate, "messages/s", rate / bare, note))
    return found


async def _beside_post_office(database: Database, port: int) -> list[Row]:
    office = PostOffice(Path("build/post-office"))
    if (why := await office.install()) is not None:
        return [Row("django-post_office", 0, "messages/s", note=f"NOT measured: {why}")]
    found = []
    for connections in (4, 16):
        theirs = await office.rate(port, connections, 1000)
        ours = await _rate(database, port, connections, 4000)
        name = f"django-post_office, SQLite, {connections} connections"
        found.append(Row(name, theirs, "messages/s", note=office.version))
        name = f"outbox, SQLite, {connections} connections, right after it"
        found.append(Row(name, ours, "messages/s", ours / theirs))
    return found


async def _nobody(stream: str) -> None:
    """No saga wants to hear of it."""


async def _rate(database: Database, port: int, connections: int, count: int) -> float:
    """From the start of a dispatcher that finds `count` messages until the last one is sent."""
    await _fill(database, count)
    mailer = SmtpMailer(Relay("127.0.0.1", port))
    dispatcher = OutboxDispatcher(database, mailer, _nobody, senders=connections)
    started = time.perf_counter()
    sending = asyncio.create_task(dispatcher.run())

    # Counted when their results are committed; to ask the database would cost more than to send.
    await until(lambda: dispatcher.progress().counts.get("sent") == count, within=300)
    took = time.perf_counter() - started
    dispatcher.stop()
    await sending
    return count / took


async def _fill(database: Database, count: int) -> None:
    now = datetime.now(UTC)
    drafts = [_draft(f"{now:%H%M%S%f}.{number}") for number in range(count)]
    for first in range(0, count, 500):
        some = drafts[first : first + 500]
        await database.write(lambda c, some=some: [rows.enqueue(c, "main", d, now) for d in some])  # type: ignore[misc]  # bound early


def _draft(name: str) -> Draft:
    recipient = f"person.{name}@receiver.example"
    return Draft(
        kind="bench.letter",
        subject=f"bench/{name}",
        occasion="1",
        recipient=recipient,
        party=None,
        mail_from=f"b+{'a' * 26}@parley.example",
        message_id=f"<{name}@parley.example>",
        raw=_raw(name, recipient),
    )


def _raw(name: str, recipient: str) -> bytes:
    head = f"From: parley@parley.example\r\nTo: {recipient}\r\nSubject: agreed\r\n"
    return f"{head}Message-ID: <{name}@parley.example>\r\n\r\n{_BODY}".encode()


async def _bare_rate(port: int, connections: int, count: int) -> float:
    """As many kept connections, each sending one mail after another, and nothing written down."""
    clients = [aiosmtplib.SMTP(hostname="127.0.0.1", port=port) for _ in range(connections)]
    for client in clients:
        await client.connect()
    numbers = iter(range(count))
    started = time.perf_counter()

    async def send(client: aiosmtplib.SMTP) -> None:
        for number in numbers:
            recipient = f"person.{number}@receiver.example"
            await client.sendmail("b@parley.example", [recipient], _raw(str(number), recipient))

    await asyncio.gather(*(send(client) for client in clients))
    took = time.perf_counter() - started
    for client in clients:
        await client.quit()
    return count / took
