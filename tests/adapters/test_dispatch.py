"""The dispatcher: quick, bounded, and honest about what it does not know."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from adapters.db import inputs, outbox_claims, outbox_results
from adapters.db.database import Database
from adapters.db.opening import open_database
from adapters.dispatch import OutboxDispatcher
from adapters.dispatchers import take_over
from adapters.loops import LoopEnded
from adapters.outage import Outage
from adapters.smtp import Relay, SmtpMailer
from domain.errors import Unavailable
from domain.meetings.messages import MeetingInput, Undelivered
from domain.outbox.model import Claim, Draft, MessageState, Phase, Report
from domain.outbox.rules import Ruling
from domain.values import LATEST
from tests.adapters import outbox_rows
from tests.adapters.doomed_dispatcher import LEASE
from tests.adapters.outbox_rows import SUBJECT, attempts, draft, states, statuses
from tests.fakes.smtp import CLOSE, HANG, FakeMailer, Server
from tests.patience import until

ROOT = Path(__file__).parents[2]
NOW = datetime.now(UTC)
REFUSED = Report(phase=Phase.RCPT, code=550, reply="no such user")
NO_REPLY = Report(phase=Phase.DOT)
LOST = Undelivered(party=1, letter="meeting.invitation", reason="no-such-mailbox")
DOUBTFUL = LOST.model_copy(update={"certain": False, "reason": ""})


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
    assert await told(database) == [LOST]


async def told(database: Database) -> list[MeetingInput]:
    taken = await database.read(lambda c: inputs.take(c, SUBJECT, 10))
    return [one.body for one in taken]


async def test_an_uncertain_letter_becomes_an_input_of_its_saga(database: Database) -> None:
    poked = Poked()
    await enqueue(database, draft())

    async with running(OutboxDispatcher(database, FakeMailer([NO_REPLY]), poked)):
        await until(lambda: poked.streams)

    assert await states(database) == ["uncertain"]
    assert await told(database) == [DOUBTFUL]


async def test_a_letter_left_in_doubt_by_the_dead_becomes_an_input_of_its_saga(
    database: Database,
) -> None:
    await enqueue(database, draft())
    await marked_by_another(database, LATEST)
    await database.write(lambda c: outbox_results.release_lapsed(c, NOW, NOW))  # not yet
    poked = Poked()

    await take_over(database, poked, datetime.now(UTC))
    async with running(OutboxDispatcher(database, FakeMailer(), poked)):
        await until(lambda: poked.streams)

    assert await states(database) == ["uncertain"]
    assert poked.streams == [SUBJECT]
    assert await told(database) == [DOUBTFUL]


async def test_a_doubtful_letter_that_failed_after_all_is_told_as_both(database: Database) -> None:
    await enqueue(database, draft())
    until_later = datetime.now(UTC) + timedelta(hours=1)
    claim = await marked_by_another(database, until_later)
    await take_over(database, Poked(), datetime.now(UTC))
    async with running(OutboxDispatcher(database, FakeMailer(), Poked())):
        await are(database, "uncertain")

    late = outbox_results.Result(claim, REFUSED, Ruling(state=MessageState.FAILED), NOW)
    dispatcher = OutboxDispatcher(database, FakeMailer(), Poked())
    for _ in range(2):
        await dispatcher._settlement._write([late])

    assert await told(database) == [DOUBTFUL, LOST]


async def marked_by_another(database: Database, until_then: datetime) -> Claim:
    """The one message in the queue, in the hands of a dispatcher that wrote its final dot."""
    now = datetime.now(UTC)
    [claim] = await database.write(lambda c: outbox_claims.claim(c, "another", 1, now, until_then))
    held = [outbox_claims.Held(claim.id, claim.token)]
    await database.write(lambda c: outbox_claims.mark_sending(c, held, now, until_then))
    return claim


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
    to = [f"guest{n}@example.org" for n in range(1, 6)]
    drafts = [draft(n).model_copy(update={"recipient": one}) for n, one in enumerate(to, start=1)]
    await enqueue(database, *drafts)

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


class StuckMarks:
    """A database whose marks are committed, and whose word of it does not come back."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.committed = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def write(self, work: Callable[[sa.Connection], Any]) -> Any:
        before = await states(self._database)
        answer = await self._database.write(work)
        if before != await states(self._database) == ["sending"]:
            self.committed.set()
            await asyncio.Event().wait()
        return answer


async def test_a_message_broken_off_between_its_mark_and_the_dot_goes_back_to_the_queue(
    database: Database,
) -> None:
    await enqueue(database, draft())
    stuck, mailer = StuckMarks(database), FakeMailer()
    dispatcher = OutboxDispatcher(stuck, mailer, Poked())
    task = asyncio.create_task(dispatcher.run())
    await stuck.committed.wait()
    assert await states(database) == ["sending"]

    dispatcher.stop(patience=0.0)
    await task

    assert mailer.sent == []
    assert await states(database) == ["queued"]
    assert [one.attempts for one in await statuses(database)] == [0]


async def test_a_conversation_cut_off_after_the_dot_is_not_sent_again(database: Database) -> None:
    await enqueue(database, draft())

    async with Server({"dot": [HANG]}) as server:
        mailer = SmtpMailer(Relay("127.0.0.1", server.port))
        dispatcher = OutboxDispatcher(database, mailer, Poked())
        task = asyncio.create_task(dispatcher.run())
        await until(lambda: server.received)
        dispatcher.stop(patience=0.0)
        await task

    assert await states(database) == ["sending"]


async def test_a_cut_conversation_before_the_dot_is_nobodys_loss(database: Database) -> None:
    await enqueue(database, draft())

    async with Server({"data": [HANG]}) as server:
        mailer = SmtpMailer(Relay("127.0.0.1", server.port))
        dispatcher = OutboxDispatcher(database, mailer, Poked())
        task = asyncio.create_task(dispatcher.run())
        await until(lambda: not server.plan["data"])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert await states(database) == ["queued"]


@pytest.mark.parametrize(("after_mark", "state"), [(False, "retry"), (True, "uncertain")])
async def test_a_mailer_that_breaks_is_judged_by_whether_it_might_have_written_the_dot(
    database: Database, after_mark: bool, state: str
) -> None:
    class Broken(FakeMailer):
        async def send(self, mail_from, recipient, raw, mark_sending):  # type: ignore[no-untyped-def]  # as its base
            if after_mark:
                await mark_sending()
            raise ZeroDivisionError

    await enqueue(database, draft())

    async with running(OutboxDispatcher(database, Broken(), Poked())):
        await are(database, state)


class Flaky:
    """A database whose next calls fail with `faults`, one each."""

    def __init__(self, database: Database, faults: Sequence[BaseException]) -> None:
        self._database = database
        self.faults = list(faults)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def write(self, work: Callable[[sa.Connection], Any]) -> Any:
        if self.faults:
            raise self.faults.pop(0)
        return await self._database.write(work)


async def test_an_outage_is_said_once_and_outlasted(
    database: Database, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enqueue(database, draft())
    flaky = Flaky(database, [Unavailable("away") for _ in range(4)])
    monkeypatch.setattr(Outage.outlast, "__defaults__", (0.001,))

    async with running(OutboxDispatcher(flaky, FakeMailer(), Poked(), poll=0.01)):
        await are(database, "sent")
        await until(lambda: "going on again" in caplog.text)

    said = [record.getMessage() for record in caplog.records if "claiming" in record.getMessage()]
    assert len(said) == 2  # that it began, and that it is over
    assert not any(record.exc_info for record in caplog.records)


async def test_a_dispatcher_with_a_dead_loop_ends(database: Database) -> None:
    """So that its process ends, and is started anew."""
    flaky = Flaky(database, [asyncio.CancelledError(), asyncio.CancelledError()])

    with pytest.raises(LoopEnded, match="outbox"):
        await OutboxDispatcher(flaky, FakeMailer(), Poked()).run()


async def test_nothing_is_claimed_while_mail_may_not_leave(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    answers = ["this is a copy of the database"] * 3
    asked = asyncio.Event()

    async def may_send() -> str | None:
        if answers:
            assert await states(database) == ["queued"]
            return answers.pop()
        asked.set()
        return None

    await enqueue(database, draft())
    dispatcher = OutboxDispatcher(database, FakeMailer(), Poked(), may_send=may_send, poll=0.01)
    async with running(dispatcher):
        await asked.wait()
        await are(database, "sent")

    said = [one.getMessage() for one in caplog.records if "copy of the database" in one.message]
    assert said == ["outbox: this is a copy of the database"]


async def test_the_envelope_sender_says_which_message_may_come_back(database: Database) -> None:
    await enqueue(database, draft(), draft(2, subject="notes/1"))

    async with Server() as server:
        mailer = SmtpMailer(Relay("127.0.0.1", server.port))
        async with running(OutboxDispatcher(database, mailer, Poked())):
            await are(database, "sent")
            await until(lambda: len(server.received) == 2)

    senders = {mail.mail_from for mail in server.received}
    assert senders == {f"b+{'a' * 26}-{id}@parley.example" for id in (1, 2)}


async def test_two_dispatchers_send_no_message_twice(database: Database) -> None:
    await enqueue(database, *(draft(n) for n in range(300)))

    mailer = FakeMailer()
    async with (
        running(OutboxDispatcher(database, mailer, Poked())),
        running(OutboxDispatcher(database, mailer, Poked())),
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
        await database.write(lambda c: outbox_results.release_lapsed(c, clock[0], clock[0]))
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
    claims = await sqlite_database.write(
        lambda c: outbox_claims.claim(c, "dead", 2, now, until_later)
    )
    held = [outbox_claims.Held(claims[0].id, claims[0].token)]
    await sqlite_database.write(lambda c: outbox_claims.mark_sending(c, held, now, until_later))

    mailer = FakeMailer()
    await take_over(sqlite_database, Poked(), datetime.now(UTC))
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
