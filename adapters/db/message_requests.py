"""Integrators' own mails, asked for: one row for each business key, whoever asks, for ever."""

from datetime import datetime

import sqlalchemy as sa

from adapters.db import capabilities, outbox, outbox_events, unsubscribing
from adapters.db.message_events import record
from adapters.db.schema import outbox as outbox_rows
from domain.access import Capability, Purpose
from domain.errors import Refused
from domain.outbox.digests import DigestKey, digest_key
from domain.outbox.events import MessageEvent, returning_stream
from domain.outbox.model import Draft, Hold
from domain.outbox.requests import MessageDiffers, MessageOrder

_BY_MESSAGE_ID = sa.select(
    *(outbox_rows.c[name] for name in ("id", "kind", "subject", "fingerprint"))
).where(outbox_rows.c.message_id == sa.bindparam("mail_id"))


def bounce_capability(order: MessageOrder) -> Capability:
    """What the envelope sender of an integrator's mails about a subject to one address stands
    for: party 0, since nobody answers there but mail systems."""
    stream = returning_stream(order.stream, order.recipient.address)
    return Capability(purpose=Purpose.BOUNCE, stream=stream, party=0)


def request(
    c: sa.Connection, secret: bytes, order: MessageOrder, draft: Draft, at: datetime, by: str
) -> tuple[int, bool]:
    """The message of `order`, and whether it is new; `by` is the API key that asks.

    Of any number of requests at once, one makes the row and the others find it. Raises
    `MessageDiffers` when the one that is there was asked for with other content.
    """
    new = _posted(c, order, draft, at)
    if new is None:
        return _present(c, order, draft.message_id), False
    capabilities.grant(c, secret, bounce_capability(order), at)
    if order.postage.optional:
        unsubscribing.grant(c, secret, order.owner, order.recipient.address, at)
    outbox_events.note(c, [new], "requested", at, by=by)
    record(c, new, MessageEvent.REQUESTED, at)
    return new, True


def _posted(c: sa.Connection, order: MessageOrder, draft: Draft, at: datetime) -> int | None:
    """The id of a new row; None when one was there. Its Message-ID tells addresses apart that
    differ in more than case, the business key those that differ at all: either may be hit."""
    key = digest_key(order, at)
    try:
        row = outbox.post(
            c,
            order.owner,
            draft,
            at,
            wait=_wait(order, key, at),
            digest=None if key is None else key.to_text(),
            fingerprint=order.fingerprint,
        )
    except Refused:
        return None
    return row.id if row.is_new else None


def _wait(order: MessageOrder, key: DigestKey | None, at: datetime) -> outbox.Wait | None:
    if key is not None:
        return outbox.Wait(Hold.DIGEST, key.until)
    if order.send_at is not None and order.send_at > at:
        return outbox.Wait(Hold.SCHEDULED, order.send_at)
    return None


def earlier(c: sa.Connection, order: MessageOrder, message_id: str) -> int | None:
    """The message that `order` repeats, if it was asked for before. Raises `MessageDiffers`."""
    if c.execute(_BY_MESSAGE_ID, {"mail_id": message_id}).first() is None:
        return None
    return _present(c, order, message_id)


def _present(c: sa.Connection, order: MessageOrder, message_id: str) -> int:
    row = c.execute(_BY_MESSAGE_ID, {"mail_id": message_id}).one_or_none()
    if row is None or (row.kind, row.subject) != (order.kind, order.stream):
        raise Refused("Another message has this Message-ID already.")
    if row.fingerprint != order.fingerprint:
        raise MessageDiffers(int(row.id))
    return int(row.id)
