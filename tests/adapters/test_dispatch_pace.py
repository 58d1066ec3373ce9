"""The dispatcher's manners: towards a relay that is away, domains, recipients and their owners."""

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from adapters.db import inputs, outbox, suppressions
from adapters.db.database import Database
from adapters.db.outbox import Wait
from adapters.db.schema import outbox_lanes
from adapters.dispatch import OutboxDispatcher
from adapters.smtp import Relay, SmtpMailer
from domain.meetings.messages import Undelivered
from domain.outbox.model import (
    Draft,
    Hold,
    Part,
    Phase,
    Report,
    SuppressionReason,
    SuppressionScope,
)
from domain.outbox.shaping import Shaping
from domain.postage import OnUnknown, Postage, Priority
from tests.adapters.outbox_rows import SUBJECT, attempts, draft, states, statuses
from tests.adapters.test_dispatch import Poked, are, enqueue, running
from tests.fakes.smtp import CLOSE, FakeMailer, Server
from tests.patience import until

NO_RELAY = Report(phase=Phase.CONNECT, reply="connection refused")
TOO_MANY = Report(phase=Phase.CONNECT, code=421, reply="4.7.0 too many connections")
UNWELL = Report(phase=Phase.MAIL, code=452, reply="4.3.1 insufficient system storage")
OK = Report(phase=Phase.DONE, code=250)
ONCE = Postage(on_unknown=OnUnknown.RESEND_ONCE)


@dataclass
class Clock:
    """A clock that goes on by itself and can be put forward."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Relays:
    """A mailer whose relay is away while `is_away`, and bears so many connections; counts who
    talks to it at once."""

    is_away: bool = False
    bears: int = 100
    sent: list[str] = field(default_factory=list)
    tried: int = 0
    busy: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    closed: bool = False
    gate: asyncio.Event | None = None

    async def send(
        self,
        mail_from: str,
        recipient: str,
        raw: bytes,
        mark_sending: Callable[[], Awaitable[bool]],
    ) -> Report:
        domain = recipient.partition("@")[2]
        for name in (domain, "all"):
            self.busy[name] += 1
            self.most[name] = max(self.most[name], self.busy[name])
        try:
            return await self._send(recipient, mark_sending)
        finally:
            self.busy.subtract([domain, "all"])

    async def _send(self, recipient: str, mark: Callable[[], Awaitable[bool]]) -> Report:
        self.tried += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.is_away:
            return NO_RELAY
        if self.busy["all"] > self.bears:
            return TOO_MANY
        if not await mark():
            return Report(phase=Phase.BODY)
        self.sent.append(recipient)
        return OK

    async def close(self) -> None:
        self.closed = True


def letter(number: int, to: str = "ana@example.org", postage: Postage | None = None) -> Draft:
    changes = {"recipient": to, "postage": postage or Postage()}
    return draft(number).model_copy(update=changes)


async def test_mail_leaves_soon_after_the_relay_is_back_from_an_hour_away(
    database: Database,
) -> None:
    await enqueue(database, *(draft(n) for n in range(40)))
    relay, clock = Relays(is_away=True), Clock()
    dispatcher = OutboxDispatcher(
        database, relay, Poked(), poll=0.01, probe_every=0.01, now=clock, senders=4
    )

    async with running(dispatcher):
        await until(lambda: relay.tried > 10)
        assert dispatcher.progress().relay_fault == "connection refused"
        clock.ahead += timedelta(hours=1)
        await until(lambda: relay.tried > 20)
        relay.is_away = False
        clock.ahead += timedelta(minutes=1)
        await are(database, *["sent"] * 40)

    assert dispatcher.progress().relay_fault is None
    assert dispatcher.progress().counts["sent"] == 40


async def test_one_message_at_a_time_looks_for_a_relay_that_is_away(database: Database) -> None:
    await enqueue(database, *(draft(n) for n in range(100)))
    relay = Relays(is_away=True)
    dispatcher = OutboxDispatcher(database, relay, Poked(), poll=0.01, probe_every=0.01, senders=8)

    async with running(dispatcher):
        await until(lambda: relay.tried >= 9)
        relay.most.clear()
        await until(lambda: relay.tried >= 20)
        assert relay.most["all"] == 1

    states_now = Counter(await states(database))
    assert states_now["queued"] >= 60
    assert states_now["queued"] + states_now["retry"] == 100


@pytest.mark.parametrize("bears", [1, 3])
async def test_a_connection_too_many_delays_nobody(database: Database, bears: int) -> None:
    await enqueue(database, *(draft(n) for n in range(100)))
    relay, faults = Relays(bears=bears), set()
    dispatcher = OutboxDispatcher(database, relay, Poked(), senders=6)

    def is_over() -> bool:
        faults.add(dispatcher.progress().relay_fault)
        return len(relay.sent) == 100

    async with running(dispatcher):
        await until(is_over)
        await are(database, *["sent"] * 100)

    assert faults == {None}
    assert await attempts(database) == [("done", 250, "sent")] * 100


async def test_a_message_that_is_always_one_too_many_waits_and_others_go(
    database: Database,
) -> None:
    class Picky(Relays):
        async def _send(self, recipient: str, mark: Callable[[], Awaitable[bool]]) -> Report:
            if recipient == "no@example.org":
                return TOO_MANY
            return await super()._send(recipient, mark)

    await enqueue(database, letter(0, to="no@example.org"), *(letter(n) for n in range(1, 40)))
    relay = Picky()

    async with running(OutboxDispatcher(database, relay, Poked(), senders=6)):
        await are(database, "retry", *["sent"] * 39)


@pytest.mark.parametrize("bad", [{1}, {1, 5, 9}])
async def test_messages_that_are_always_refused_at_mail_wait_and_others_go(
    database: Database, bad: set[int]
) -> None:
    class Picky(Relays):
        async def _send(self, recipient: str, mark: Callable[[], Awaitable[bool]]) -> Report:
            self.tried += 1
            if recipient == "no@example.org":
                return UNWELL
            return await super()._send(recipient, mark)

    to = ["no@example.org" if n in bad else "ana@example.org" for n in range(60)]
    await enqueue(database, *(letter(n, to=one) for n, one in enumerate(to)))
    relay, faults = Picky(), set()
    dispatcher = OutboxDispatcher(database, relay, Poked(), senders=1)

    def is_over() -> bool:
        faults.add(dispatcher.progress().relay_fault)
        return len(relay.sent) == 60 - len(bad)

    async with running(dispatcher):
        await until(is_over)
        await are(database, *("retry" if n in bad else "sent" for n in range(60)))

    assert faults == {None}


async def test_a_message_that_hangs_after_its_dot_hides_no_outage(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hanging(Relays):
        async def _send(self, recipient: str, mark: Callable[[], Awaitable[bool]]) -> Report:
            if recipient == "slow@example.org":
                await mark()
                await asyncio.Event().wait()
            return NO_RELAY

    monkeypatch.setattr("adapters.outgoing.relay._LATELY", 0.5)
    await enqueue(database, letter(0, to="slow@example.org"), *(letter(n) for n in range(1, 80)))
    dispatcher = OutboxDispatcher(database, Hanging(), Poked(), senders=8, poll=0.05)

    task = asyncio.create_task(dispatcher.run())
    await until(lambda: dispatcher.progress().relay_fault)
    await until(lambda: dispatcher.progress().in_hand == 1)
    dispatcher.stop(patience=0.0)
    await task


async def test_a_slow_domain_takes_no_more_connections_than_it_may_have(
    database: Database,
) -> None:
    slow = [letter(n, to=f"u{n}@slow.org") for n in range(30)]
    quick = [letter(n, to=f"u{n}@quick.org") for n in range(30, 60)]
    await enqueue(database, *slow, *quick)
    relay = Relays()
    shaping = Shaping(connections_to={"slow.org": 1})
    dispatcher = OutboxDispatcher(database, relay, Poked(), senders=6, shaping=shaping, poll=0.01)

    async with running(dispatcher):
        await are(database, *["sent"] * 60)

    assert relay.most["slow.org"] == 1
    assert relay.most["quick.org"] > 1


async def test_a_domain_that_hangs_holds_up_nobody_else(database: Database) -> None:
    await enqueue(database, *(letter(n, to=f"u{n}@slow.org") for n in range(20)))
    await enqueue(database, letter(20), letter(21))
    hanging = asyncio.Event()

    class Hanging(Relays):
        async def _send(self, recipient: str, mark: Callable[[], Awaitable[bool]]) -> Report:
            if recipient.endswith("@slow.org"):
                await hanging.wait()
            return await super()._send(recipient, mark)

    shaping = Shaping(connections_to={"*": 2})
    relay = Hanging()
    dispatcher = OutboxDispatcher(database, relay, Poked(), senders=4, shaping=shaping, poll=0.01)
    async with running(dispatcher):
        await until(lambda: len(relay.sent) == 2)
        assert relay.busy["slow.org"] == 2
        hanging.set()
        await are(database, *["sent"] * 22)


async def test_a_domain_that_asks_for_less_mail_is_left_alone_for_a_while(
    database: Database,
) -> None:
    await enqueue(database, letter(1))
    clock = Clock()
    busy = Report(phase=Phase.RCPT, code=421, reply="4.3.2 too many messages")
    mailer = FakeMailer([busy])
    dispatcher = OutboxDispatcher(
        database, mailer, Poked(), poll=0.01, now=clock, jitter=lambda: 0.0
    )

    async with running(dispatcher):
        await are(database, "retry")
        clock.ahead += timedelta(seconds=16)  # its own retry is due; its domain is not ready
        await enqueue(database, letter(2, to="bo@quick.org"), letter(3))
        await until(lambda: len(mailer.sent) == 1)
        assert [to for to, _ in mailer.sent] == ["bo@quick.org"]
        clock.ahead += timedelta(seconds=90)
        await are(database, "sent", "sent", "sent")


async def test_a_relay_that_is_overloaded_holds_nothing_against_domains_or_messages(
    database: Database,
) -> None:
    await enqueue(database, *(letter(n, to=f"ana@d{n}.example.org") for n in range(5)))
    clock = Clock()

    async with Server({"mail": ["421 4.3.2 overloaded"] * 3}) as server:
        mailer = SmtpMailer(Relay("127.0.0.1", server.port))
        dispatcher = OutboxDispatcher(
            database, mailer, Poked(), senders=1, poll=0.01, probe_every=0.01, now=clock
        )
        async with running(dispatcher):
            await until(lambda: dispatcher.progress().relay_fault)
            assert dispatcher.progress().relay_fault == "421 4.3.2 overloaded"
            await until(lambda: server.received)
            clock.ahead += timedelta(minutes=1)
            await are(database, *["sent"] * 5)

    assert (await database.read(lambda c: c.execute(sa.select(outbox_lanes)).all())) == []
    assert [one.attempts for one in await statuses(database)] == [1] * 5


async def test_urgent_mail_goes_before_bulk(database: Database) -> None:
    bulk = Postage(priority=Priority.BULK)
    await enqueue(database, *(letter(n, to="bulk@example.org", postage=bulk) for n in range(50)))
    relay = Relays(gate=asyncio.Event())
    dispatcher = OutboxDispatcher(database, relay, Poked(), senders=1)

    async with running(dispatcher):
        await until(lambda: relay.tried == 1)
        urgent = Postage(priority=Priority.URGENT)
        await enqueue(database, letter(50, to="urgent@example.org", postage=urgent))
        assert relay.gate is not None
        relay.gate.set()
        await are(database, *["sent"] * 51)

    assert relay.sent.index("urgent@example.org") <= 4  # behind what was in hand already


async def test_what_may_go_out_once_more_does_so_once_with_the_same_bytes(
    database: Database,
) -> None:
    await enqueue(database, letter(1, postage=ONCE))
    clock = Clock()

    async with Server({"dot": [CLOSE]}) as server:
        mailer = SmtpMailer(Relay("127.0.0.1", server.port))
        dispatcher = OutboxDispatcher(database, mailer, Poked(), poll=0.01, now=clock)
        async with running(dispatcher):
            await are(database, "retry")
            clock.ahead += timedelta(minutes=1)
            await are(database, "sent")

    assert [mail.raw for mail in server.received] == [letter(1).raw] * 2
    assert [state for _, _, state in await attempts(database)] == ["uncertain", "sent"]


async def test_a_second_reply_that_never_came_is_a_doubt(database: Database) -> None:
    await enqueue(database, letter(1, postage=ONCE))
    clock, poked = Clock(), Poked()
    lost = Report(phase=Phase.DOT)
    dispatcher = OutboxDispatcher(database, FakeMailer([lost, lost]), poked, poll=0.01, now=clock)

    async with running(dispatcher):
        await are(database, "retry")
        assert poked.streams == []
        clock.ahead += timedelta(minutes=1)
        await are(database, "uncertain")
        await until(lambda: poked.streams)


async def test_a_mail_that_is_not_sent_for_its_recipients_sake_is_told_to_its_saga_once(
    database: Database,
) -> None:
    reason, scope = SuppressionReason.BOUNCED, SuppressionScope.ALL

    def work(c: sa.Connection) -> None:
        suppressions.suppress(c, "main", "ana@example.org", scope, reason, datetime.now(UTC))

    await database.write(work)
    poked = Poked()
    async with running(OutboxDispatcher(database, FakeMailer(), poked, poll=0.01)):
        await enqueue(database, draft())
        await are(database, "suppressed")
        await until(lambda: poked.streams)

    taken = await database.read(lambda c: inputs.take(c, SUBJECT, 10))
    assert [one.body for one in taken] == [
        Undelivered(party=1, letter="meeting.invitation", reason="suppressed")
    ]


@dataclass
class Signing:
    """A signer whose signatures are numbered, to see how often it is asked."""

    made: int = 0
    fault: Exception | None = None

    async def sign(self, raw: bytes, at: datetime) -> str:
        if self.fault is not None:
            raise self.fault
        self.made += 1
        return f"DKIM-Signature: {self.made}\r\n"


async def test_a_mail_is_signed_once_and_every_attempt_has_the_same_bytes(
    database: Database,
) -> None:
    await enqueue(database, letter(1, postage=ONCE))
    clock, signer = Clock(), Signing()
    mailer = FakeMailer([Report(phase=Phase.DONE, code=451), Report(phase=Phase.DOT)])
    dispatcher = OutboxDispatcher(database, mailer, Poked(), poll=0.01, now=clock, signer=signer)

    async with running(dispatcher):
        for number in (1, 2, 3):
            await until(lambda n=number: len(mailer.sent) == n)  # type: ignore[misc]  # binds n
            await are(database, "sent" if number == 3 else "retry")
            clock.ahead += timedelta(minutes=5)

    assert {raw for _, raw in mailer.sent} == {b"DKIM-Signature: 1\r\n" + draft(1).raw}
    assert signer.made == 1


async def test_what_cannot_be_signed_holds_up_nobody_and_is_tried_again(
    database: Database,
) -> None:
    await enqueue(database, draft(1))
    signer = Signing(fault=ValueError("no From"))
    mailer = FakeMailer()

    async with running(OutboxDispatcher(database, mailer, Poked(), signer=signer)):
        await are(database, "retry")
        signer.fault = None
        await enqueue(database, draft(2))
        await are(database, "retry", "sent")


def digest_of(parts: Sequence[Part]) -> Draft:
    first = parts[0]
    return draft(99).model_copy(
        update={
            "kind": first.kind,
            "occasion": f"digest/{first.id}",
            "raw": b"Subject: all\r\n\r\n" + b"".join(part.raw for part in parts),
        }
    )


async def post_parts(database: Database) -> None:
    now = datetime.now(UTC)

    def work(c: sa.Connection) -> None:
        for number in (1, 2, 3):
            wait = Wait(Hold.DIGEST, now)
            outbox.post(c, "main", draft(number), now, wait=wait, digest="morning")

    await database.write(work)


async def test_parts_of_a_digest_leave_as_one_mail(database: Database) -> None:
    await post_parts(database)
    mailer = FakeMailer()

    dispatcher = OutboxDispatcher(database, mailer, Poked(), compose=digest_of, poll=0.01)
    async with running(dispatcher):
        await are(database, "merged", "merged", "merged", "sent")

    assert len(mailer.sent) == 1
    assert all(draft(n).raw in mailer.sent[0][1] for n in (1, 2, 3))


async def test_others_write_while_a_digest_is_composed(database: Database) -> None:
    written, composing = threading.Event(), threading.Event()

    def slow(parts: Sequence[Part]) -> Draft:
        composing.set()
        assert written.wait(10)
        return digest_of(parts)

    await post_parts(database)
    dispatcher = OutboxDispatcher(database, FakeMailer(), Poked(), compose=slow, poll=0.01)
    async with running(dispatcher):
        await until(composing.is_set)
        await enqueue(database, draft(4))
        written.set()
        await are(database, "merged", "merged", "merged", "sent", "sent")


async def test_a_digest_that_cannot_be_composed_holds_up_nobody(database: Database) -> None:
    def broken(parts: Sequence[Part]) -> Draft:
        raise ZeroDivisionError

    await post_parts(database)
    clock = Clock()
    dispatcher = OutboxDispatcher(
        database, FakeMailer(), Poked(), compose=broken, poll=0.01, now=clock
    )
    async with running(dispatcher):
        await enqueue(database, draft(4))
        await are(database, "held", "held", "held", "sent")
    whole = OutboxDispatcher(
        database, FakeMailer(), Poked(), compose=digest_of, poll=0.01, now=clock
    )
    async with running(whole):
        clock.ahead += timedelta(minutes=11)
        await are(database, "merged", "merged", "merged", "sent", "sent")


async def test_two_dispatchers_share_a_limit(database: Database) -> None:
    await enqueue(database, *(draft(n) for n in range(100)))
    shaping, mailers = Shaping(rate=20), [FakeMailer(), FakeMailer()]
    started = asyncio.get_running_loop().time()

    async with (
        running(OutboxDispatcher(database, mailers[0], Poked(), shaping=shaping, poll=0.05)),
        running(OutboxDispatcher(database, mailers[1], Poked(), shaping=shaping, poll=0.05)),
    ):
        await until(lambda: len(mailers[0].sent) + len(mailers[1].sent) >= 45)
        sent = len(mailers[0].sent) + len(mailers[1].sent)
        took = asyncio.get_running_loop().time() - started

    assert sent <= 20 * (took + 1) + 1
