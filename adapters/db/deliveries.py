"""Webhook deliveries on their way: claimed with a lease, settled by whoever holds the claim.

A claim moves `next_at` to the end of its lease and raises `token`. A dispatcher that dies leaves
a row that falls due again by itself; one that was only slow finds its token outdated and changes
nothing. Either way the receiver may see a delivery twice, under the same `webhook-id`.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from adapters.db.bell import ring_after_commit
from adapters.db.endpoints import record_disabled
from adapters.db.schema import deliveries, webhooks
from adapters.db.webhooks import get as get_endpoint
from domain.errors import NotFound
from domain.webhooks.model import Delivery, DeliveryState, EndpointState
from domain.webhooks.rules import Answer, Settlement, failing_from, settle
from domain.webhooks.secrets import live_secrets
from domain.webhooks.transitions import need_retry

_DUE = (
    sa.select(
        deliveries,
        webhooks.c.owner,
        webhooks.c.url,
        webhooks.c.secret,
        webhooks.c.previous_secret,
        webhooks.c.previous_secret_until,
    )
    .join(webhooks, webhooks.c.id == deliveries.c.webhook_id)
    .where(deliveries.c.state == DeliveryState.PENDING.value)
    .where(deliveries.c.next_at <= sa.bindparam("now"))
    .where(webhooks.c.state == EndpointState.ACTIVE.value)
    .where(webhooks.c.id.not_in(sa.bindparam("busy", expanding=True)))
    .order_by(deliveries.c.next_at, deliveries.c.position)
    .limit(sa.bindparam("most"))
    .with_for_update(of=deliveries, skip_locked=True)
)
_NEXT_DUE = (
    sa.select(deliveries.c.next_at)
    .join(webhooks, webhooks.c.id == deliveries.c.webhook_id)
    .where(deliveries.c.state == DeliveryState.PENDING.value)
    .where(webhooks.c.state == EndpointState.ACTIVE.value)
    .where(deliveries.c.webhook_id.not_in(sa.bindparam("busy", expanding=True)))
    .order_by(deliveries.c.next_at)
    .limit(1)
)
_CLAIM = (
    sa.update(deliveries)
    .where(deliveries.c.id == sa.bindparam("delivery"))
    .values(
        attempts=deliveries.c.attempts + 1,
        token=deliveries.c.token + 1,
        next_at=sa.bindparam("until"),
        lease_until=sa.bindparam("until"),
    )
)
# Locked before its deliveries, as everywhere: the other order would deadlock with a disabling.
_LOCK_ENDPOINT = (
    sa.select(webhooks.c.owner, webhooks.c.failing_since)
    .where(webhooks.c.id == sa.bindparam("endpoint"))
    .with_for_update()
)
_HELD = (
    sa.select(deliveries)
    .where(deliveries.c.id == sa.bindparam("delivery"))
    .where(deliveries.c.token == sa.bindparam("held"))
    .where(deliveries.c.state == DeliveryState.PENDING.value)
    .with_for_update()
)
_SETTLE = (
    sa.update(deliveries)
    .where(deliveries.c.id == sa.bindparam("delivery"))
    .values(
        state=sa.bindparam("new_state"),
        next_at=sa.bindparam("due"),
        lease_until=None,
        last_status=sa.bindparam("status"),
        last_error=sa.bindparam("error"),
        delivered_at=sa.bindparam("delivered"),
    )
)
_GIVE_BACK = (
    sa.update(deliveries)
    .where(deliveries.c.id == sa.bindparam("delivery"))
    .where(deliveries.c.token == sa.bindparam("held"))
    .where(deliveries.c.state == DeliveryState.PENDING.value)
    .values(
        attempts=deliveries.c.attempts - 1,
        next_at=sa.bindparam("again_at"),
        lease_until=None,
    )
)
_FAILING = (
    sa.update(webhooks)
    .where(webhooks.c.id == sa.bindparam("endpoint"))
    .values(failing_since=sa.bindparam("since"))
)
_FORGET = (
    sa.delete(deliveries)
    .where(deliveries.c.state == DeliveryState.DELIVERED.value)
    .where(deliveries.c.delivered_at < sa.bindparam("before"))
)
_OWNED = (
    sa.select(deliveries)
    .join(webhooks, webhooks.c.id == deliveries.c.webhook_id)
    .where(deliveries.c.id == sa.bindparam("delivery"))
    .where(webhooks.c.owner == sa.bindparam("owner"))
)


class Claim(NamedTuple):
    """The right to attempt `delivery` once, until its `next_at`. `secrets` sign, newest first."""

    delivery: Delivery
    owner: str
    url: str
    secrets: tuple[str, ...]


def next_due(c: sa.Connection, busy: Collection[str] = ()) -> datetime | None:
    """When the next delivery to an endpoint that is not `busy` falls due."""
    found: datetime | None = c.execute(_NEXT_DUE, {"busy": list(busy)}).scalar()
    return found


def claim(
    c: sa.Connection,
    now: datetime,
    lease: timedelta,
    *,
    most: int,
    most_each: int,
    under_way: Mapping[str, int] | None = None,
) -> list[Claim]:
    """Claim up to `most` due deliveries, as many to one endpoint that with those `under_way`
    (by endpoint) there are no more than `most_each`.

    Two dispatchers never hold the same delivery at once: the rows are locked until the claim
    is committed, and a claimed row is not due.
    """
    taken = Counter(under_way or {})
    busy = [endpoint for endpoint, count in taken.items() if count >= most_each]
    found = c.execute(_DUE, {"now": now, "most": most, "busy": busy})
    claims = []
    for row in found.all():
        taken[row.webhook_id] += 1
        if taken[row.webhook_id] <= most_each:
            claims.append(_take(c, row, now, now + lease))
    return claims


def _take(c: sa.Connection, row: sa.Row[Any], now: datetime, until: datetime) -> Claim:
    c.execute(_CLAIM, {"delivery": row.id, "until": until})
    held = {
        "attempts": row.attempts + 1,
        "token": row.token + 1,
        "next_at": until,
        "lease_until": until,
    }
    secrets = live_secrets(row.secret, row.previous_secret, row.previous_secret_until, now)
    return Claim(_delivery(row).model_copy(update=held), row.owner, row.url, secrets)


def finish(c: sa.Connection, claimed: Delivery, answer: Answer, at: datetime) -> Settlement | None:
    """Record what an attempt met and what follows from it, for the endpoint too.

    None, and nothing is written, when the claim is no longer `claimed`'s: its lease ended and
    another took it, somebody asked for a retry, or the endpoint was removed.
    """
    endpoint = c.execute(_LOCK_ENDPOINT, {"endpoint": claimed.endpoint_id}).one_or_none()
    row = c.execute(_HELD, {"delivery": claimed.id, "held": claimed.token}).one_or_none()
    if endpoint is None or row is None:
        return None
    settled = settle(_delivery(row), answer, endpoint.failing_since, at)
    _write(c, claimed.id, settled, at)
    failing_since = failing_from(answer, endpoint.failing_since, at)
    if failing_since != endpoint.failing_since:
        c.execute(_FAILING, {"endpoint": claimed.endpoint_id, "since": failing_since})
    if settled.disable_because is not None:
        record_disabled(c, endpoint.owner, claimed.endpoint_id, settled.disable_because, at)
    return settled


def give_back(c: sa.Connection, claimed: Delivery, again_at: datetime) -> None:
    """Undo a claim under which nothing was sent: it is no attempt, and falls due at `again_at`.

    A claim that is no longer `claimed`'s is left alone.
    """
    values = {"delivery": claimed.id, "held": claimed.token, "again_at": again_at}
    c.execute(_GIVE_BACK, values)


def _write(c: sa.Connection, delivery_id: str, settled: Settlement, at: datetime) -> None:
    is_delivered = settled.state is DeliveryState.DELIVERED
    values = {
        "delivery": delivery_id,
        "new_state": settled.state.value,
        "due": settled.next_at,
        "status": settled.status,
        "error": settled.error,
        "delivered": at if is_delivered else None,
    }
    c.execute(_SETTLE, values)


def get(c: sa.Connection, owner: str, delivery_id: str) -> Delivery:
    """Raises `NotFound`, also for another owner's delivery."""
    row = c.execute(_OWNED, {"delivery": delivery_id, "owner": owner}).one_or_none()
    if row is None:
        raise NotFound("There is no such delivery.")
    return _delivery(row)


def list_of(
    c: sa.Connection,
    owner: str,
    endpoint_id: str,
    *,
    before: int | None = None,
    state: DeliveryState | None = None,
    limit: int = 50,
) -> list[Delivery]:
    """Deliveries to one endpoint, the newest event first, test deliveries last.

    `before` is the position the previous page ended at. Raises `NotFound`.
    """
    get_endpoint(c, owner, endpoint_id)
    query = sa.select(deliveries).where(deliveries.c.webhook_id == endpoint_id)
    if before is not None:
        query = query.where(deliveries.c.position < before)
    if state is not None:
        query = query.where(deliveries.c.state == state.value)
    query = query.order_by(deliveries.c.position.desc()).limit(limit)
    return [_delivery(row) for row in c.execute(query)]


def retry(c: sa.Connection, owner: str, delivery_id: str, at: datetime) -> Delivery:
    """Send a delivery again from `at` on, with all its attempts, whatever became of it.

    Raises `NotFound`, and `Refused` when its endpoint is disabled or an attempt is under way.
    """
    present = get(c, owner, delivery_id)
    need_retry(present, get_endpoint(c, owner, present.endpoint_id), at)
    again = {
        "state": DeliveryState.PENDING,
        "attempts": 0,
        "next_at": at,
        "lease_until": None,
        "delivered_at": None,
        "token": present.token + 1,
    }
    c.execute(sa.update(deliveries).where(deliveries.c.id == delivery_id).values(again))
    ring_after_commit(c, "deliveries")
    return present.model_copy(update=again)


def _delivery(row: sa.Row[Any]) -> Delivery:
    known = row._mapping
    fields = {name: known[name] for name in Delivery.model_fields if name in known}
    return Delivery.model_validate({**fields, "endpoint_id": row.webhook_id})


def forget_delivered(c: sa.Connection, before: datetime) -> int:
    """Drop what was delivered before that instant; the journal keeps the events. Returns how
    many."""
    return int(c.execute(_FORGET, {"before": before}).rowcount)
