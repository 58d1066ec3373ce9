"""The folder of taken mails is emptied of what the database has forgotten, and of nothing else."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from imapclient.exceptions import (  # type: ignore[import-untyped]  # it has no stubs
    IMAPClientAbortError,
    IMAPClientError,
)

from adapters.db import raw_mail
from adapters.db.database import Database
from adapters.db.schema import inbox as inbox_rows
from adapters.intake.imap_done import DoneFolder, DoneRetention
from adapters.intake.imap_folder import Account
from domain.access import Purpose
from tests.adapters.intake.imap_server import ImapServer
from tests.adapters.intake.letters import DOMAIN, address
from tests.adapters.intake.watching import DONE, is_moved, letter, watching
from tests.patience import until

KEEP_FOR = timedelta(days=90)
TODAY = datetime.now(UTC)
LATER = TODAY + timedelta(days=92)


async def taken(
    database: Database, server: ImapServer, *mails: bytes, feedback_address: str = ""
) -> None:
    """Mails of today were kept and moved."""
    await asyncio.to_thread(server.put, *mails)
    async with watching(database, server.account, feedback_address=feedback_address):
        await is_moved(server, len(mails))


async def are_read(database: Database) -> None:
    await database.write(lambda c: c.execute(inbox_rows.update().values(read_at=TODAY)))


async def are_forgotten(database: Database) -> None:
    await database.write(lambda c: raw_mail.forget(c, LATER - KEEP_FOR, LATER, 100))


async def are_over(database: Database) -> None:
    """They were read, and their time went by."""
    await are_read(database)
    await are_forgotten(database)


def retention(
    database: Database, server: ImapServer, at_once: int = 200, feedback_address: str = ""
) -> DoneRetention:
    return DoneRetention(
        database,
        server.account,
        DOMAIN,
        KEEP_FOR,
        feedback_address=feedback_address,
        at_once=at_once,
        now=lambda: LATER,
    )


async def test_what_the_database_has_forgotten_is_deleted(
    server: ImapServer, sqlite_database: Database
) -> None:
    nobodys = letter(3, "somebody@example.org")
    unstamped = letter(4).split(b"\r\n", 2)[2]
    await taken(sqlite_database, server, letter(1), letter(2), nobodys, unstamped)
    await are_over(sqlite_database)

    assert not await retention(sqlite_database, server).look()

    assert server.lying(DONE) == []


async def test_what_the_database_still_holds_stays(
    server: ImapServer, sqlite_database: Database
) -> None:
    """An unread mail is never forgotten, however old."""
    await taken(sqlite_database, server, letter(1))
    await are_forgotten(sqlite_database)
    cleaner = retention(sqlite_database, server)

    await cleaner.look()

    assert len(server.lying(DONE)) == 1


async def test_a_report_to_the_feedback_address_goes_as_well(
    server: ImapServer, sqlite_database: Database
) -> None:
    to = "feedback@example.net"
    repeats = letter(2, to) + f"\r\nOriginal-Mail-From: <{address(Purpose.BOUNCE)}>\r\n".encode()
    await taken(sqlite_database, server, letter(1, to), repeats, feedback_address=to)
    await are_over(sqlite_database)

    await retention(sqlite_database, server, feedback_address=to).look()

    assert server.lying(DONE) == []


async def test_what_is_not_old_enough_is_not_looked_at(
    server: ImapServer, sqlite_database: Database
) -> None:
    await taken(sqlite_database, server, letter(1))
    await are_over(sqlite_database)
    early = DoneRetention(sqlite_database, server.account, DOMAIN, KEEP_FOR)

    await early.look()

    assert len(server.lying(DONE)) == 1


async def test_what_people_keep_there_and_elsewhere_is_theirs(
    server: ImapServer, sqlite_database: Database
) -> None:
    await taken(sqlite_database, server, letter(1))
    await are_over(sqlite_database)
    past = TODAY - timedelta(days=400)
    theirs = letter(7), letter(8, "me@example.org")
    await asyncio.to_thread(lambda: server.put(*theirs, folder=DONE, at=past))
    await asyncio.to_thread(lambda: server.put(letter(1), at=past))

    await retention(sqlite_database, server).look()

    assert len(server.lying(DONE)) == 2
    assert len(server.lying()) == 1


async def test_the_doctors_own_mails_go_though_nothing_is_known_of_them_any_more(
    server: ImapServer, sqlite_database: Database
) -> None:
    await taken(sqlite_database, server, letter(1))
    past = TODAY - timedelta(days=400)
    probe = letter(2, address(Purpose.DOCTOR))
    await asyncio.to_thread(lambda: server.put(probe, folder=DONE, at=past))

    await retention(sqlite_database, server).look()

    assert len(server.lying(DONE)) == 1


async def test_one_look_is_bounded_and_the_next_goes_on(
    server: ImapServer, sqlite_database: Database
) -> None:
    """What must stay is not looked at again and again instead."""
    await taken(sqlite_database, server, letter(1))
    await are_over(sqlite_database)
    past = TODAY - timedelta(days=400)
    with server.client() as client:
        await asyncio.to_thread(client.delete_folder, DONE)
        await asyncio.to_thread(client.create_folder, DONE)
    await asyncio.to_thread(
        lambda: server.put(letter(8), letter(9), letter(1), folder=DONE, at=past)
    )
    cleaner = retention(sqlite_database, server, at_once=2)

    assert await cleaner.look()
    assert len(server.lying(DONE)) == 3
    assert not await cleaner.look()

    assert len(server.lying(DONE)) == 2


@pytest.mark.parametrize(
    "fault",
    [IMAPClientError("NO"), IMAPClientAbortError("EOF")],
    ids=["a refusal", "a broken line"],
)
async def test_a_mail_that_is_not_given_keeps_no_other_from_being_deleted(
    server: ImapServer,
    sqlite_database: Database,
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
) -> None:
    await taken(sqlite_database, server, letter(1), letter(2))
    await are_over(sqlite_database)
    cleaner, real = retention(sqlite_database, server), DoneFolder.fetch

    def fetch(folder: DoneFolder, uid: int) -> bytes | None:
        if uid == min(folder.above(0)) and len(folder.above(0)) == 2:
            raise fault
        return real(folder, uid)

    monkeypatch.setattr(DoneFolder, "fetch", fetch)
    for _ in range(2):
        with suppress(IMAPClientAbortError):
            await cleaner.look()

    assert len(server.lying(DONE)) == 1


@pytest.mark.parametrize(
    ("folder", "done", "moves"),
    [
        ("INBOX", "Parley/Done", True),
        ("INBOX", "", False),
        ("INBOX", "Inbox", False),
        ("Mail", "Mail", False),
    ],
)
def test_no_mail_is_moved_to_where_it_lies(folder: str, done: str, moves: bool) -> None:
    account = Account("mail.example", 993, "tls", "intake", "secret", folder, done)

    assert account.moves is moves


async def test_a_watched_folder_that_is_named_for_taken_mails_too_is_marked(
    server: ImapServer, sqlite_database: Database
) -> None:
    await asyncio.to_thread(server.put, letter(1))
    same = replace(server.account, done=server.account.folder)

    async with watching(sqlite_database, same):
        await until(lambda: asyncio.to_thread(lambda: server.lying() == [True]), every=0.1)
