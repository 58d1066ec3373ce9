"""LMTP: a reply for each recipient after the dot, whatever happened (RFC 2033 §4.2)."""

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.db.database import Database
from adapters.intake.accepting import Reception
from adapters.intake.smtp import Intake
from domain.errors import Unavailable
from domain.inbox.acceptance import NESTING_LIMIT, SIZE_LIMIT, Envelope, Outcome, Source, Way
from tests.adapters.intake.letters import DOMAIN, MAIL, address, given_a_meeting, kept, revoke
from tests.adapters.intake.talk import Talk

LHLO = "LHLO border.example.org"


class Failing(Reception):
    """Fails after the dot."""

    async def accept(self, raw: bytes, envelope: Envelope, source: Source) -> tuple[Outcome, ...]:
        raise Unavailable("db down: secret")


@pytest.fixture
async def intake(sqlite_database: Database) -> AsyncIterator[Intake]:
    await given_a_meeting(sqlite_database)
    started = Intake(Reception(sqlite_database, DOMAIN), DOMAIN, way=Way.LMTP)
    await started.start()
    yield started
    await started.stop()


async def delivered(talk: Talk, raw: bytes, *recipients: str) -> list[str]:
    """The code for each recipient; then the conversation can go on."""
    await talk.until_data(*recipients, greeting=LHLO)
    talk.writer.write(raw + b".\r\n")
    codes = [(await talk.line()).decode() for _ in recipients]
    assert (await talk.say(b"NOOP\r\n")).startswith(b"250"), "no more replies than recipients"
    return [line[:9] for line in codes]


async def test_each_recipient_gets_its_reply(intake: Intake, sqlite_database: Database) -> None:
    talk = await Talk.to(intake.port)

    assert await delivered(talk, MAIL, address(), address(party=2)) == ["250 2.0.0"] * 2

    assert [(row.party, row.source) for row in await kept(sqlite_database)] == [
        (1, "lmtp"),
        (2, "lmtp"),
    ]
    await talk.end()


async def test_one_may_succeed_and_the_other_not(
    intake: Intake, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = await Talk.to(intake.port)
    await talk.until_data(address(party=2), address(), greeting=LHLO)
    await revoke(sqlite_database, party=2)

    talk.writer.write(MAIL + b".\r\n")

    assert (await talk.line()).startswith(b"550 5.1.1")
    assert (await talk.line()).startswith(b"250 2.0.0")
    assert [row.party for row in await kept(sqlite_database)] == [1]
    await talk.end()


async def test_an_address_that_fills_up_meanwhile_comes_again_alone(
    intake: Intake, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.inbox.load.MOST_UNREAD", 1)
    first, second = await Talk.to(intake.port), await Talk.to(intake.port)
    await second.until_data(address(), address(party=2), greeting=LHLO)
    await delivered(first, MAIL, address())

    second.writer.write(MAIL + b"more\r\n.\r\n")

    assert (await second.line()).startswith(b"452 4.2.2")
    assert (await second.line()).startswith(b"250 2.0.0")
    for talk in (first, second):
        await talk.end()


async def test_what_is_too_large_is_said_to_each(intake: Intake) -> None:
    talk = await Talk.to(intake.port)
    large = MAIL + b"x" * 1000 + b"\r\ny" * SIZE_LIMIT + b"\r\n"

    codes = await delivered(talk, large, address(), address(party=2))

    assert [code[:3] for code in codes] == ["552", "552"]
    await talk.end()


async def test_what_is_kept_for_the_operator_is_taken(intake: Intake) -> None:
    talk = await Talk.to(intake.port)
    nested = MAIL + b"Content-Type: multipart/mixed; boundary=b\r\n" * (NESTING_LIMIT + 1)

    assert await delivered(talk, nested, address(), address(party=2)) == ["250 2.0.0"] * 2
    await talk.end()


async def test_our_fault_is_temporary_for_each(sqlite_database: Database) -> None:
    await given_a_meeting(sqlite_database)
    broken = Intake(Failing(sqlite_database, DOMAIN), DOMAIN, way=Way.LMTP)
    await broken.start()
    talk = await Talk.to(broken.port)

    codes = await delivered(talk, MAIL, address(), address(party=2))

    assert codes == ["451 4.3.0"] * 2
    await talk.end()
    await broken.stop()


async def test_it_is_not_mistaken_for_smtp(intake: Intake) -> None:
    talk = await Talk.to(intake.port)

    assert (await talk.say(b"EHLO client\r\n")).startswith(b"500")
    assert (await talk.say(b"HELO client\r\n")).startswith(b"500")
    await talk.end()


async def test_a_unix_socket_will_do(sqlite_database: Database, tmp_path: Path) -> None:
    await given_a_meeting(sqlite_database)
    path = tmp_path / "lmtp"
    intake = Intake(Reception(sqlite_database, DOMAIN), DOMAIN, way=Way.LMTP, host=str(path))
    for _ in range(2):  # a path that is left over is no obstacle
        await intake.start()
        talk = await Talk.to_path(path)
        assert await delivered(talk, MAIL, address()) == ["250 2.0.0"]
        await talk.end()
        assert stat.S_IMODE(path.stat().st_mode) == 0o666
        await intake.stop()

    assert [row.copies for row in await kept(sqlite_database)] == [2]
