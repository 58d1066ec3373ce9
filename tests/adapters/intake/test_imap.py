"""A mailbox that is watched: what lies there is kept once, and touched only after that."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from adapters.db.database import Database
from adapters.db.schema import imap_mailboxes, quarantine
from adapters.intake.accepting import Reception
from adapters.intake.imap_folder import ImapFolder
from domain.errors import Unavailable
from domain.inbox.acceptance import Envelope, Outcome, Source
from tests.adapters.intake.imap_server import PASSWORD, ImapServer
from tests.adapters.intake.letters import (
    ANA,
    DOMAIN,
    address,
    kept,
    mail_inputs,
)
from tests.adapters.intake.watching import DONE, arrived, is_moved, letter, watching
from tests.patience import until


async def test_what_lies_there_is_kept_and_then_moved(
    server: ImapServer, sqlite_database: Database
) -> None:
    await asyncio.to_thread(server.put, letter(1), letter(2))

    async with watching(sqlite_database, server.account):
        await arrived(sqlite_database, 2)
        await is_moved(server, 2)

    rows = await kept(sqlite_database)
    assert [(row.source, row.party, row.mail_from) for row in rows] == [("imap", 1, ANA)] * 2
    assert server.lying() == []
    assert server.lying(DONE) == [False, False]  # nobody has read them


async def test_without_a_folder_for_them_mails_are_marked(
    server: ImapServer, sqlite_database: Database
) -> None:
    await asyncio.to_thread(server.put, letter())

    async with watching(sqlite_database, server.marking):
        await until(lambda: asyncio.to_thread(lambda: server.lying() == [True]), every=0.1)
    async with watching(sqlite_database, server.marking):
        await asyncio.to_thread(server.put, letter(2))
        await arrived(sqlite_database, 2)

    assert [row.copies for row in await kept(sqlite_database)] == [1, 1]


async def test_of_a_mail_that_is_too_large_the_beginning_is_kept_and_said_to_be_that(
    server: ImapServer, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.intake.imap.LARGEST", len(letter()))
    await asyncio.to_thread(server.put, letter())

    async with watching(sqlite_database, server.account):
        await is_moved(server, 1)

    rows = await sqlite_database.read(lambda c: c.execute(sa.select(quarantine)).all())
    assert [row.reason for row in rows] == ["cut"]


async def test_a_mail_that_comes_while_watching_is_noticed_at_once(
    server: ImapServer, sqlite_database: Database
) -> None:
    async with watching(sqlite_database, server.account):
        await asyncio.to_thread(server.put, letter(1))
        await arrived(sqlite_database, 1)
        await asyncio.to_thread(server.put, letter(2))
        await arrived(sqlite_database, 2)


class Deaf(ImapFolder):
    """A server that does not tell what comes."""

    has_news = property(lambda self: False)

    def wait(self, seconds: float) -> None:
        self._client.noop()


async def test_a_server_that_tells_nothing_is_asked_again(
    server: ImapServer, sqlite_database: Database
) -> None:
    async with watching(sqlite_database, server.account, open_folder=Deaf, look_every=0.05):
        await asyncio.to_thread(server.put, letter(1))
        await arrived(sqlite_database, 1)
        await asyncio.to_thread(server.put, letter(2))
        await arrived(sqlite_database, 2)


class Died(Exception):
    """The process ended here."""


STEPS = ["fetch before", "fetch after", "settle before", "settle after"]


@pytest.mark.parametrize("step", STEPS)
async def test_dying_anywhere_loses_nothing_and_takes_nothing_twice(
    server: ImapServer, sqlite_database: Database, step: str
) -> None:
    await asyncio.to_thread(server.put, letter(1), letter(2), letter(3))
    name, _, when = step.partition(" ")
    deaths: list[str] = []

    class Dying(ImapFolder):
        def __getattribute__(self, asked: str) -> Any:
            found = super().__getattribute__(asked)
            return _dying(found, when, deaths) if asked == name and len(deaths) < 2 else found

    async with watching(sqlite_database, server.account, open_folder=Dying):
        await arrived(sqlite_database, 3)
        await is_moved(server, 3)

    assert len(deaths) == 2
    assert len(await mail_inputs(sqlite_database)) == 3
    assert len({row.key for row in await kept(sqlite_database)}) == 3


def _dying(real: Callable[..., Any], when: str, deaths: list[str]) -> Callable[..., Any]:
    def dies(*arguments: Any) -> Any:
        deaths.append(when)
        if when == "after":
            real(*arguments)
        raise Died

    return dies


class Forgetful:
    """A database that dies before it remembers how far the mailbox was read, whose answer to
    whether it can write comes before."""

    def __init__(self, real: Database) -> None:
        self._real = real
        self._writes = 0
        self.deaths = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def write(self, work: Callable[[sa.Connection], Any]) -> Any:
        self._writes += 1
        if self._writes in (2, 4):
            self.deaths += 1
            raise Died
        return await self._real.write(work)


async def test_dying_before_it_is_remembered_repeats_and_changes_nothing(
    server: ImapServer, sqlite_database: Database
) -> None:
    await asyncio.to_thread(server.put, letter(1), letter(2))
    forgetful: Any = Forgetful(sqlite_database)

    async with watching(forgetful, server.marking, Reception(sqlite_database, DOMAIN)):
        await until(lambda: _reached(sqlite_database))

    assert forgetful.deaths == 2
    assert [row.copies for row in await kept(sqlite_database)] == [3, 3]
    assert len(await mail_inputs(sqlite_database)) == 2


async def _reached(database: Database) -> int:
    query = sa.select(imap_mailboxes.c.last_uid)
    return int(await database.read(lambda c: c.execute(query).scalar()) or 0)


async def test_uids_that_are_given_out_anew_hide_no_mail(
    server: ImapServer, sqlite_database: Database
) -> None:
    await asyncio.to_thread(server.put, letter(1), letter(2))
    async with watching(sqlite_database, server.marking):
        await arrived(sqlite_database, 2)
        await until(lambda: _reached(sqlite_database))
    await asyncio.to_thread(server.make_folder)
    await asyncio.to_thread(server.put, letter(1), letter(3))

    async with watching(sqlite_database, server.marking):
        await arrived(sqlite_database, 3)

    assert [row.copies for row in await kept(sqlite_database)] == [2, 1, 1]
    assert len(await mail_inputs(sqlite_database)) == 3


async def test_a_full_address_waits_in_its_folder_and_holds_nobody_up(
    server: ImapServer, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.inbox.load.MOST_UNREAD", 1)
    mails = [letter(1), letter(2), letter(3, address(party=2))]
    await asyncio.to_thread(server.put, *mails)

    async with watching(sqlite_database, server.account):
        await is_moved(server, 2)
    assert [row.party for row in await kept(sqlite_database)] == [1, 2]
    assert server.lying() == [False]
    monkeypatch.setattr("domain.inbox.load.MOST_UNREAD", 100)

    async with watching(sqlite_database, server.account):
        await is_moved(server, 3)
    assert [row.copies for row in await kept(sqlite_database)] == [1, 1, 1]


async def test_what_finds_no_room_in_quarantine_is_left_where_it_lies(
    server: ImapServer,
    sqlite_database: Database,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("domain.inbox.load.MOST_KEPT_OF_SOURCE", 1)
    nobodys = [letter(number, f"{number}@example.org") for number in (1, 2)]
    await asyncio.to_thread(server.put, *nobodys, letter(3))

    for _ in range(2):  # and it is not fetched again
        async with watching(sqlite_database, server.account):
            await is_moved(server, 2)
            await until(lambda: _reached(sqlite_database))

    assert server.lying() == [False]
    assert caplog.text.count("quarantine has no room") == 1
    assert "@example.org" not in caplog.text
    assert len(await kept(sqlite_database)) == 1


class Failing(Reception):
    failures = 3

    async def accept(self, raw: bytes, envelope: Envelope, source: Source) -> tuple[Outcome, ...]:
        if self.failures:
            self.failures -= 1
            raise Unavailable("The database did not answer in time.")
        return await super().accept(raw, envelope, source)


async def test_our_own_fault_leaves_the_mail_alone(
    server: ImapServer, sqlite_database: Database
) -> None:
    await asyncio.to_thread(server.put, letter())
    failing = Failing(sqlite_database, DOMAIN)

    async with watching(sqlite_database, server.marking, failing):
        await arrived(sqlite_database, 1)

    assert failing.failures == 0
    assert [row.copies for row in await kept(sqlite_database)] == [1]


async def test_a_mail_for_nobody_is_kept_for_the_operator(
    server: ImapServer, sqlite_database: Database
) -> None:
    await asyncio.to_thread(server.put, letter(1, "somebody@example.org"))

    async with watching(sqlite_database, server.account):
        await is_moved(server, 1)

    query = sa.select(quarantine.c.reason, quarantine.c.source, quarantine.c.mail_from)
    rows = await sqlite_database.read(lambda c: c.execute(query).all())
    assert [tuple(row) for row in rows] == [("nobody", "imap", ANA)]


async def test_a_server_that_goes_away_is_found_again(
    server: ImapServer, sqlite_database: Database
) -> None:
    async with watching(sqlite_database, server.account):
        await asyncio.to_thread(server.put, letter(1))
        await arrived(sqlite_database, 1)
        await server.kill()
        await server.start()
        await asyncio.to_thread(server.put, letter(2))
        await arrived(sqlite_database, 2)


async def test_the_password_is_never_logged(
    server: ImapServer, sqlite_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = replace(server.account, password=f"not {PASSWORD}")

    async with watching(sqlite_database, wrong):
        await until(lambda: "LoginError" in caplog.text)
    async with watching(sqlite_database, server.account):
        await asyncio.to_thread(server.put, letter())
        await arrived(sqlite_database, 1)

    assert PASSWORD not in caplog.text
    assert PASSWORD not in repr(server.account)
    assert address() not in caplog.text
