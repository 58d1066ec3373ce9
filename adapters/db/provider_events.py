"""What a mail provider says became of a message: proof that it left, its fate, and what follows."""

import sqlalchemy as sa

from adapters.db import evidence, fates, feedback, signed_requests
from adapters.db.database import Database
from adapters.db.feedback import About, News
from adapters.db.schema import outbox
from domain.inbox.repetition import SignedRequest
from domain.outbox.bounces import cause_of
from domain.outbox.model import DeliveryFate, Proof
from domain.outbox.provider import ProviderEvent
from domain.values import same_mailbox

_NAMED = sa.select(*(outbox.c[name] for name in About._fields)).where(
    outbox.c.message_id == sa.bindparam("named")
)


class SqlProviderEvents:
    """Takes events of providers; one that comes again changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, event: ProviderEvent | None, signed: SignedRequest | None = None) -> bool:
        """Whether it is about a message of ours. Of a request that was `signed` even None, which
        says nothing, is remembered: its signature must not serve for another event.

        Raises `ContentDiffers`.
        """
        if event is None and signed is None:
            return False
        return await self._database.write(lambda c: _take_once(c, event, signed))


def _take_once(c: sa.Connection, event: ProviderEvent | None, signed: SignedRequest | None) -> bool:
    known = None if signed is None else signed_requests.first_answer(c, signed)
    if known is not None:
        return bool(known["known"])
    is_ours = event is not None and take(c, event)
    if signed is not None:
        signed_requests.answer(c, signed, {"known": is_ours})
    return is_ours


def take(c: sa.Connection, event: ProviderEvent) -> bool:
    """Heed `event` for the message it names, if that is one of ours to that recipient: a
    Message-ID alone is known to everybody who has seen the mail. A bounce that the provider tells
    of does not come back by mail, so the saga hears of it here."""
    row = c.execute(_NAMED, {"named": event.message_id}).first() if event.message_id else None
    if row is None or not same_mailbox(row.recipient, event.recipient):
        return False
    about = About(*row)
    evidence.prove(c, [about.id], Proof.PROVIDER, event.at)
    source = f"{event.provider} {event.provider_id}".strip()
    news = News(event.fate, event.status, event.detail, source)
    if feedback.learn(c, about, news, event.at) and event.fate is DeliveryFate.BOUNCED:
        reason = cause_of(event.status, event.detail).value
        fates.tell_returned(c, about, reason, event.at)
    return True
