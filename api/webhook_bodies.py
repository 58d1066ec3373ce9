"""What a webhook delivery carries: the event as every other reader sees it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from api.ports import Journal, Webhooks
from api.representations import event_documents, source_of
from domain.webhooks.envelope import cloud_event
from domain.webhooks.events import stream_of
from domain.webhooks.model import Delivery
from domain.webhooks.rules import PING

Represent = Callable[[str, Delivery], Awaitable[Mapping[str, Any] | None]]


def representing(webhooks: Webhooks, journal: Journal, base_url: str) -> Represent:
    """Gives the CloudEvent of an owner's delivery, or None when the journal does not have its
    event."""

    async def represent(owner: str, delivery: Delivery) -> Mapping[str, Any] | None:
        if delivery.type == PING:
            return _ping(delivery, base_url)
        event = await webhooks.event(owner, delivery)
        if event is None:
            return None
        [document] = await event_documents(journal, [event], base_url, "UTC")
        return document

    return represent


def _ping(delivery: Delivery, base_url: str) -> Mapping[str, Any]:
    """A test delivery; its id is the delivery's, so no event is ever taken for it."""
    return cloud_event(
        id=delivery.id,
        source=source_of(base_url),
        type=PING,
        subject=stream_of(delivery.endpoint_id),
        at=delivery.created_at,
        data={},
    )
