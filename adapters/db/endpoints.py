"""Disabling and enabling webhook endpoints: facts of the journal, with what follows from them.

Deliveries of a disabled endpoint are parked far in the future instead of being skipped at every
look for due ones; enabling makes them due.
"""

from datetime import datetime

import sqlalchemy as sa

from adapters.db import journal
from adapters.db.bell import ring_after_commit
from adapters.db.schema import deliveries, webhooks
from adapters.db.webhooks import get
from domain.journal import NewEvent
from domain.values import LATEST
from domain.webhooks.events import WebhookEvent, stream_of
from domain.webhooks.model import DeliveryState, Endpoint, EndpointState


def record_disabled(
    c: sa.Connection, owner: str, endpoint_id: str, because: str, at: datetime
) -> None:
    """Send nothing more to the endpoint, and tell its owner why; again changes nothing."""
    if get(c, owner, endpoint_id).state is EndpointState.DISABLED:
        return
    _set_state(c, endpoint_id, EndpointState.DISABLED, because)
    _reschedule(c, endpoint_id, next_at=LATEST)
    # After the state: the event must not become a delivery to the endpoint it disables.
    _append(c, owner, endpoint_id, WebhookEvent.DISABLED, {"because": because}, at)


def enable(c: sa.Connection, owner: str, endpoint_id: str, at: datetime) -> Endpoint:
    """Send again, what was waiting first, each with all its attempts; again changes nothing.

    Raises `NotFound`.
    """
    present = get(c, owner, endpoint_id)
    if present.state is EndpointState.ACTIVE:
        return present
    _set_state(c, endpoint_id, EndpointState.ACTIVE, None)
    _reschedule(c, endpoint_id, next_at=at, attempts=0)
    _append(c, owner, endpoint_id, WebhookEvent.ENABLED, {}, at)
    ring_after_commit(c, "deliveries")
    return get(c, owner, endpoint_id)


def _set_state(
    c: sa.Connection, endpoint_id: str, state: EndpointState, because: str | None
) -> None:
    values = {"state": state.value, "disabled_because": because, "failing_since": None}
    c.execute(sa.update(webhooks).where(webhooks.c.id == endpoint_id).values(values))


def _reschedule(c: sa.Connection, endpoint_id: str, **values: object) -> None:
    waiting = sa.and_(
        deliveries.c.webhook_id == endpoint_id,
        deliveries.c.state == DeliveryState.PENDING.value,
    )
    c.execute(sa.update(deliveries).where(waiting).values(values))


def _append(
    c: sa.Connection,
    owner: str,
    endpoint_id: str,
    type: WebhookEvent,
    data: dict[str, object],
    at: datetime,
) -> None:
    stream = stream_of(endpoint_id)
    version = journal.version_of(c, stream)
    events = [NewEvent(type=type.value, data=data)]
    journal.append(c, owner=owner, stream=stream, expected_version=version, events=events, at=at)
