"""How mail stands as a whole, counted by indexes: cheap however much was sent.

Whatever is simply sent is not read but what is left of all rows; a row's state stands behind its
bytes, so reading it costs pages.
"""

from datetime import datetime

import sqlalchemy as sa

from adapters.db import mailboxes
from adapters.db.outbox import IS_DUE, is_in
from adapters.db.schema import (
    IS_APART,
    inbox,
    outbox,
    outbox_attempts,
    outbox_lanes,
    quarantine,
    suppressions,
)
from domain.inbox.quarantine import Custody
from domain.outbox.figures import RECENT, AttemptKind, Figures
from domain.outbox.model import MessageState, Phase, SuppressionReason

_ALL = sa.select(sa.func.count(outbox.c.id))
_WAITING = sa.select(sa.func.count()).select_from(outbox).where(IS_DUE)
_BY_STATE = sa.select(outbox.c.state, sa.func.count()).group_by(outbox.c.state)
_APART = _BY_STATE.where(sa.text(IS_APART))
_IN_HAND = _BY_STATE.where(is_in(MessageState.CLAIMED, MessageState.SENDING))
_NOW = sa.bindparam("now", type_=outbox.c.next_at.type)
_DUE = sa.select(sa.func.count(), sa.func.min(outbox.c.next_at, type_=outbox.c.next_at.type)).where(
    IS_DUE, outbox.c.next_at <= _NOW
)
_some = (
    sa.select(outbox.c.created_at)
    .where(IS_DUE, outbox.c.state != MessageState.HELD.value)
    .order_by(outbox.c.next_at)
    .limit(1000)
    .subquery()
)
_UNSENT = sa.select(sa.func.min(_some.c.created_at, type_=outbox.c.created_at.type))
_ATTEMPTS = (
    sa.select(
        outbox_attempts.c.phase,
        outbox_attempts.c.code,
        outbox_attempts.c.state,
        sa.func.sum(outbox_attempts.c.times),
    )
    .where(
        outbox_attempts.c.message_id
        > sa.select(sa.func.coalesce(sa.func.max(outbox.c.id), 0) - RECENT).scalar_subquery()
    )
    .group_by(outbox_attempts.c.phase, outbox_attempts.c.code, outbox_attempts.c.state)
)
_BACKING_OFF = (
    sa.select(sa.func.count())
    .select_from(outbox_lanes)
    .where(outbox_lanes.c.backs_off_until > _NOW)
)
_UNREAD = sa.select(
    sa.func.count(), sa.func.min(inbox.c.received_at, type_=inbox.c.received_at.type)
).where(inbox.c.read_at.is_(None))
_QUARANTINED = (
    sa.select(sa.func.count())
    .select_from(quarantine)
    .where(quarantine.c.state == Custody.KEPT.value)
)
_SUPPRESSED = (
    sa.select(suppressions.c.reason, sa.func.count())
    .where(suppressions.c.lifted_at.is_(None))
    .where(sa.or_(suppressions.c.until.is_(None), suppressions.c.until > _NOW))
    .group_by(suppressions.c.reason)
)


def figures(c: sa.Connection, now: datetime) -> Figures:
    """How mail stands at `now`, for all owners together."""
    due, due_since = c.execute(_DUE, {"now": now}).one()
    unread, unread_since = c.execute(_UNREAD).one()
    return Figures(
        states=_states(c),
        due=due,
        due_since=due_since,
        unsent_since=c.execute(_UNSENT).scalar(),
        attempts=_attempts(c),
        lanes_backing_off=c.execute(_BACKING_OFF, {"now": now}).scalar_one(),
        unread=unread,
        unread_since=unread_since,
        mailbox=mailboxes.troubles(c, now),
        quarantined=c.execute(_QUARANTINED).scalar_one(),
        suppressed={
            SuppressionReason(reason): count
            for reason, count in c.execute(_SUPPRESSED, {"now": now})
        },
    )


def _states(c: sa.Connection) -> dict[MessageState, int]:
    found = dict.fromkeys(MessageState, 0)
    for query in (_APART, _IN_HAND):
        for state, count in c.execute(query):
            found[MessageState(state)] = count
    waiting = c.execute(_WAITING).scalar_one()
    found[MessageState.QUEUED] = waiting - found[MessageState.RETRY] - found[MessageState.HELD]
    found[MessageState.SENT] = c.execute(_ALL).scalar_one() - sum(found.values())
    return found


def _attempts(c: sa.Connection) -> tuple[tuple[AttemptKind, int], ...]:
    found: dict[AttemptKind, int] = {}
    for phase, code, state, count in c.execute(_ATTEMPTS):
        kind = AttemptKind(
            phase=Phase(phase), code_class=(code or 0) // 100, state=MessageState(state)
        )
        found[kind] = found.get(kind, 0) + count
    return tuple(found.items())
