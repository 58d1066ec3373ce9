"""Messages in dispatchers' hands: claimed, marked, given back.

Every step is a conditional write that asks for the state it comes from and for the token of the
newest claim, so a step that runs twice, or too late, changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

import sqlalchemy as sa

from adapters.db import outbox_raw
from adapters.db.bell import ring_after_commit
from adapters.db.fates import Fate
from adapters.db.outbox import BELL, IS_DUE, is_in, not_tried_until
from adapters.db.outbox_gate import Admitted, Gate
from adapters.db.schema import outbox
from domain.outbox.gate import Waiting
from domain.outbox.model import Claim, MessageState
from domain.outbox.rules import LONGEST_COUNTED_WAIT, By, origins
from domain.outbox.shaping import Shaping
from domain.postage import Priority


class Held(NamedTuple):
    """A message in a dispatcher's hands: its row and the token of the claim."""

    id: int
    token: int


_DUE = (
    sa.select(*(outbox.c[name] for name in Waiting._fields))
    .where(IS_DUE, outbox.c.priority == sa.bindparam("level"))
    .where(outbox.c.next_at <= sa.bindparam("now"))
    .order_by(outbox.c.next_at, outbox.c.id)
    .limit(sa.bindparam("most"))
    .with_for_update(skip_locked=True)
)
_APART = {"attempt", "troubled", "raw"}
_CLAIMED = (*(name for name in Claim.model_fields if name not in _APART),)
_NOW = sa.bindparam("now", type_=outbox.c.next_at.type)
_WAS_LEFT = outbox.c.next_at < sa.bindparam("left_before", type_=outbox.c.next_at.type)
_CLAIM = (
    sa.update(outbox)
    .where(outbox.c.id.in_(sa.bindparam("ids", expanding=True)))
    .values(
        state=MessageState.CLAIMED.value,
        token=outbox.c.token + 1,
        attempts=outbox.c.attempts + 1,
        # Both, as a claim that is given back may be the second one after the same pause.
        tried_at=sa.func.coalesce(
            sa.case((_WAS_LEFT, not_tried_until(_NOW)), else_=outbox.c.tried_at), _NOW
        ),
        next_at=sa.case((_WAS_LEFT, _NOW), else_=outbox.c.next_at),
        dispatcher=sa.bindparam("claimed_by"),
        lease_until=sa.bindparam("until"),
        held_because=sa.null(),
        paced_at=sa.null(),
    )
    .returning(*(outbox.c[name] for name in _CLAIMED), outbox.c.attempts.label("attempt"))
)


class Order(NamedTuple):
    """Who wants to claim, how many at most, and until when they are then its own.

    `in_hand` counts what it has already, by domain; `composes`: parts of digests are left to it
    to be merged. `beyond`: how many more are looked at than it can take, when some of those that
    are due may not go.
    """

    dispatcher: str
    limit: int
    until: datetime
    shaping: Shaping = Shaping()
    in_hand: Mapping[str, int] = MappingProxyType({})
    composes: bool = False
    beyond: int = 0


class Taken(NamedTuple):
    """What was claimed; what became of messages that may not go; the digests that are due; and
    whether more may be due right now."""

    claims: list[Claim]
    fates: list[Fate]
    digests: set[str]
    is_more: bool


def claim(
    c: sa.Connection, dispatcher: str, limit: int, now: datetime, until: datetime
) -> list[Claim]:
    """As `take`, where no limits are to be kept."""
    return take(c, Order(dispatcher, limit, until), now).claims


def take(c: sa.Connection, order: Order, now: datetime) -> Taken:
    """Take due messages: the more urgent first, and of equal ones those that have been due for
    longer. Each passes the gate first, or is settled."""
    gate = Gate(c, order.shaping, now, order.in_hand, order.composes)
    taken = Admitted([], [], set())
    is_more = False
    for level in Priority:
        wanted = order.limit - len(taken.ids)
        asked = {"level": level.value, "now": now, "most": wanted + order.beyond}
        due = [Waiting(*row) for row in c.execute(_DUE, asked)] if wanted else []
        is_more |= len(due) == wanted + order.beyond
        found = gate.admit(due, wanted)
        taken.ids.extend(found.ids)
        taken.fates.extend(found.fates)
        taken.digests.update(found.digests)
    return Taken(_claimed(c, taken.ids, gate, order, now), taken.fates, taken.digests, is_more)


def _claimed(
    c: sa.Connection, ids: list[int], gate: Gate, order: Order, now: datetime
) -> list[Claim]:
    if not ids:
        return []
    values = {"ids": ids, "now": now, "claimed_by": order.dispatcher, "until": order.until}
    values["left_before"] = now - LONGEST_COUNTED_WAIT
    rows = {row["id"]: row for row in c.execute(_CLAIM, values).mappings()}
    raw = outbox_raw.raw_of(c, ids)
    return [
        Claim(**rows[id], raw=raw[id], troubled=gate.is_troubled(rows[id]["domain"])) for id in ids
    ]


# The pair alone would scan the table on SQLite; the id alone would not fence.
IS_ONE_OF = (
    outbox.c.id.in_(sa.bindparam("ids", expanding=True)),
    sa.tuple_(outbox.c.id, outbox.c.token).in_(sa.bindparam("held", expanding=True)),
)
_MARK = (
    sa.update(outbox)
    .where(*IS_ONE_OF, is_in(*origins(MessageState.SENDING, By.ATTEMPT)))
    .where(outbox.c.lease_until > sa.bindparam("now"))
    .values(state=MessageState.SENDING.value, lease_until=sa.bindparam("until"))
    .returning(outbox.c.id, outbox.c.token)
)
_GIVE_BACK = (
    sa.update(outbox)
    .where(*IS_ONE_OF, is_in(*origins(MessageState.QUEUED, By.ATTEMPT)))
    .values(state=MessageState.QUEUED.value, attempts=outbox.c.attempts - 1, lease_until=sa.null())
)


_SIGN = (
    sa.update(outbox)
    .where(outbox.c.id == sa.bindparam("row"), outbox.c.signature.is_(None))
    .values(signature=sa.bindparam("signed"))
)


def mark_sending(
    c: sa.Connection,
    held: Sequence[Held],
    now: datetime,
    until: datetime,
    signatures: Mapping[Held, str] = MappingProxyType({}),
) -> set[Held]:
    """Those of `held` that may write their final dot, marked so with a lease until `until`.
    What they were signed with is kept, so that every attempt has the same bytes.

    The others were claimed anew, or their lease is over: their holders must not go on.
    """
    if not held:
        return set()
    rows = c.execute(_MARK, these(held) | {"now": now, "until": until})
    marked = {Held(*row) for row in rows}
    signed = [{"row": one.id, "signed": signatures[one]} for one in marked if one in signatures]
    if signed:
        c.execute(_SIGN, signed)
    return marked


def give_back(c: sa.Connection, held: Sequence[Held]) -> None:
    """Put messages back into the queue whose holders know that no final dot was written."""
    if held:
        c.execute(_GIVE_BACK, these(held))
        ring_after_commit(c, BELL)


def these(held: Iterable[tuple[int, int]]) -> dict[str, Any]:
    """The parameters of `IS_ONE_OF`."""
    pairs = [tuple(one) for one in held]
    return {"ids": [id for id, _ in pairs], "held": pairs}
