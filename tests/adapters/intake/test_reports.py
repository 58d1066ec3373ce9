"""Complaints at one address for all mail: the token in them decides, and nothing else does."""

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa

from activities.inbox import interpret
from adapters.calendar_mail.reading.reader import read_mail
from adapters.db import suppressions
from adapters.db.database import Database
from adapters.db.schema import outbox, quarantine
from adapters.intake.accepting import Reception
from adapters.intake.reading import InboxReader
from domain.access import Purpose, numbered
from domain.inbox.acceptance import Admission, Envelope, Outcome, Source, Way
from domain.inbox.model import Reading
from tests.adapters.intake.letters import (
    ANA,
    DOMAIN,
    NOW,
    address,
    given_a_meeting,
    kept,
    revoke,
)
from tests.adapters.outbox_rows import draft, enqueue
from tests.patience import until

CORPUS = Path(__file__).parents[1] / "calendar_mail" / "corpus" / "machines"
FEEDBACK = "fbl@parley.example"
SMTP = Source(way=Way.SMTP)


@pytest.fixture
async def reception(database: Database) -> Reception:
    await given_a_meeting(database)
    return Reception(database, DOMAIN, feedback_address=FEEDBACK)


def report(about: str) -> bytes:
    """As a provider sends it for the mail that left with that envelope sender."""
    raw = (CORPUS / "complaint.eml").read_bytes()
    named = raw.replace(b"\nTo: b+token@parley.example", f"\nTo: {FEEDBACK}".encode())
    return named.replace(b"b+token@parley.example", about.encode())


async def bring(reception: Reception, raw: bytes, to: str = FEEDBACK) -> Outcome:
    assert await reception.look_up(to, SMTP) is None
    [outcome] = await reception.accept(raw, Envelope(mail_from="", recipients=(to,)), SMTP)
    return outcome


class RealReader:
    async def read(self, raw: bytes) -> Reading:
        return read_mail(raw)


async def poke(stream: str) -> None:
    """Nobody is there to be woken."""


async def read_all(database: Database) -> None:
    reader = InboxReader(database, RealReader(), interpret, poke, mail_domain=DOMAIN)
    async with asyncio.TaskGroup() as group:
        group.create_task(reader.run())
        await until(lambda: _are_read(database))
        reader.stop(patience=2.0)


async def _are_read(database: Database) -> bool:
    return all(row.read_at is not None for row in await kept(database))


async def test_a_complaint_says_what_it_would_say_at_the_bounce_address(
    reception: Reception, database: Database
) -> None:
    _, message = await enqueue(database, draft(1), draft(2))
    about = numbered(address(Purpose.BOUNCE), message)

    outcome = await bring(reception, report(about))
    copy = await bring(reception, report(about), to=about)
    await read_all(database)

    assert outcome == Outcome(recipient=FEEDBACK, admission=Admission.ACCEPTED, key=copy.key)
    [row] = await kept(database)
    assert (row.purpose, row.party, row.about, row.verdict) == ("b", 1, message, "complaint")
    fates = sa.select(outbox.c.fate).order_by(outbox.c.id)
    assert await database.read(lambda c: c.execute(fates).scalars().all()) == [None, "complained"]
    [found] = await database.read(lambda c: suppressions.list_page(c, "main", NOW))
    assert (found.address, found.reason, found.until) == (ANA, "complained", None)


@pytest.mark.parametrize(
    "about",
    [
        "someone@example.org",
        address(),  # opens the answers of a party, not the fate of a mail
        f"b+{'a' * 26}-1@{DOMAIN}",
    ],
)
async def test_without_a_token_it_is_the_operators_and_says_nothing(
    reception: Reception, database: Database, about: str
) -> None:
    await enqueue(database, draft())

    outcome = await bring(reception, report(about))

    assert outcome.admission is Admission.QUARANTINED  # the provider is not told to stop
    assert await kept(database) == []
    columns = (quarantine.c.reason, quarantine.c.recipient)
    rows = await database.read(lambda c: [tuple(row) for row in c.execute(sa.select(*columns))])
    assert rows == [("nobody", FEEDBACK)]


async def test_a_revoked_token_opens_nothing_there_either(
    reception: Reception, database: Database
) -> None:
    await revoke(database, Purpose.BOUNCE)

    outcome = await bring(reception, report(address(Purpose.BOUNCE)))

    assert outcome.admission is Admission.QUARANTINED
    assert await kept(database) == []


async def test_without_the_setting_it_is_an_unknown_address(database: Database) -> None:
    await given_a_meeting(database)

    assert await Reception(database, DOMAIN).look_up(FEEDBACK, SMTP) is Admission.UNKNOWN
    assert await Reception(database, DOMAIN).look_up("", SMTP) is Admission.UNKNOWN
