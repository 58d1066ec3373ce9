"""Endpoints and deliveries as documents. A secret is shown only where it was just made."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from api.event_types import EVENT_TYPES
from api.hypermedia import Document, Form, Property
from api.instants import rfc3339
from domain.webhooks.model import Delivery, DeliveryState, Endpoint, EndpointState
from domain.webhooks.targets import MAX_URL
from domain.webhooks.transitions import Deed, may_retry, possible, title_of

_ADD = Form(
    "/webhooks",
    title="Add a webhook",
    properties=(
        Property("url", "Where events are sent", "url", required=True, max_length=MAX_URL),
        Property("events", "Types of events; none means all", options=EVENT_TYPES),
        Property("secret", "A whsec_ secret, or none to have one made", max_length=120),
    ),
)


def endpoint_href(endpoint_id: str) -> str:
    return f"/webhooks/{endpoint_id}"


def delivery_href(delivery_id: str) -> str:
    return f"/deliveries/{delivery_id}"


def endpoint_document(endpoint: Endpoint, *, secret: str | None = None) -> Document:
    """The endpoint with what may be asked of it; `secret` only right after it was made."""
    here = endpoint_href(endpoint.id)
    members: dict[str, Any] = {
        "id": endpoint.id,
        "url": endpoint.url,
        "events": list(endpoint.events),
        "state": endpoint.state.value,
        "disabled_because": endpoint.disabled_because,
        "failing_since": rfc3339(endpoint.failing_since),
        "created_at": rfc3339(endpoint.created_at),
    }
    if secret is not None:
        members["secret"] = secret
    document = Document(members).link("self", here).link("collection", "/webhooks")
    document.link("parley:deliveries", f"{here}/deliveries", title="What was sent, and how it went")
    for deed in possible(endpoint):
        document.link(f"parley:{deed}", f"{here}/{deed}", title=title_of(deed))
        fields = (Property("secret", max_length=120),) if deed is Deed.ROTATE_SECRET else ()
        form = Form(f"{here}/{deed}", title=title_of(deed), properties=fields)
        document.form(deed.value, form)
    return document.form("remove", Form(here, "DELETE", "Remove the webhook"))


def collection_document(endpoints: Sequence[Endpoint]) -> Document:
    """All endpoints of an owner, with the form to add one."""
    document = Document({"count": len(endpoints)}).link("self", "/webhooks")
    document.link("create-form", "/webhooks").link("describedby", "/schemas/WebhookBody")
    document.form("default", _ADD)
    return document.embed("items", [endpoint_document(each) for each in endpoints])


def delivery_document(delivery: Delivery, endpoint: Endpoint, now: datetime) -> Document:
    """The delivery, with a link to send it again if that would be accepted at `now`."""
    here = delivery_href(delivery.id)
    document = Document(_members(delivery, endpoint)).link("self", here)
    document.link("up", endpoint_href(delivery.endpoint_id), title="The webhook")
    if may_retry(delivery, endpoint, now):
        document.link("parley:retry", f"{here}/retry", title="Send it again")
        document.form("retry", Form(f"{here}/retry", title="Send it again"))
    return document


def _members(delivery: Delivery, endpoint: Endpoint) -> dict[str, Any]:
    """`next_at` is null when nothing is planned: delivered, given up, or waiting for the endpoint
    to be enabled. `event` is null for a test delivery, which no event is behind."""
    is_planned = delivery.state is DeliveryState.PENDING and endpoint.state is EndpointState.ACTIVE
    return {
        "id": delivery.id,
        "type": delivery.type,
        "event": str(delivery.position) if delivery.position > 0 else None,
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "next_at": rfc3339(delivery.next_at) if is_planned else None,
        "last_status": delivery.last_status,
        "last_error": delivery.last_error,
        "created_at": rfc3339(delivery.created_at),
        "delivered_at": rfc3339(delivery.delivered_at),
    }


def deliveries_document(
    found: Sequence[Delivery],
    endpoint: Endpoint,
    now: datetime,
    limit: int,
    query: Mapping[str, Any],
) -> Document:
    """A page of `limit` deliveries; `found` may hold one more, which says that there is a next
    page. `query` are the parameters this page was asked for with."""
    here = f"{endpoint_href(endpoint.id)}/deliveries"
    shown = found[:limit]
    document = Document({"count": len(shown)}).link("self", _with(here, query))
    document.link("up", endpoint_href(endpoint.id))
    if len(found) > limit:
        document.link("next", _with(here, {**query, "before": shown[-1].position}))
    return document.embed("items", [delivery_document(each, endpoint, now) for each in shown])


def _with(href: str, query: Mapping[str, Any]) -> str:
    return f"{href}?{urlencode(query)}" if query else href
