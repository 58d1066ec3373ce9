"""One acceptance for every way in: what is kept, for whom, and whose fault it is when it is not."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from adapters.db.database import Database
from adapters.db.opening import open_database
from adapters.db.schema import quarantine
from adapters.db.strays import SqlStrays
from adapters.intake.accepting import Reception
from adapters.intake.rates import PeerRate
from domain.access import OPERATOR, Purpose, numbered, token_address
from domain.errors import Unavailable
from domain.inbox.acceptance import (
    SIZE_LIMIT,
    Admission,
    Envelope,
    Outcome,
    Source,
    Way,
    worst,
)
from domain.inbox.quarantine import read_name
from tests.adapters.intake.databases import locked, paused
from tests.adapters.intake.letters import (
    ANA,
    DOMAIN,
    LATER,
    MAIL,
    NESTED,
    address,
    given_a_meeting,
    kept,
    mail_inputs,
    revoke,
)
from tests.postgres import PostgresServer

SMTP, IMAP = Source(way=Way.SMTP), Source(way=Way.IMAP)
UNKNOWN = token_address(Purpose.REPLY, "a" * 26, DOMAIN)


@pytest.fixture
async def reception(database: Database) -> Reception:
    await given_a_meeting(database)
    return Reception(database, DOMAIN)


def to(*recipients: str) -> Envelope:
    return Envelope(mail_from=ANA, recipients=recipients)


def admitted(outcomes: Sequence[Outcome]) -> list[str]:
    return [one.admission.value for one in outcomes]


async def quarantined(database: Database) -> list[tuple[str, str, str, int]]:
    columns = (quarantine.c.reason, quarantine.c.recipient, quarantine.c.state, quarantine.c.copies)
    query = sa.select(*columns).order_by(quarantine.c.id)
    return await database.read(lambda c: [tuple(row) for row in c.execute(query)])


async def test_recipients_are_kept_in_one_order_whatever_the_envelope_says(
    reception: Reception, database: Database
) -> None:
    """Two envelopes of one mail at once would else wait for each other."""
    parties = [address(), address(party=2)]
    for mail, recipients in ((MAIL, parties), (MAIL + b"again\r\n", parties[::-1])):
        await reception.accept(mail, to(*recipients), SMTP)

    found = [row.party for row in await kept(database)]
    assert found[:2] == found[2:]


async def test_every_recipient_has_its_own_outcome_in_order(
    reception: Reception, database: Database
) -> None:
    await revoke(database, party=2)

    outcomes = await reception.accept(
        MAIL, to(UNKNOWN, address(), address(party=2), "ana@example.org"), SMTP
    )

    assert admitted(outcomes) == ["unknown", "accepted", "unknown", "unknown"]
    [row] = await kept(database)
    assert (row.key, row.mail_from, row.source) == (outcomes[1].key, ANA, "smtp")


async def test_a_recipient_named_twice_has_one_mail(
    reception: Reception, database: Database
) -> None:
    outcomes = await reception.accept(MAIL, to(address(), address(), address().upper()), SMTP)

    assert len({one.key for one in outcomes}) == 1
    assert len(await kept(database)) == len(await mail_inputs(database)) == 1


async def test_one_mail_that_comes_by_two_ways_is_one(
    reception: Reception, database: Database
) -> None:
    first = await reception.accept(MAIL, to(address()), SMTP)
    traced = b"Received: by way of b\r\nDelivered-To: us\r\n" + MAIL
    second = await reception.accept(traced.replace(b"\r\n", b"\n"), to(address()), IMAP)

    assert first == second
    assert [row.copies for row in await kept(database)] == [2]


async def test_a_full_address_still_knows_what_it_holds(
    reception: Reception, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.inbox.load.MOST_UNREAD", 1)
    await reception.accept(MAIL, to(address()), IMAP)

    again = await reception.accept(MAIL, to(address()), IMAP)
    more = await reception.accept(MAIL + b"more\r\n", to(address(), address(party=2)), IMAP)

    assert admitted(again) == ["accepted"]
    assert admitted(more) == ["full", "accepted"]
    assert await quarantined(database) == []


async def test_what_cannot_be_refused_and_is_nobodys_is_kept_once(
    reception: Reception, database: Database
) -> None:
    for _ in range(2):
        outcomes = await reception.accept(MAIL, to(UNKNOWN, "else@example.org"), IMAP)
        assert admitted(outcomes) == ["quarantined", "unknown"]
    [nameless] = await reception.accept(MAIL, to(), IMAP)

    assert nameless.is_kept
    assert await quarantined(database) == [
        ("nobody", UNKNOWN, "kept", 2),
        ("nobody", "", "kept", 1),
    ]
    assert await kept(database) == []


@pytest.mark.parametrize(
    ("raw", "source", "admission", "reason"),
    [
        (NESTED, SMTP, "quarantined", "too-nested"),
        (NESTED, IMAP, "quarantined", "too-nested"),
        (MAIL + b"x" * SIZE_LIMIT, SMTP, "too-large", None),
        (MAIL + b"x" * SIZE_LIMIT, IMAP, "quarantined", "too-large"),
    ],
)
async def test_mail_beyond_limits_reaches_no_saga_and_is_not_lost(
    reception: Reception,
    database: Database,
    raw: bytes,
    source: Source,
    admission: str,
    reason: str | None,
) -> None:
    outcomes = await reception.accept(raw, to(address(), UNKNOWN), source)

    assert admitted(outcomes) == [admission, "unknown"]
    assert [row[0] for row in await quarantined(database)] == ([reason] if reason else [])
    assert await kept(database) == []


async def test_quarantine_keeps_so_much_of_one_address_and_no_more(
    reception: Reception, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.inbox.load.MOST_KEPT_OF_ADDRESS", 2)
    spellings = [numbered(address(Purpose.BOUNCE), number) for number in (1, 2, 3)]

    for way in (SMTP, IMAP):
        outcomes = [(await reception.accept(NESTED, to(one), way))[0] for one in spellings]
        assert admitted(outcomes) == ["quarantined", "quarantined", "no-room"]
    others = await reception.accept(NESTED, to(spellings[2], address()), SMTP)
    readable = await reception.accept(MAIL, to(spellings[2]), SMTP)

    assert admitted(others) == ["no-room", "quarantined"]
    assert worst(others).must_come_again  # to whom repeating the other does no harm
    assert admitted(readable) == ["accepted"]


async def test_quarantine_keeps_so_much_of_nobodys_mail_from_one_source_and_no_more(
    reception: Reception, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.inbox.load.OCTETS_KEPT_OF_SOURCE", 2 * len(MAIL))
    many = [to(f"{number}@example.org") for number in range(3)]

    outcomes = [(await reception.accept(MAIL, one, IMAP))[0] for one in many]
    elsewhere = await reception.accept(MAIL, many[2], Source(way=Way.WEBHOOK))
    await SqlStrays(database, DOMAIN).discard(OPERATOR, read_name("q1"), LATER)
    later = await reception.accept(MAIL, to("3@example.org"), IMAP)

    assert admitted(outcomes) == ["quarantined", "quarantined", "no-room"]
    assert admitted(elsewhere) == ["quarantined"]
    assert admitted(later) == ["quarantined"]


async def test_a_peer_that_brings_too_much_comes_again(database: Database) -> None:
    now = [0.0]
    await given_a_meeting(database)
    reception = Reception(database, DOMAIN, rate=PeerRate(2, lambda: now[0]))
    peer = Source(way=Way.SMTP, peer="8.8.8.8")

    await reception.accept(MAIL, to(address()), peer)
    assert await reception.look_up(UNKNOWN, peer) is Admission.UNKNOWN  # a guess is counted
    assert await reception.look_up(address(), peer) is Admission.TOO_OFTEN
    late = await reception.accept(MAIL + b"more\r\n", to(address()), peer)
    other = await reception.accept(MAIL, to(address()), Source(way=Way.SMTP))
    now[0] += 30

    assert admitted(late) == ["too-often"]
    assert admitted(other) == ["accepted"]
    assert await reception.look_up(address(), peer) is None


async def test_a_paused_postgres_is_a_passing_fault(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    database = open_database(postgres_url)
    await given_a_meeting(database)
    reception = Reception(database, DOMAIN, commit_within=0.3)

    with paused(postgres_server):
        with pytest.raises(Unavailable):
            await reception.look_up(address(), SMTP)
        with pytest.raises(Unavailable):
            await reception.accept(MAIL, to(address()), SMTP)

    reception = Reception(database, DOMAIN)
    assert admitted(await reception.accept(MAIL, to(address()), SMTP)) == ["accepted"]
    assert len(await kept(database)) == len(await mail_inputs(database)) == 1
    await database.close()


async def test_a_postgres_that_is_gone_is_a_passing_fault(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    database = open_database(postgres_url)
    await given_a_meeting(database)
    reception = Reception(database, DOMAIN)
    postgres_server.stop()
    try:
        with pytest.raises(Unavailable):
            await reception.accept(MAIL, to(address()), SMTP)
    finally:
        postgres_server.start()

    assert admitted(await reception.accept(MAIL, to(address()), SMTP)) == ["accepted"]
    await database.close()


async def test_a_locked_file_is_a_passing_fault(sqlite_database: Database, sqlite_url: str) -> None:
    await given_a_meeting(sqlite_database)
    reception = Reception(sqlite_database, DOMAIN, commit_within=0.3)

    with locked(Path(str(make_url(sqlite_url).database))), pytest.raises(Unavailable):
        await reception.accept(MAIL, to(address()), SMTP)

    reception = Reception(sqlite_database, DOMAIN)
    assert admitted(await reception.accept(MAIL, to(address()), SMTP)) == ["accepted"]
    assert len(await kept(sqlite_database)) == len(await mail_inputs(sqlite_database)) == 1


async def test_a_full_disk_is_a_passing_fault(sqlite_database: Database) -> None:
    await given_a_meeting(sqlite_database)
    reception = Reception(sqlite_database, DOMAIN)
    pages = await sqlite_database.write(lambda c: _limit_pages(c, 1))

    with pytest.raises(Unavailable):
        await reception.accept(MAIL + b"x" * 100_000, to(address()), SMTP)

    assert await kept(sqlite_database) == []
    await sqlite_database.write(lambda c: _limit_pages(c, pages))
    assert admitted(await reception.accept(MAIL, to(address()), SMTP)) == ["accepted"]


def _limit_pages(c: sa.Connection, most: int) -> int:
    """How many pages the file may have from now on; fewer than it has means no more."""
    before = c.exec_driver_sql("PRAGMA max_page_count").scalar_one()
    c.exec_driver_sql(f"PRAGMA max_page_count={most}")
    return int(before)
