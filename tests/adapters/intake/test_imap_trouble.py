"""A mailbox in trouble: one bad mail, a folder that is full, a server that can do less."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from imapclient.exceptions import (  # type: ignore[import-untyped]  # it has no stubs
    IMAPClientAbortError,
    IMAPClientError,
)

from adapters.db import mailboxes
from adapters.db.database import Database
from adapters.intake.accepting import Reception
from adapters.intake.imap_folder import Account, ImapFolder, Withheld
from domain.errors import Unavailable
from domain.inbox.acceptance import Envelope, Outcome, Source
from domain.inbox.postponement import Trouble
from tests.adapters.intake.imap_server import ImapServer
from tests.adapters.intake.letters import DOMAIN, address, kept, mail_inputs
from tests.adapters.intake.watching import DONE, arrived, is_moved, letter, watching
from tests.patience import until


async def waiting(database: Database) -> dict[Trouble, int]:
    found = await database.read(lambda c: mailboxes.troubles(c, datetime.now(UTC)))
    return {trouble: count for trouble, count in found.items() if count}


async def is_noted(database: Database, **troubles: int) -> None:
    async def holds() -> bool:
        found = await waiting(database)
        return {trouble.name: count for trouble, count in found.items()} == troubles

    await until(holds)


class Counting(ImapFolder):
    """Counts what is fetched, in all connections."""

    fetched: Counter[int]

    def fetch(self, uid: int) -> bytes | None:
        self.fetched[uid] += 1
        return super().fetch(uid)


REFUSALS = {
    "a refusal": IMAPClientError("NO [UNAVAILABLE] internal error"),
    "nothing": Withheld(),
    "a line that breaks": IMAPClientAbortError("socket error: EOF"),
    "silence": TimeoutError(),
}


@pytest.mark.parametrize("fault", REFUSALS.values(), ids=REFUSALS)
async def test_a_mail_that_is_not_given_holds_no_other_up(
    server: ImapServer,
    sqlite_database: Database,
    fault: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await asyncio.to_thread(server.put, letter(1), letter(2), letter(3))
    bad: list[int] = []

    class Withholding(ImapFolder):
        def fetch(self, uid: int) -> bytes | None:
            bad[:] = bad or [uid]
            if uid in bad:
                raise fault
            return super().fetch(uid)

    async with watching(sqlite_database, server.account, open_folder=Withholding):
        await is_moved(server, 2)
        await is_noted(sqlite_database, FETCH=1)
        bad.append(bad.pop() + 1000)  # the server is mended
        await is_moved(server, 3)
        await is_noted(sqlite_database)

    assert len(await mail_inputs(sqlite_database)) == 3
    said = [r.getMessage() for r in caplog.records if "passed over" in r.getMessage()]
    assert len(said) == 1  # however often it was tried
    assert "not-given" in said[0]


async def test_a_mail_that_is_listed_and_comes_empty_is_not_taken_for_gone(
    server: ImapServer, sqlite_database: Database
) -> None:
    await asyncio.to_thread(server.put, letter(1))
    empty = [True]

    class Empty(ImapFolder):
        def __init__(self, account: Account) -> None:
            super().__init__(account)
            real = self._client.fetch
            self._client.fetch = lambda uids, what: {} if empty else real(uids, what)

    async with watching(sqlite_database, server.account, open_folder=Empty):
        await is_noted(sqlite_database, FETCH=1)
        empty.clear()
        await arrived(sqlite_database, 1)


class Choking(Reception):
    """Cannot keep a certain mail."""

    fault: Exception | None = ValueError("what the mail says")

    async def accept(self, raw: bytes, envelope: Envelope, source: Source) -> tuple[Outcome, ...]:
        if self.fault is not None and b"number 1\r\n" in raw:
            raise self.fault
        return await super().accept(raw, envelope, source)


@pytest.mark.parametrize("fault", [ValueError("what it says"), Unavailable("20 seconds")])
async def test_a_mail_that_we_cannot_keep_holds_no_other_up(
    server: ImapServer,
    sqlite_database: Database,
    fault: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await asyncio.to_thread(server.put, letter(1), letter(2))
    choking = Choking(sqlite_database, DOMAIN)
    choking.fault = fault

    async with watching(sqlite_database, server.account, choking):
        await is_moved(server, 1)
        await is_noted(sqlite_database, KEEP=1)
        choking.fault = None
        await is_moved(server, 2)

    assert "what it says" not in caplog.text


class Full(Counting):
    """A server without room in the folder for what was taken."""

    is_full = True

    def _move(self, uid: int) -> None:
        if Full.is_full:
            raise IMAPClientError("NO [OVERQUOTA]")
        super()._move(uid)


async def test_a_folder_that_refuses_what_was_taken_stops_no_acceptance(
    server: ImapServer, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Full, "is_full", True)
    Full.fetched = Counter()
    await asyncio.to_thread(server.put, letter(1), letter(2))

    async with watching(sqlite_database, server.account, open_folder=Full):
        await arrived(sqlite_database, 2)
        await asyncio.to_thread(server.put, letter(3))
        await is_noted(sqlite_database, SETTLE=3)
    async with watching(sqlite_database, server.account, open_folder=Full):  # a new process
        await asyncio.to_thread(server.put, letter(4))
        await is_noted(sqlite_database, SETTLE=4)
        assert server.lying() == [False] * 4
        monkeypatch.setattr(Full, "is_full", False)
        await is_moved(server, 4)
        await is_noted(sqlite_database)

    assert set(Full.fetched.values()) == {1}
    assert [row.copies for row in await kept(sqlite_database)] == [1] * 4


async def test_a_folder_that_cannot_be_made_stops_no_acceptance(
    server: ImapServer, sqlite_database: Database
) -> None:
    await asyncio.to_thread(server.put, letter(1))

    class Unmade(ImapFolder):
        def _made(self, folder: str) -> str:
            raise IMAPClientError("NO [CANNOT]")

    async with watching(sqlite_database, server.account, open_folder=Unmade):
        await arrived(sqlite_database, 1)
        await is_noted(sqlite_database, SETTLE=1)


async def test_a_folder_that_was_deleted_is_made_again(
    server: ImapServer, sqlite_database: Database
) -> None:
    async with watching(sqlite_database, server.account):
        await asyncio.to_thread(server.put, letter(1))
        await is_moved(server, 1)
        with server.client() as client:
            await asyncio.to_thread(client.delete_folder, DONE)
        await asyncio.to_thread(server.put, letter(2))
        await is_moved(server, 1)


async def test_a_mail_that_somebody_moved_meanwhile_is_done_with(
    server: ImapServer, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Full, "is_full", True)
    Full.fetched = Counter()
    await asyncio.to_thread(server.put, letter(1))

    async with watching(sqlite_database, server.account, open_folder=Full):
        await is_noted(sqlite_database, SETTLE=1)
        await asyncio.to_thread(server.clear)
        await is_noted(sqlite_database)


async def test_a_mail_that_must_wait_is_not_fetched_again_before_there_is_room(
    server: ImapServer, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.inbox.load.MOST_UNREAD", 1)
    asked: list[str] = []

    class Asking(Reception):
        async def look_up(self, address: str, source: Source) -> Any:
            asked.append(address)
            return await super().look_up(address, source)

    Counting.fetched = Counter()
    await asyncio.to_thread(server.put, letter(1), letter(2))

    reception = Asking(sqlite_database, DOMAIN)
    async with watching(sqlite_database, server.account, reception, open_folder=Counting):
        await until(lambda: len(asked) >= 3)
        assert sorted(Counting.fetched.values()) == [1, 1]
        monkeypatch.setattr("domain.inbox.load.MOST_UNREAD", 100)
        await is_moved(server, 2)

    assert sorted(Counting.fetched.values()) == [1, 2]
    assert set(asked) == {address()}


async def test_nothing_is_fetched_for_a_database_that_keeps_nothing(
    server: ImapServer, sqlite_database: Database
) -> None:
    Counting.fetched = Counter()
    await asyncio.to_thread(server.put, letter(1))
    faults = [Unavailable("The disk is full.")] * 3

    class Down:
        def __getattr__(self, name: str) -> Any:
            return getattr(sqlite_database, name)

        async def write(self, work: Any) -> Any:
            if faults:
                raise faults.pop()
            return await sqlite_database.write(work)

    down: Any = Down()
    reception = Reception(sqlite_database, DOMAIN)
    async with watching(down, server.account, reception, open_folder=Counting):
        await is_moved(server, 1)

    assert faults == []
    assert list(Counting.fetched.values()) == [1]


@pytest.mark.parametrize("lacks", [{"MOVE"}, {"MOVE", "UIDPLUS"}], ids=["MOVE", "UIDPLUS too"])
async def test_a_server_that_cannot_move_copies_and_deletes(
    server: ImapServer, sqlite_database: Database, lacks: set[str]
) -> None:
    class Lesser(ImapFolder):
        def __init__(self, account: Account) -> None:
            super().__init__(account)
            real = self._client.has_capability
            self._client.has_capability = lambda name: name not in lacks and real(name)
            self._client.move = None

    await asyncio.to_thread(server.put, letter(1), letter(2))

    async with watching(sqlite_database, server.account, open_folder=Lesser):
        await is_moved(server, 2)
        await until(lambda: asyncio.to_thread(lambda: server.lying() == []), every=0.1)

    assert [row.copies for row in await kept(sqlite_database)] == [1, 1]


async def test_what_others_marked_as_deleted_is_left_to_them(
    server: ImapServer, sqlite_database: Database
) -> None:
    """A server without UIDPLUS can only expunge all that is marked."""

    class Plain(ImapFolder):
        def __init__(self, account: Account) -> None:
            super().__init__(account)
            self._client.has_capability = lambda name: False

    await asyncio.to_thread(server.put, letter(1))
    await asyncio.to_thread(server.mark_deleted)
    await asyncio.to_thread(server.put, letter(2))

    folder = await asyncio.to_thread(Plain, server.account)
    try:
        [_, second] = folder.above(0)
        await asyncio.to_thread(folder.settle, second)
    finally:
        await asyncio.to_thread(folder.close)

    assert len(server.lying()) == 2
    assert len(server.lying(DONE)) == 1
