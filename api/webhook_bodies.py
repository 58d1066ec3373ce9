"""What a webhook delivery carries: the event as every other reader sees it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from api.ports import Journal
from api.representations import event_documents, source_of
from domain.webhooks.envelope import cloud_event
from domain.webhooks.events import stream_of
from domain.webhooks.model import Delivery
from domain.webhooks.rules import PING

Represent = Callable[[str, Delivery], Awaitable[Mapping[str, Any] | None]]


def representing(journal: Journal, base_url: str) -> Represent:
    """Gives the CloudEvent of an owner's delivery, or None when the journal does not have its
    event (yet, or any more)."""

    async def represent(owner: str, delivery: Delivery) -> Mapping[str, Any] | None:
        if delivery.type == PING:
            return _ping(delivery, base_url)
        found = await journal.after(owner, delivery.position - 1, limit=1)
        if not found or found[0].position != delivery.position:
            return None
        documents = await event_documents(journal, found, base_url, "UTC")
        return documents[0]

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
