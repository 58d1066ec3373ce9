"""Owners' webhook endpoints, and the deliveries that follow from journal events.

`fan_out` runs in the transaction that appends the events, so a delivery exists exactly when
its event does. What happens to deliveries afterwards is in `adapters.db.deliveries`.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from adapters.db.bell import ring_after_commit
from adapters.db.schema import deliveries, webhooks
from domain.errors import NotFound, Refused
from domain.webhooks.model import DeliveryState, Endpoint, EndpointState
from domain.webhooks.rules import PING, matches
from domain.webhooks.secrets import ROTATION
from domain.webhooks.transitions import need_active

MOST_ENDPOINTS = 50
"""Endpoints of one owner: each multiplies every event."""

_ACTIVE = (
    sa.select(webhooks.c.id, webhooks.c.events)
    .where(webhooks.c.owner == sa.bindparam("owner"))
    .where(webhooks.c.state == EndpointState.ACTIVE.value)
)
_INSERT_DELIVERY = sa.insert(deliveries)
_OWNED = sa.and_(
    webhooks.c.id == sa.bindparam("endpoint"), webhooks.c.owner == sa.bindparam("owner")
)
_GET = sa.select(webhooks).where(_OWNED)
_LIST = (
    sa.select(webhooks)
    .where(webhooks.c.owner == sa.bindparam("owner"))
    .order_by(webhooks.c.created_at, webhooks.c.id)
)
_COUNT = (
    sa.select(sa.func.count())
    .select_from(webhooks)
    .where(webhooks.c.owner == sa.bindparam("owner"))
)


def fan_out(c: sa.Connection, owner: str, events: Sequence[tuple[int, str]], at: datetime) -> None:
    """Make a delivery of each `(position, type)` for each active endpoint that wants it.

    Safe to repeat only together with the append it belongs to: an endpoint and a position are
    unique together.
    """
    endpoints = c.execute(_ACTIVE, {"owner": owner}).all()
    rows = [
        _delivery(endpoint.id, position, type, at)
        for endpoint in endpoints
        for position, type in events
        if matches(endpoint.events, type)
    ]
    if rows:
        c.execute(_INSERT_DELIVERY, rows)
        ring_after_commit(c, "deliveries")


def _delivery(endpoint_id: str, position: int, type: str, at: datetime) -> dict[str, Any]:
    return {
        "id": f"msg_{uuid.uuid4().hex}",
        "webhook_id": endpoint_id,
        "position": position,
        "type": type,
        "state": DeliveryState.PENDING.value,
        "attempts": 0,
        "next_at": at,
        "token": 0,
        "created_at": at,
    }


def add(c: sa.Connection, endpoint: Endpoint) -> None:
    """Keep a new endpoint. Raises `Refused` when the owner has `MOST_ENDPOINTS`."""
    if c.execute(_COUNT, {"owner": endpoint.owner}).scalar_one() >= MOST_ENDPOINTS:
        raise Refused(f"There are {MOST_ENDPOINTS} webhooks already; delete one first.")
    c.execute(sa.insert(webhooks), endpoint.model_dump() | {"events": list(endpoint.events)})


def get(c: sa.Connection, owner: str, endpoint_id: str) -> Endpoint:
    """Raises `NotFound`, also for another owner's endpoint."""
    row = c.execute(_GET, {"endpoint": endpoint_id, "owner": owner}).one_or_none()
    if row is None:
        raise NotFound("There is no such webhook.")
    return _endpoint(row)


def list_of(c: sa.Connection, owner: str) -> list[Endpoint]:
    """The owner's endpoints, oldest first."""
    return [_endpoint(row) for row in c.execute(_LIST, {"owner": owner})]


def remove(c: sa.Connection, owner: str, endpoint_id: str) -> None:
    """Forget an endpoint and its deliveries, sent or not. Raises `NotFound`."""
    get(c, owner, endpoint_id)
    c.execute(sa.delete(deliveries).where(deliveries.c.webhook_id == endpoint_id))
    c.execute(sa.delete(webhooks).where(webhooks.c.id == endpoint_id))


def rotate_secret(
    c: sa.Connection, owner: str, endpoint_id: str, secret: str, at: datetime
) -> Endpoint:
    """Sign with `secret` from now on; the present one signs as well for `ROTATION`.

    Raises `NotFound`.
    """
    present = get(c, owner, endpoint_id)
    values = {
        "secret": secret,
        "previous_secret": present.secret,
        "previous_secret_until": at + ROTATION,
    }
    c.execute(sa.update(webhooks).where(webhooks.c.id == endpoint_id).values(values))
    return present.model_copy(update=values)


def ping(c: sa.Connection, owner: str, endpoint_id: str, at: datetime) -> str:
    """Make a test delivery and give its id. Raises `NotFound`, `Refused` when disabled."""
    need_active(get(c, owner, endpoint_id))
    lowest = sa.select(sa.func.min(deliveries.c.position)).where(
        deliveries.c.webhook_id == endpoint_id
    )
    # Below every journal position, and below earlier pings: (webhook, position) is unique.
    position = min(c.execute(lowest).scalar() or 0, 0) - 1
    row = _delivery(endpoint_id, position, PING, at)
    c.execute(_INSERT_DELIVERY, row)
    ring_after_commit(c, "deliveries")
    return str(row["id"])


def _endpoint(row: sa.Row[Any]) -> Endpoint:
    return Endpoint.model_validate(dict(row._mapping))
