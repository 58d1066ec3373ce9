"""Where the mail catcher keeps what it caught: one SQLite file, one thread, durable commits."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS mails (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    recipient TEXT NOT NULL COLLATE NOCASE,
    mail_from TEXT NOT NULL,
    message_id TEXT NOT NULL,
    accepted_at INTEGER NOT NULL,
    raw BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS mails_by_recipient ON mails (recipient, id);
CREATE INDEX IF NOT EXISTS mails_by_message_id ON mails (message_id);
"""
_COLUMNS = "id, recipient, mail_from, message_id, accepted_at, raw"
_INSERT = (
    "INSERT INTO mails (recipient, mail_from, message_id, accepted_at, raw) VALUES (?, ?, ?, ?, ?)"
)


class CaughtMail(NamedTuple):
    """One copy of a mail for one recipient, as it was accepted. `message_id` is '' when the mail
    has none; `id` grows in the order of acceptance."""

    id: int
    recipient: str
    mail_from: str
    message_id: str
    accepted_at: datetime
    raw: bytes


class NewMail(NamedTuple):
    """A mail about to be kept, one row for each of its recipients."""

    recipients: tuple[str, ...]
    mail_from: str
    message_id: str
    accepted_at: datetime
    raw: bytes


class Mailboxes:
    """Every caught copy, duplicates included: what is counted here was accepted."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="parley-catcher")
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.executescript(_SCHEMA)

    async def keep(self, mails: Sequence[NewMail]) -> None:
        """Keep `mails`; durable when this returns."""
        rows = [row for mail in mails for row in _rows(mail)]
        await self._run(lambda c: c.executemany(_INSERT, rows).rowcount)

    async def messages(
        self, recipient: str | None = None, after: int = 0, limit: int = 500
    ) -> list[CaughtMail]:
        """Copies with an id above `after`, oldest first, of one recipient or of all."""
        query = f"SELECT {_COLUMNS} FROM mails WHERE id > ?"
        arguments: list[object] = [after]
        if recipient is not None:
            query += " AND recipient = ?"
            arguments.append(recipient)
        query += " ORDER BY id LIMIT ?"
        found = await self._run(lambda c: c.execute(query, [*arguments, limit]).fetchall())
        return [_mail(row) for row in found]

    async def newest(self, recipient: str, limit: int) -> list[CaughtMail]:
        """The last copies of one recipient, newest first."""
        query = f"SELECT {_COLUMNS} FROM mails WHERE recipient = ? ORDER BY id DESC LIMIT ?"
        found = await self._run(lambda c: c.execute(query, (recipient, limit)).fetchall())
        return [_mail(row) for row in found]

    async def get(self, id: int) -> CaughtMail | None:
        query = f"SELECT {_COLUMNS} FROM mails WHERE id = ?"
        found = await self._run(lambda c: c.execute(query, (id,)).fetchone())
        return None if found is None else _mail(found)

    async def recipients(self) -> list[tuple[str, int]]:
        """Everybody who has mail, with how many copies, the latest first."""
        query = "SELECT recipient, count(*) FROM mails GROUP BY recipient ORDER BY max(id) DESC"
        return await self._run(lambda c: [(str(a), int(n)) for a, n in c.execute(query)])

    async def delete(self, recipient: str | None = None) -> int:
        """Throw away the mail of one recipient, or all of it; gives how many copies."""
        where, arguments = ("", ()) if recipient is None else (" WHERE recipient = ?", (recipient,))
        return await self._run(lambda c: c.execute(f"DELETE FROM mails{where}", arguments).rowcount)

    async def close(self) -> None:
        """Finish what was begun and let the file go."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
        self._thread.shutdown()

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._commit, work)

    def _commit(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._connection as connection:
            return work(connection)


def _rows(mail: NewMail) -> list[tuple[str, str, str, int, bytes]]:
    at = (mail.accepted_at - _EPOCH) // timedelta(microseconds=1)
    return [(one, mail.mail_from, mail.message_id, at, mail.raw) for one in mail.recipients]


def _mail(row: tuple[int, str, str, str, int, bytes]) -> CaughtMail:
    id, recipient, mail_from, message_id, at, raw = row
    accepted_at = _EPOCH + timedelta(microseconds=at)
    return CaughtMail(id, recipient, mail_from, message_id, accepted_at, raw)
