"""Drafts for outbox tests, and a look at what became of them."""

from datetime import UTC, datetime

import sqlalchemy as sa

from adapters.db import outbox
from adapters.db.database import Database
from adapters.db.schema import outbox_attempts
from domain.outbox.model import Draft, MessageStatus

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
SUBJECT = "meeting/7f3a"


def draft(number: int = 1, *, subject: str = SUBJECT, party: int | None = 1) -> Draft:
    """A letter that differs from others by its number."""
    message_id = f"<{subject.replace('/', '.')}.{number}@parley.example>"
    return Draft(
        kind="meeting.invitation",
        subject=subject,
        occasion=str(number),
        recipient="ana@example.org",
        party=party,
        mail_from="b+aaaaaaaaaaaaaaaaaaaaaaaaaa@parley.example",
        message_id=message_id,
        raw=f"Message-ID: {message_id}\r\nSubject: letter\r\n\r\nhello\r\n".encode(),
    )


async def enqueue(database: Database, *drafts: Draft, at: datetime = NOON) -> list[int]:
    def work(c: sa.Connection) -> list[int]:
        return [outbox.enqueue(c, "main", one, at) for one in drafts]

    return await database.write(work)


async def statuses(database: Database, subject: str = SUBJECT) -> list[MessageStatus]:
    return await database.read(lambda c: outbox.of_subject(c, subject))


async def states(database: Database, subject: str = SUBJECT) -> list[str]:
    return [one.state.value for one in await statuses(database, subject)]


async def attempts(database: Database) -> list[tuple[str, int | None, str]]:
    """Phase, code and resulting state of every recorded attempt."""
    query = sa.select(outbox_attempts).order_by(outbox_attempts.c.message_id, "token")
    rows = await database.read(lambda c: c.execute(query).all())
    return [(row.phase, row.code, row.state) for row in rows]
