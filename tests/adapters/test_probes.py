"""The doctor's own mail: it leaves, comes back in, concerns nobody, and is forgotten."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from aiosmtplib import SMTPDataError, SMTPRecipientsRefused

from adapters.catcher.handing_on import OwnDomain
from adapters.catcher.server import Catcher
from adapters.db import backlog, inbox
from adapters.db.database import Database
from adapters.db.probes import SqlProbes
from adapters.db.schema import inbox as inbox_table
from adapters.db.schema import inputs
from adapters.doctor.finding import Grade
from adapters.doctor.loop import never_came, wait_for_probe
from adapters.doctor.mail import check_way_back
from adapters.intake.accepting import Reception
from adapters.intake.smtp import Intake
from adapters.retention import PROBES_FOR, Retention
from domain.errors import NotFound
from settings import Settings
from tests.adapters.intake.letters import ANA, DOMAIN, NOW, SECRET, mail

RAW = b"Subject: a probe\r\nMessage-ID: <probe@parley.example>\r\n\r\n.\r\n"


@pytest.fixture
async def intake(database: Database) -> AsyncIterator[Intake]:
    started = Intake(Reception(database, DOMAIN, now=lambda: NOW), DOMAIN)
    await started.start()
    yield started
    await started.stop()


@pytest.fixture
async def catcher(intake: Intake, tmp_path: Path) -> AsyncIterator[Catcher]:
    own = OwnDomain(DOMAIN, "127.0.0.1", intake.port)
    started = Catcher(tmp_path / "catcher.db", own_domain=own)
    await started.start()
    yield started
    await started.stop()


def probes(database: Database) -> SqlProbes:
    return SqlProbes(database, SECRET, DOMAIN)


async def test_a_probe_is_seen_when_it_came_and_not_before(
    database: Database, intake: Intake
) -> None:
    opened = await probes(database).open("one", NOW)
    assert (await probes(database).look("one")).arrived_at is None

    await mail(intake.port, opened.address, RAW)

    found = await probes(database).look("one")
    assert (found.arrived_at, found.source) == (NOW, "smtp")


async def test_an_address_nobody_opened_takes_no_mail(database: Database, intake: Intake) -> None:
    await probes(database).open("one", NOW)
    with pytest.raises(NotFound, match="no such probe"):
        await probes(database).look("two")

    closed = (await probes(database).open("three", NOW)).address.replace("d+", "r+")
    with pytest.raises(SMTPRecipientsRefused):  # a token serves one purpose
        await mail(intake.port, closed, RAW)


async def test_a_probe_waits_for_no_saga_and_no_reader(database: Database, intake: Intake) -> None:
    """Otherwise it would be poked for ever, and the backlog would look stuck."""
    await mail(intake.port, (await probes(database).open("one", NOW)).address, RAW)

    later = NOW + timedelta(hours=1)
    assert await database.read(lambda c: c.execute(sa.select(inputs.c.id)).all()) == []
    assert (await database.read(backlog.unread_mail)).oldest is None
    assert await database.write(lambda c: inbox.claim_unread(c, 9, later, later)) == []


async def test_a_probe_is_forgotten_after_a_day(database: Database, intake: Intake) -> None:
    await mail(intake.port, (await probes(database).open("old", NOW)).address, RAW)
    await probes(database).open("new", NOW + PROBES_FOR)

    await Retention(database, now=lambda: NOW + PROBES_FOR + timedelta(seconds=1)).forget()

    with pytest.raises(NotFound):
        await probes(database).look("old")
    assert (await probes(database).look("new")).id == "new"
    assert await database.read(lambda c: c.execute(sa.select(inbox_table.c.id)).all()) == []


async def test_the_catcher_hands_mail_for_our_domain_on_as_an_mx_would(
    database: Database, catcher: Catcher
) -> None:
    address = (await probes(database).open("one", NOW)).address

    await mail(catcher.port, [address, ANA], RAW)

    assert (await probes(database).look("one")).arrived_at == NOW
    assert {one.recipient for one in await catcher.messages()} == {address, ANA}


async def test_the_catcher_gives_back_what_our_door_refuses(
    database: Database, catcher: Catcher
) -> None:
    unknown = f"r+{'a' * 26}@{DOMAIN}"

    with pytest.raises(SMTPDataError, match="No such mailbox") as refusal:
        await mail(catcher.port, unknown, RAW)

    assert refusal.value.code == 550
    assert await catcher.messages() == []


async def test_a_closed_door_is_a_fault_for_now(
    database: Database, intake: Intake, catcher: Catcher
) -> None:
    """Whoever sends tries again: nothing is lost, and nothing was caught twice."""
    address = (await probes(database).open("one", NOW)).address
    await intake.stop()

    with pytest.raises(SMTPDataError, match="Temporary failure") as refusal:
        await mail(catcher.port, [address, ANA], RAW)

    assert refusal.value.code == 451
    assert await catcher.messages() == []


async def test_the_doctor_waits_until_the_mail_is_back(database: Database, intake: Intake) -> None:
    address = (await probes(database).open("one", NOW)).address
    waiting = asyncio.create_task(
        wait_for_probe(lambda: probes(database).look("one"), _earlier(2), within=20)
    )

    await mail(intake.port, address, RAW)

    finding = await waiting
    assert finding is not None
    assert finding.grade is Grade.FINE
    assert "by smtp after 2.0 s" in finding.said


async def test_a_mail_that_does_not_come_back_is_a_fault_with_the_step_that_is_missing(
    database: Database, intake: Intake
) -> None:
    await probes(database).open("one", NOW)
    assert await wait_for_probe(lambda: probes(database).look("one"), NOW, within=0.01) is None
    settings = Settings(mail_domain="parley.localhost")

    shut = await check_way_back(settings.model_copy(update={"intake_port": 1}))
    open_door = await check_way_back(settings.model_copy(update={"intake_port": intake.port}))

    assert "Open port 25" in never_came(30, shut).advice
    assert "stuck behind the relay" in never_came(30, open_door).advice


async def test_a_probe_that_cannot_be_looked_at_is_a_fault(database: Database) -> None:
    finding = await wait_for_probe(lambda: probes(database).look("never"), NOW, within=5)

    assert finding is not None
    assert finding.grade is Grade.FAULT


def _earlier(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)
