"""Integrators' own mails, asked for: one row for each business key, whoever asks, for ever."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql  # its upsert compiles for SQLite as well

from adapters.db import capabilities, outbox_events
from adapters.db.bell import ring_after_commit
from adapters.db.message_events import record
from adapters.db.outbox import BELL
from adapters.db.schema import outbox
from domain.access import Capability, Purpose
from domain.errors import Refused
from domain.outbox.digests import digest_key
from domain.outbox.events import MessageEvent
from domain.outbox.model import Draft, Hold, MessageState
from domain.outbox.requests import MessageDiffers, MessageOrder
from domain.values import domain_of

# No index named: a repeated row hits the business key and the Message-ID, in either order. On
# PostgreSQL it waits for a transaction inserting the same, so what it says is final.
INSERT_MESSAGE = postgresql.insert(outbox).on_conflict_do_nothing().returning(outbox.c.id)
_BY_MESSAGE_ID = sa.select(
    outbox.c.id, outbox.c.kind, outbox.c.subject, outbox.c.fingerprint
).where(outbox.c.message_id == sa.bindparam("mail_id"))


def bounce_capability(stream: str) -> Capability:
    """What the envelope sender of an integrator's mails stands for: party 0, since nobody
    answers there but mail systems."""
    return Capability(purpose=Purpose.BOUNCE, stream=stream, party=0)


def request(
    c: sa.Connection, secret: bytes, order: MessageOrder, draft: Draft, at: datetime, by: str
) -> tuple[int, bool]:
    """The message of `order`, and whether it is new; `by` is the API key that asks.

    Of any number of requests at once, one makes the row and the others find it. Raises
    `MessageDiffers` when the one that is there was asked for with other content.
    """
    new = c.execute(INSERT_MESSAGE, _row(order, draft, at)).scalar()
    if new is None:
        return _present(c, order, draft.message_id), False
    capabilities.grant(c, secret, bounce_capability(order.stream), at)
    outbox_events.note(c, [new], "requested", at, by=by)
    record(c, new, MessageEvent.REQUESTED, at)
    ring_after_commit(c, BELL)
    return int(new), True


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


def _row(order: MessageOrder, draft: Draft, at: datetime) -> dict[str, Any]:
    return {
        **draft.model_dump(exclude={"postage"}),
        **draft.postage.model_dump(),
        **_waiting(order, at),
        "owner": order.owner,
        "created_at": at,
        "folded_recipient": draft.recipient.casefold(),
        "domain": domain_of(draft.recipient),
        "fingerprint": order.fingerprint,
    }


def _waiting(order: MessageOrder, at: datetime) -> dict[str, Any]:
    """When it is due, and what it waits for until then."""
    key = digest_key(order, at)
    if key is not None:
        return _held(Hold.DIGEST, key.until) | {"digest": key.to_text()}
    if order.send_at is not None and order.send_at > at:
        return _held(Hold.SCHEDULED, order.send_at) | {"digest": None}
    return {
        "state": MessageState.QUEUED.value,
        "held_because": None,
        "next_at": at,
        "digest": None,
    }


def _held(because: Hold, until: datetime) -> dict[str, Any]:
    return {
        "state": MessageState.HELD.value,
        "held_because": because.value,
        "next_at": until,
    }
