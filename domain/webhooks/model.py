"""Webhooks: an owner's endpoints, and the signed deliveries of journal events to them."""

from enum import StrEnum

from pydantic import Field

from domain.values import Frozen, Instant


class EndpointState(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"


class Endpoint(Frozen):
    """Where an owner wants events delivered. `events` are journal types, empty for all;
    `secret` is a Standard Webhooks `whsec_…` secret; while it rotates the previous one signs as
    well, until `previous_secret_until`. `failing_since` is when its present run of failures
    began."""

    id: str
    owner: str
    url: str
    events: tuple[str, ...]
    secret: str = Field(repr=False)
    state: EndpointState
    created_at: Instant
    disabled_because: str | None = None
    failing_since: Instant | None = None
    previous_secret: str | None = Field(default=None, repr=False)
    previous_secret_until: Instant | None = None


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Delivery(Frozen):
    """One event on its way to one endpoint. `id` is the `webhook-id`, stable over retries.

    `position` is the event's in the journal, negative for a test delivery. `attempts` counts
    claims, so that an attempt that killed its process counts too. `next_at` is when it may be
    claimed: the next try, or the end of the present lease.
    """

    id: str
    endpoint_id: str
    position: int
    type: str
    state: DeliveryState
    attempts: int
    next_at: Instant
    created_at: Instant
    lease_until: Instant | None = None
    last_status: int | None = None
    last_error: str | None = None
    delivered_at: Instant | None = None
    token: int = 0
