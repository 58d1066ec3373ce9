"""The dispatcher: quick, bounded, and honest about what it does not know."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.db import inputs, outbox
from adapters.db.database import Database
from adapters.db.opening import open_database
from adapters.dispatch import OutboxDispatcher
from adapters.smtp import Relay, SmtpMailer
from domain.meetings.messages import Undelivered
from domain.outbox.model import Draft, Phase, Report
from tests.adapters import outbox_rows
from tests.adapters.doomed_dispatcher import LEASE
from tests.adapters.outbox_rows import SUBJECT, attempts, draft, states, statuses
from tests.fakes.smtp import CLOSE, HANG, FakeMailer, Server
from tests.patience import until

ROOT = Path(__file__).parents[2]
REFUSED = Report(phase=Phase.RCPT, code=550, reply="no such user")


class Poked:
    """Remembers which streams were poked; fails if told to."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.streams: list[str] = []
        self._fault = fault

    async def __call__(self, stream: str) -> None:
        self.streams.append(stream)
        if self._fault is not None:
            raise self._fault


@asynccontextmanager
async def running(dispatcher: OutboxDispatcher) -> AsyncIterator[OutboxDispatcher]:
    task = asyncio.create_task(dispatcher.run())
    try:
        yield dispatcher
    finally:
        dispatcher.stop(patience=2.0)
        await task


async def enqueue(database: Database, *drafts: Draft) -> None:
    await outbox_rows.enqueue(database, *drafts, at=datetime.now(UTC))


async def are(database: Database, *wanted: str) -> None:
    """Waits until the messages of the subject are in these states."""

    async def holds() -> bool:
        return await states(database) == list(wanted)

    await until(holds)


async def test_a_message_is_sent_and_every_step_is_kept(database: Database) -> None:
    async with Server() as server:
        mailer = SmtpMailer(Relay("127.0.0.1", server.port))
        async with running(OutboxDispatcher(database, mailer, Poked())):
            await enqueue(database, draft())
            await are(database, "sent")

    assert [mail.raw for mail in server.received] == [draft().raw]
    assert await attempts(database) == [("done", 250, "sent")]


async def test_the_mark_is_durable_before_the_final_dot(database: Database) -> None:
    seen: list[str] = []

    class Watching(FakeMailer):
        async def send(self, mail_from, recipient, raw, mark_sending):  # type: ignore[no-untyped-def]  # as its base
            await mark_sending()
            seen.extend(await states(database))
            return Report(phase=Phase.DONE, code=250)

    await enqueue(database, draft())
    async with running(OutboxDispatcher(database, Watching(), Poked())):
        await are(database, "sent")

    assert seen == ["sending"]


async def test_many_messages_go_over_few_connections(database: Database) -> None:
    await enqueue(database, *(draft(n) for n in range(200)))

    async with Server() as server:
        mailer = SmtpMailer(Relay("127.0.0.1", server.port))
        async with running(OutboxDispatcher(database, mailer, Poked(), senders=3)):
            await are(database, *["sent"] * 200)

    assert server.connections <= 3
    assert len({mail.raw for mail in server.received}) == len(server.received) == 200


async def test_a_reply_that_never_came_is_uncertain_and_not_sent_again(
    database: Database,
) -> None:
    await enqueue(database, draft())

    async with Server({"dot": [CLOSE]}) as server:
        mailer = SmtpMailer(Relay("127.0.0.1", server.port))
        async with running(OutboxDispatcher(database, mailer, Poked(), poll=0.01)):
            await are(database, "uncertain")

    assert len(server.received) == 1


async def test_a_passing_refusal_is_tried_again_with_the_same_bytes(database: Database) -> None:
    await enqueue(database, draft())
    clock = [datetime.now(UTC)]

    async with Server({"dot": ["451 later"], "rcpt": ["450 later"], "mail": [CLOSE]}) as server:
        mailer = SmtpMailer(Relay("127.0.0.1", server.port))
        dispatcher = OutboxDispatcher(
            database, mailer, Poked(), poll=0.01, now=lambda: clock[0], jitter=lambda: 0.0
        )
        async with running(dispatcher):
            for attempt in (1, 2, 3):
                await until(lambda n=attempt: _has_attempts(database, n))  # type: ignore[misc]  # binds n
                await are(database, "retry")
                clock[0] += timedelta(minutes=5)
            await are(database, "sent")

    assert [mail.raw for mail in server.received] == [draft().raw]
    assert [phase for phase, _, _ in await attempts(database)] == ["mail", "rcpt", "done", "done"]


async def _has_attempts(database: Database, number: int) -> bool:
    return len(await attempts(database)) == number


async def test_a_failed_letter_becomes_an_input_of_its_saga(database: Database) -> None:
    poked = Poked()
    await enqueue(database, draft())

    async with running(OutboxDispatcher(database, FakeMailer([REFUSED]), poked)):
        await until(lambda: poked.streams)

    assert await states(database) == ["failed"]
    assert poked.streams == [SUBJECT]
    [taken] = await database.read(lambda c: inputs.take(c, SUBJECT, 10))
    assert taken.body == Undelivered(party=1, letter="meeting.invitation")


async def test_a_failed_mail_that_is_no_partys_concerns_no_saga(database: Database) -> None:
    await enqueue(database, draft(1, party=None), draft(2, subject="notes/1"))

    mailer = FakeMailer([REFUSED, REFUSED])
    async with running(OutboxDispatcher(database, mailer, Poked())):
        await are(database, "failed")
        await until(lambda: _is_failed(database, "notes/1"))

    assert await database.read(lambda c: inputs.take(c, SUBJECT, 10)) == []


async def _is_failed(database: Database, subject: str) -> bool:
    return await states(database, subject) == ["failed"]


async def test_one_bad_address_does_not_hold_up_the_others(database: Database) -> None:
    await enqueue(database, *(draft(n) for n in range(1, 6)))

    async with running(OutboxDispatcher(database, FakeMailer([REFUSED]), Poked(), senders=1)):
        await are(database, "failed", "sent", "sent", "sent", "sent")


async def test_a_poke_that_fails_loses_nothing(database: Database) -> None:
    await enqueue(database, draft())

    poked = Poked(ConnectionError("Temporal is down"))
    async with running(OutboxDispatcher(database, FakeMailer([REFUSED]), poked)):
        await until(lambda: poked.streams)

    assert len(await database.read(lambda c: inputs.take(c, SUBJECT, 10))) == 1


async def test_a_stopped_dispatcher_gives_back_what_it_did_not_begin(database: Database) -> None:
    await enqueue(database, *(draft(n) for n in range(1, 5)))
    holding = asyncio.Event()
    reached = asyncio.Event()

    async def hold() -> None:
        reached.set()
        await holding.wait()

    mailer = FakeMailer(before_mark=hold)
    dispatcher = OutboxDispatcher(database, mailer, Poked(), senders=1)
    task = asyncio.create_task(dispatcher.run())
    await reached.wait()
    dispatcher.stop(patience=5.0)
    await are(database, "claimed", "queued", "queued", "queued")
    holding.set()
    await task

    assert await states(database) == ["sent", "queued", "queued", "queued"]
    assert [one.attempts for one in await statuses(database)] == [1, 0, 0, 0]
    assert mailer.closed


async def test_two_dispatchers_send_no_message_twice(database: Database) -> None:
    await enqueue(database, *(draft(n) for n in range(300)))

    mailer = FakeMailer()
    async with (
        running(OutboxDispatcher(database, mailer, Poked(), takes_over=False)),
        running(OutboxDispatcher(database, mailer, Poked(), takes_over=False)),
    ):
        await are(database, *["sent"] * 300)

    assert len({raw for _, raw in mailer.sent}) == len(mailer.sent) == 300


async def test_a_dispatcher_that_slept_through_its_lease_writes_no_dot(
    database: Database,
) -> None:
    await enqueue(database, draft())
    clock = [datetime.now(UTC)]

    async def sleep_long() -> None:
        clock[0] += timedelta(hours=1)
        await database.write(lambda c: outbox.release_lapsed(c, clock[0], clock[0]))
        mailer.before_mark = None

    mailer = FakeMailer(before_mark=sleep_long)
    dispatcher = OutboxDispatcher(database, mailer, Poked(), now=lambda: clock[0], poll=0.01)
    async with running(dispatcher):
        await are(database, "sent")

    assert len(mailer.sent) == 1
    assert [one.attempts for one in await statuses(database)] == [2]


async def test_what_a_dead_process_held_in_a_sqlite_file_is_taken_over_at_once(
    sqlite_database: Database,
) -> None:
    await enqueue(sqlite_database, draft(1), draft(2))
    now = datetime.now(UTC)
    until_later = now + timedelta(hours=1)
    claims = await sqlite_database.write(lambda c: outbox.claim(c, "dead", 2, now, until_later))
    held = [outbox.Held(claims[0].id, claims[0].token)]
    await sqlite_database.write(lambda c: outbox.mark_sending(c, held, now, until_later))

    mailer = FakeMailer()
    async with running(OutboxDispatcher(sqlite_database, mailer, Poked())):
        await are(sqlite_database, "uncertain", "sent")

    assert [raw for _, raw in mailer.sent] == [draft(2).raw]


@pytest.mark.parametrize(
    ("step", "state", "copies"), [("mail", "sent", 1), ("data", "sent", 1), ("dot", "uncertain", 1)]
)
async def test_a_killed_dispatcher_loses_nothing_and_repeats_nothing(
    database_url: str, step: str, state: str, copies: int
) -> None:
    """SIGKILL before the mark: the message is sent by the next dispatcher. After it: uncertain."""
    async with Server({step: [HANG]}) as server:
        opened = open_database(database_url)
        await enqueue(opened, draft())
        await opened.close()

        await _killed_at(server, step, database_url)

        opened = open_database(database_url)
        mailer = SmtpMailer(Relay("127.0.0.1", server.port))
        dispatcher = OutboxDispatcher(opened, mailer, Poked(), claim_lease=LEASE)
        async with running(dispatcher):
            await are(opened, state)
        await opened.close()

        assert len(server.received) == copies


async def _killed_at(server: Server, step: str, url: str) -> None:
    arguments = ("-m", "tests.adapters.doomed_dispatcher", url, str(server.port))
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=ROOT)
    try:
        await until(lambda: not server.plan[step])
        if step == "dot":
            await until(lambda: server.received)
    finally:
        process.kill()
        await process.wait()
