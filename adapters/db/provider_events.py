"""What a mail provider says became of a message: proof that it left, and a line of its timeline."""

import sqlalchemy as sa

from adapters.db import evidence, outbox_events
from adapters.db.database import Database
from adapters.db.schema import outbox
from adapters.db.schema import outbox_events as events
from domain.outbox.model import Proof
from domain.outbox.provider import ProviderEvent
from domain.values import same_mailbox

_NAMED = sa.select(outbox.c.id, outbox.c.recipient).where(
    outbox.c.message_id == sa.bindparam("named")
)
_NOTED = sa.select(events.c.id).where(
    events.c.message_id == sa.bindparam("message"),
    events.c.type == sa.bindparam("word"),
    events.c.detail == sa.bindparam("words"),
)


class SqlProviderEvents:
    """Takes events of providers; one that comes again changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, event: ProviderEvent) -> bool:
        """Whether it is about a message of ours."""
        return await self._database.write(lambda c: take(c, event))


def take(c: sa.Connection, event: ProviderEvent) -> bool:
    """Note `event` for the message it names, if that is one of ours to that recipient."""
    row = c.execute(_NAMED, {"named": event.message_id}).first() if event.message_id else None
    if row is None or (event.recipient and not same_mailbox(row.recipient, event.recipient)):
        return False
    evidence.prove(c, [row.id], Proof.PROVIDER, event.at)
    word = f"provider-{event.fate.value}"
    words = f"{event.provider} {event.status or ''} {event.provider_id}".strip()
    if c.execute(_NOTED, {"message": row.id, "word": word, "words": words}).first() is None:
        outbox_events.note(c, [row.id], word, event.at, detail=words)
    return True
