"""The mail catcher: every accepted copy is kept, and can be read and thrown away."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.catcher.mailboxes import Mailboxes, NewMail
from adapters.catcher.server import Catcher
from adapters.db.database import Database
from adapters.dispatch import OutboxDispatcher
from adapters.mailbox import CaughtMailbox
from adapters.smtp import Relay, SmtpMailer
from tests.adapters.intake.letters import mail
from tests.adapters.outbox_rows import NOON, draft, enqueue
from tests.patience import until

RAW = b"Subject: x\r\nMessage-Id:\r\n <1@parley.example>\r\n\r\nMessage-ID: <fake@x>\r\n"


@pytest.fixture
async def catcher(tmp_path: Path) -> AsyncIterator[Catcher]:
    started = Catcher(tmp_path / "caught" / "catcher.db")
    await started.start()
    yield started
    await started.stop()


async def test_a_mail_is_caught_once_for_each_recipient(catcher: Catcher) -> None:
    await mail(catcher.port, ["ana@example.org", "ben@example.net"], RAW, "b+1@parley.example")

    ana, ben = await catcher.messages()
    assert (ana.recipient, ben.recipient) == ("ana@example.org", "ben@example.net")
    assert (ana.message_id, ana.mail_from, ana.raw) == (
        "<1@parley.example>",
        "b+1@parley.example",
        RAW,
    )
    assert ana.accepted_at.tzinfo is not None
    assert await catcher.get(ben.id) == ben
    assert await catcher.get(99) is None


async def test_duplicates_are_kept_as_they_came(catcher: Catcher) -> None:
    for _ in range(3):
        await mail(catcher.port, "ana@example.org", RAW)

    assert [one.id for one in await catcher.messages()] == [1, 2, 3]
    assert await catcher.recipients() == [("ana@example.org", 3)]


async def test_a_full_mailbox_shows_its_newest_mails(tmp_path: Path) -> None:
    path = tmp_path / "catcher.db"
    kept = Mailboxes(path)
    await kept.keep(
        [
            NewMail(("ana@example.org",), "", "", NOON, b"Subject: %d\r\n\r\n" % number)
            for number in range(600)
        ]
    )
    await kept.close()
    catcher = Catcher(path)

    shown = await CaughtMailbox(catcher).mails("Ana@example.org")

    assert [mail.subject for mail in shown] == [f"{number}" for number in range(599, 399, -1)]
    await catcher.stop()


async def test_mail_is_found_by_recipient_and_by_what_was_seen_already(catcher: Catcher) -> None:
    for recipient in ("ana@example.org", "ben@example.net", "Ana@example.org"):
        await mail(catcher.port, recipient, RAW)

    assert [one.id for one in await catcher.messages("ana@example.org")] == [1, 3]
    assert [one.id for one in await catcher.messages(after=1)] == [2, 3]
    assert [one.id for one in await catcher.messages("ana@example.org", after=1)] == [3]
    assert [one.id for one in await catcher.messages(limit=1)] == [1]


async def test_mail_can_be_thrown_away(catcher: Catcher) -> None:
    for recipient in ("ana@example.org", "ben@example.net"):
        await mail(catcher.port, recipient, RAW)

    assert await catcher.delete("ana@example.org") == 1
    assert await catcher.recipients() == [("ben@example.net", 1)]
    assert await catcher.delete() == 1
    await mail(catcher.port, "ana@example.org", RAW)
    assert [one.id for one in await catcher.messages()] == [3]  # ids are never used again


async def test_what_was_caught_survives(tmp_path: Path) -> None:
    path = tmp_path / "catcher.db"
    first = Catcher(path)
    await first.start()
    await mail(first.port, "ana@example.org", RAW)
    await first.stop()

    second = Catcher(path)
    await second.start()
    assert len(await second.messages()) == 1
    await second.stop()


async def test_news_wakes_whoever_waits(catcher: Catcher) -> None:
    waiting = asyncio.create_task(catcher.wait_for_messages("ana@example.org"))
    await mail(catcher.port, "ben@example.net", RAW)
    await mail(catcher.port, "ana@example.org", RAW)

    assert [one.id for one in await waiting] == [2]
    assert await catcher.wait_for_messages("ana@example.org", after=2, timeout=0.01) == []


async def test_a_mail_without_headers_is_caught_too(catcher: Catcher) -> None:
    await mail(catcher.port, "ana@example.org", b"\xff\x00\r\n")

    [one] = await catcher.messages()
    assert (one.message_id, one.raw) == ("", b"\xff\x00\r\n")


async def test_the_outbox_delivers_to_the_catcher(
    catcher: Catcher, sqlite_database: Database
) -> None:
    await enqueue(sqlite_database, *(draft(n) for n in range(50)))

    mailer = SmtpMailer(Relay("127.0.0.1", catcher.port))
    dispatcher = OutboxDispatcher(sqlite_database, mailer, _ignore, senders=8, now=lambda: NOON)
    task = asyncio.create_task(dispatcher.run())

    async def all_came() -> bool:
        return len(await catcher.messages()) == 50

    await until(all_came)
    dispatcher.stop()
    await task

    caught = [one.message_id for one in await catcher.messages()]
    assert sorted(caught) == sorted(draft(n).message_id for n in range(50))


async def _ignore(stream: str) -> None:
    """There is no saga to poke."""
