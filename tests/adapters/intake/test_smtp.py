"""Mail in: kept before yes is said, for known addresses only, whatever the sender does."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
import sqlalchemy as sa
from aiosmtplib import (
    SMTPDataError,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from adapters.db import capabilities, inbox
from adapters.db.database import Bell, Database
from adapters.db.opening import open_database
from adapters.db.schema import inbox as inbox_table
from adapters.intake.accepting import Reception
from adapters.intake.rates import PeerRate
from adapters.intake.smtp import Intake
from domain.access import Capability, Purpose, token_address
from domain.inbox.acceptance import SIZE_LIMIT
from tests.adapters.intake.letters import (
    ANA,
    DOMAIN,
    MAIL,
    NESTED,
    NOW,
    SECRET,
    STREAM,
    address,
    given_a_meeting,
    kept,
    mail,
    mail_inputs,
    revoke,
    token,
)
from tests.adapters.intake.talk import Talk
from tests.adapters.outbox_rows import draft, enqueue
from tests.patience import until

T = TypeVar("T")
ROOT = Path(__file__).parents[3]


@pytest.fixture
async def intake(database: Database) -> AsyncIterator[Intake]:
    await given_a_meeting(database)
    started = Intake(Reception(database, DOMAIN), DOMAIN)
    await started.start()
    yield started
    await started.stop()


class Broken:
    """A database that fails at writing, or hangs."""

    def __init__(self, real: Database, fault: Exception | None) -> None:
        self._real = real
        self._fault = fault

    @property
    def dialect(self) -> str:
        return self._real.dialect

    @property
    def bell(self) -> Bell:
        return self._real.bell

    @property
    def is_alive(self) -> bool:
        return self._real.is_alive

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        if self._fault is not None:
            raise self._fault
        never: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        return await never

    async def read(self, work: Callable[[sa.Connection], T]) -> T:
        return await self._real.read(work)

    async def close(self) -> None:
        await self._real.close()


async def test_a_mail_is_kept_with_its_unread_input_before_yes(
    intake: Intake, database: Database
) -> None:
    rung = database.bell.rung(inbox.BELL)

    refused, words = await mail(intake.port, address())

    [row] = await kept(database)
    assert refused == {}
    assert row.key in words
    assert (row.stream, row.party, row.purpose, row.copies) == (STREAM, 1, "r", 1)
    assert (row.mail_from, row.source, row.raw, row.read_at) == (ANA, "smtp", MAIL, None)
    [waiting] = await mail_inputs(database)
    assert (waiting.inbox_id, waiting.stream, waiting.body) == (row.id, STREAM, None)
    await until(lambda: database.bell.rung(inbox.BELL) > rung)


async def test_a_second_copy_gets_the_same_answer_and_changes_nothing(
    intake: Intake, database: Database
) -> None:
    first = await mail(intake.port, address())
    second = await mail(intake.port, address(), b"Received: by way of b\r\n" + MAIL)

    assert first == second
    [row] = await kept(database)
    assert row.copies == 2
    assert len(await mail_inputs(database)) == 1


async def test_unknown_revoked_and_foreign_addresses_get_one_answer(
    intake: Intake, database: Database
) -> None:
    await revoke(database, party=2)
    answers = set()

    for one in [
        address(party=2),
        f"r+{'a' * 26}@{DOMAIN}",
        f"p+{token(Purpose.PAGE)}@{DOMAIN}",
        f"b+{token(Purpose.REPLY)}@{DOMAIN}",
        address().replace(DOMAIN, "example.net"),
        f"postmaster-like@{DOMAIN}",
        f"r+{token()[:-1]}@{DOMAIN}",
    ]:
        with pytest.raises(SMTPRecipientsRefused) as refusal:
            await mail(intake.port, one)
        [reason] = refusal.value.recipients
        answers.add((reason.code, reason.message))

    assert answers == {(550, "5.1.1 No such mailbox")}
    assert await kept(database) == []


_ADDRESSES = [Purpose.REPLY, Purpose.BOUNCE, Purpose.ALIAS, Purpose.UNSUBSCRIBE]


@pytest.mark.parametrize("purpose", _ADDRESSES)
async def test_every_address_we_gave_out_is_accepted(
    intake: Intake, database: Database, purpose: Purpose
) -> None:
    await _grant(database, purpose)

    await mail(intake.port, address(purpose).upper())

    [row] = await kept(database)
    assert row.purpose == purpose


async def _grant(database: Database, purpose: Purpose) -> None:
    opened = Capability(purpose=purpose, stream=STREAM, party=1)
    await database.write(lambda c: capabilities.grant(c, SECRET, opened, NOW))


async def test_a_bounce_says_by_its_address_which_message_it_is_about(
    intake: Intake, database: Database
) -> None:
    ours, bens, others = await enqueue(
        database, draft(1), draft(2, party=2), draft(3, subject="meeting/other")
    )

    for number in (ours, bens, others, 4711):
        await mail(
            intake.port, token_address(Purpose.BOUNCE, token(Purpose.BOUNCE), DOMAIN, number)
        )

    assert [row.about for row in await kept(database)] == [ours, None, None, None]


async def test_one_bad_recipient_does_not_sink_the_others(
    intake: Intake, database: Database
) -> None:
    recipients = [address(), f"r+{'a' * 26}@{DOMAIN}", address(party=2)]

    refused, _ = await mail(intake.port, recipients)

    assert list(refused) == [recipients[1]]
    assert [row.party for row in await kept(database)] == [1, 2]


async def test_a_full_address_is_told_to_wait_and_the_others_go_on(
    intake: Intake, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.inbox.load.MOST_UNREAD", 2)
    for number in range(2):
        await mail(intake.port, address(), MAIL + b"%d\r\n" % number)

    refused, _ = await mail(intake.port, [address(), address(party=2)], MAIL + b"more\r\n")

    assert [(one, answer[0], answer[1][:5]) for one, answer in refused.items()] == [
        (address(), 452, "4.2.2")
    ]
    assert [row.party for row in await kept(database)] == [1, 1, 2]
    await mail(intake.port, address(Purpose.BOUNCE), MAIL + b"more\r\n")  # not the same address


async def test_an_address_that_was_full_takes_what_comes_again_later(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await given_a_meeting(database)
    now = [NOW]
    intake = Intake(Reception(database, DOMAIN, now=lambda: now[0]), DOMAIN)
    await intake.start()
    monkeypatch.setattr("domain.inbox.load.OCTETS_PER_DAY", len(MAIL))
    await mail(intake.port, address())
    read = sa.update(inbox_table).values(read_at=NOW)
    await database.write(lambda c: c.execute(read) and None)
    with pytest.raises(SMTPRecipientsRefused):
        await mail(intake.port, address(), MAIL + b"more\r\n")

    now[0] += timedelta(days=1)
    await mail(intake.port, address(), MAIL + b"more\r\n")

    assert len(await kept(database)) == 2
    await intake.stop()


async def test_what_finds_no_room_in_quarantine_stays_with_its_sender(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.inbox.load.MOST_KEPT_OF_ADDRESS", 0)

    with pytest.raises(SMTPDataError) as refused:
        await mail(intake.port, address(), NESTED)

    assert (refused.value.code, refused.value.message[:5]) == (452, "4.3.1")


async def test_an_address_revoked_after_rcpt_is_refused(intake: Intake, database: Database) -> None:
    talk = await Talk.to(intake.port)
    await talk.until_data(address())
    await revoke(database)

    assert (await talk.say(MAIL + b".\r\n")).startswith(b"550 5.1.1")
    assert await kept(database) == []
    await talk.end()


@pytest.mark.parametrize("fault", [RuntimeError("db down: secret"), LookupError("x")])
async def test_our_own_fault_is_temporary_and_tells_nothing(
    intake: Intake, database: Database, fault: Exception
) -> None:
    broken = Intake(Reception(Broken(database, fault), DOMAIN), DOMAIN)
    await broken.start()

    with pytest.raises(SMTPDataError) as refusal:
        await mail(broken.port, address())

    assert refusal.value.code == 451
    assert str(fault) not in refusal.value.message
    await broken.stop()


async def test_a_commit_that_takes_too_long_is_a_451(intake: Intake, database: Database) -> None:
    slow = Intake(Reception(Broken(database, None), DOMAIN, commit_within=0.05), DOMAIN)
    await slow.start()

    with pytest.raises(SMTPDataError) as refusal:
        await mail(slow.port, address())

    assert refusal.value.code == 451
    await slow.stop()


async def test_a_mail_that_is_too_large_is_refused(intake: Intake, database: Database) -> None:
    with pytest.raises(SMTPResponseException) as refusal:
        await mail(intake.port, address(), MAIL + b"x" * 70 * 1024 + b"\r\ny" * SIZE_LIMIT)

    assert refusal.value.code == 552
    assert await kept(database) == []


async def test_a_long_line_is_no_reason_to_lose_an_answer(
    intake: Intake, database: Database
) -> None:
    await mail(intake.port, address(), MAIL + b"x" * 200_000 + b"\r\n")

    assert len(await kept(database)) == 1


async def test_the_null_sender_of_bounces_is_welcome(intake: Intake, database: Database) -> None:
    await mail(intake.port, address(Purpose.BOUNCE), sender="")

    [row] = await kept(database)
    assert row.mail_from == ""


async def test_a_sender_that_hangs_up_before_the_dot_left_nothing(
    intake: Intake, database: Database
) -> None:
    talk = await Talk.to(intake.port)
    await talk.until_data(address())
    talk.writer.write(MAIL)
    await talk.end()

    await mail(intake.port, address(party=2))

    assert [row.party for row in await kept(database)] == [2]


async def test_connections_are_bounded(database: Database) -> None:
    small = Intake(Reception(database, DOMAIN), DOMAIN, connections=2)
    await small.start()
    first, second = await Talk.to(small.port), await Talk.to(small.port)

    third = await Talk.to(small.port)

    assert (first.greeting[:3], second.greeting[:3], third.greeting[:3]) == (b"220", b"220", b"421")
    await first.end()
    await until(lambda: _is_answered(small.port))
    for talk in (second, third):
        await talk.end()
    await small.stop()


async def _is_answered(port: int) -> bool:
    talk = await Talk.to(port)
    await talk.end()
    return talk.greeting.startswith(b"220")


async def test_a_stopped_intake_lets_go_of_port_and_senders(database: Database) -> None:
    stopped = Intake(Reception(database, DOMAIN), DOMAIN)
    await stopped.start()
    port = stopped.port
    talk = await Talk.to(port)

    await stopped.stop(patience=0.1)

    assert await talk.reader.read() == b""
    with pytest.raises(ConnectionRefusedError):
        await Talk.to(port)
    await talk.end()


async def test_a_kill_between_commit_and_yes_makes_one_mail_of_two_copies(
    database_url: str,
) -> None:
    opened = open_database(database_url)
    await given_a_meeting(opened)
    await opened.close()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.adapters.intake.doomed_intake", database_url),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    sending = asyncio.create_task(mail(port, address()))
    assert await process.stdout.readline() == b"kept\n"
    process.kill()
    await process.wait()
    with pytest.raises(SMTPServerDisconnected):  # not told yes, so it sends again
        await sending

    opened = open_database(database_url)
    intake = Intake(Reception(opened, DOMAIN), DOMAIN)
    await intake.start()
    await mail(intake.port, address())
    await intake.stop()

    assert [row.copies for row in await kept(opened)] == [2]
    assert len(await mail_inputs(opened)) == 1
    await opened.close()


async def test_a_peer_that_brings_too_much_is_told_to_come_again(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.intake.smtp.counted_peer", lambda address: address)
    await given_a_meeting(sqlite_database)
    now = [0.0]
    reception = Reception(sqlite_database, DOMAIN, rate=PeerRate(1, lambda: now[0]))
    intake = Intake(reception, DOMAIN)
    await intake.start()
    talk = await Talk.to(intake.port)
    await talk.until_data(address())
    await mail(intake.port, address())  # meanwhile, by another connection of the peer

    assert (await talk.say(MAIL + b"more\r\n.\r\n")).startswith(b"451 4.7.1")
    with pytest.raises(SMTPRecipientsRefused) as refusal:
        await mail(intake.port, address(), MAIL + b"more\r\n")
    now[0] += 60
    await mail(intake.port, address(), MAIL + b"more\r\n")

    assert refusal.value.recipients[0].code == 451
    assert len(await kept(sqlite_database)) == 2
    await talk.end()
    await intake.stop()
