"""Webhooks: an owner's endpoints, and the signed deliveries of journal events to them."""

from enum import StrEnum

from domain.values import Frozen, Instant


class EndpointState(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"


class Endpoint(Frozen):
    """Where an owner wants events delivered. `events` are journal types, empty for all;
    `secret` is a Standard Webhooks `whsec_…` secret."""

    id: str
    owner: str
    url: str
    events: tuple[str, ...]
    secret: str
    state: EndpointState
    created_at: Instant
    disabled_because: str | None = None


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Delivery(Frozen):
    """One event on its way to one endpoint. `id` is the `webhook-id`, stable over retries."""

    id: str
    endpoint_id: str
    position: int
    type: str
    state: DeliveryState
    attempts: int
    next_at: Instant
    last_status: int | None = None
    delivered_at: Instant | None = None
    token: int = 0
