"""What happened to an endpoint; the owner's other endpoints and event list tell of it."""

from enum import StrEnum


class WebhookEvent(StrEnum):
    """Types of an endpoint's events, frozen."""

    DISABLED = "WebhookDisabled"
    ENABLED = "WebhookEnabled"


def stream_of(endpoint_id: str) -> str:
    """The journal stream of an endpoint."""
    return f"webhook/{endpoint_id}"
