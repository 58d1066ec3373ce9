"""Webhooks: endpoints that events are delivered to, and what became of each delivery."""

import secrets
import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import Response

from api.errors import offer_way_out
from api.event_types import check_types
from api.examples import DELIVERY_EXAMPLE, WEBHOOK_EXAMPLE, WEBHOOK_REQUEST_EXAMPLE
from api.hypermedia import answer
from api.names import DeliveryId, WebhookId
from api.openapi import document_responses, problem_responses
from api.ports import PortsDep
from api.security import WebhooksCaller
from api.webhook_documents import (
    collection_document,
    deliveries_document,
    delivery_document,
    delivery_href,
    endpoint_document,
    endpoint_href,
)
from domain.webhooks.model import DeliveryState, Endpoint, EndpointState
from domain.webhooks.secrets import read_secret, write_secret
from domain.webhooks.targets import MAX_URL, read_target

router = APIRouter(tags=["webhooks"])

SECRET_BYTES = 32

EventType = Annotated[str, StringConstraints(max_length=60)]


class WebhookBody(BaseModel):
    """Where events are to be delivered, which, and how they are signed."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": WEBHOOK_REQUEST_EXAMPLE}
    )

    url: str = Field(max_length=MAX_URL, description="An https URL on a public host.")
    events: list[EventType] = Field(
        default=[], max_length=50, description="Types of events; none means all."
    )
    secret: str | None = Field(
        default=None,
        max_length=120,
        description="A `whsec_…` secret of 24 to 64 bytes; made here when left out.",
    )


class SecretBody(BaseModel):
    """A new secret, if it is not to be made here."""

    model_config = ConfigDict(extra="forbid")

    secret: str | None = Field(
        default=None, max_length=120, description="A `whsec_…` secret of 24 to 64 bytes."
    )


@router.post(
    "/webhooks",
    status_code=201,
    summary="Add a webhook",
    responses=document_responses(
        "The webhook, with its secret this one time",
        WEBHOOK_EXAMPLE,
        *(400, 401, 403, 406, 409, 413, 422),
        status=201,
    ),
)
async def add_webhook(
    body: WebhookBody, request: Request, ports: PortsDep, caller: WebhooksCaller
) -> Response:
    """Every event of these types from now on is sent there, signed by Standard Webhooks.

    `secret` is in this answer and in no other: keep it, it is what signatures are checked with.
    """
    offer_way_out(request, "collection", "/webhooks")
    read_target(body.url, frozenset(ports.settings.webhook_allow))
    check_types(body.events)
    endpoint = Endpoint(
        id=uuid.uuid4().hex[:16],
        owner=caller.owner,
        url=body.url,
        events=tuple(dict.fromkeys(body.events)),
        secret=_secret(body.secret),
        state=EndpointState.ACTIVE,
        created_at=ports.clock(),
    )
    await ports.webhooks.add(endpoint)
    shown = endpoint_document(endpoint, secret=endpoint.secret)
    headers = {"Location": endpoint_href(endpoint.id), "Cache-Control": "no-store"}
    return answer(request, shown, 201, headers)


def _secret(given: str | None) -> str:
    """Raises `BadInput`."""
    if given is not None:
        return read_secret(given)
    return write_secret(secrets.token_bytes(SECRET_BYTES))


@router.get(
    "/webhooks",
    summary="List webhooks",
    responses=document_responses(
        "All of them, oldest first", {"_embedded": {"items": [WEBHOOK_EXAMPLE]}}, 401, 403, 406
    ),
)
async def list_webhooks(request: Request, ports: PortsDep, caller: WebhooksCaller) -> Response:
    """There are few, so the list has no pages."""
    return answer(request, collection_document(await ports.webhooks.list_of(caller.owner)))


@router.get(
    "/webhooks/{webhook_id}",
    summary="Read a webhook",
    responses=document_responses("The webhook", WEBHOOK_EXAMPLE, 401, 403, 404, 406),
)
async def read_webhook(
    webhook_id: WebhookId, request: Request, ports: PortsDep, caller: WebhooksCaller
) -> Response:
    """`state` is `active`, or `disabled` with the reason: 410 Gone, or days without a success."""
    offer_way_out(request, "collection", "/webhooks")
    return answer(request, endpoint_document(await ports.webhooks.get(caller.owner, webhook_id)))


@router.delete(
    "/webhooks/{webhook_id}",
    status_code=204,
    summary="Remove a webhook",
    responses=problem_responses(401, 403, 404),
)
async def remove_webhook(
    webhook_id: WebhookId, request: Request, ports: PortsDep, caller: WebhooksCaller
) -> Response:
    """What was on its way is dropped; an attempt that is under way may still arrive."""
    offer_way_out(request, "collection", "/webhooks")
    await ports.webhooks.remove(caller.owner, webhook_id)
    return Response(status_code=204)


@router.post(
    "/webhooks/{webhook_id}/test",
    status_code=202,
    summary="Send a test delivery",
    responses=document_responses(
        "The delivery, on its way", DELIVERY_EXAMPLE, 401, 403, 404, 406, 409, status=202
    ),
)
async def test_webhook(
    webhook_id: WebhookId, request: Request, ports: PortsDep, caller: WebhooksCaller
) -> Response:
    """Sends a `WebhookPing` event, signed like any other. Its `Location` tells how it went."""
    offer_way_out(request, "up", endpoint_href(webhook_id))
    now = ports.clock()
    delivery = await ports.webhooks.ping(caller.owner, webhook_id, now)
    endpoint = await ports.webhooks.get(caller.owner, webhook_id)
    headers = {"Location": delivery_href(delivery.id)}
    return answer(request, delivery_document(delivery, endpoint, now), 202, headers)


@router.post(
    "/webhooks/{webhook_id}/enable",
    summary="Enable a webhook",
    responses=document_responses("The webhook", WEBHOOK_EXAMPLE, 401, 403, 404, 406),
)
async def enable_webhook(
    webhook_id: WebhookId, request: Request, ports: PortsDep, caller: WebhooksCaller
) -> Response:
    """What was waiting when it was disabled is sent now. Events from while it was disabled are
    not: read them from `/events`. Enabling an active webhook changes nothing."""
    offer_way_out(request, "collection", "/webhooks")
    endpoint = await ports.webhooks.enable(caller.owner, webhook_id, ports.clock())
    return answer(request, endpoint_document(endpoint))


@router.post(
    "/webhooks/{webhook_id}/rotate-secret",
    summary="Sign with a new secret",
    responses=document_responses(
        "The webhook, with its new secret this one time",
        WEBHOOK_EXAMPLE,
        *(400, 401, 403, 404, 406, 413, 422),
    ),
)
async def rotate_webhook_secret(
    webhook_id: WebhookId,
    request: Request,
    ports: PortsDep,
    caller: WebhooksCaller,
    body: SecretBody | None = None,
) -> Response:
    """For a day every delivery carries two signatures, by the new secret and by the present one;
    then only the new one signs."""
    offer_way_out(request, "collection", "/webhooks")
    secret = _secret(body.secret if body else None)
    endpoint = await ports.webhooks.rotate_secret(caller.owner, webhook_id, secret, ports.clock())
    shown = endpoint_document(endpoint, secret=secret)
    return answer(request, shown, 200, {"Cache-Control": "no-store"})


class DeliveryPage(BaseModel):
    """Which deliveries: in this state, below the position `before`, so many."""

    model_config = ConfigDict(extra="forbid")

    state: DeliveryState | None = None
    before: int | None = Field(default=None, ge=-(2**62), le=2**62)
    limit: int = Field(default=50, ge=1, le=200)


PageQuery = Annotated[DeliveryPage, Query()]


@router.get(
    "/webhooks/{webhook_id}/deliveries",
    summary="List deliveries",
    responses=document_responses(
        "A page of deliveries, the newest event first",
        {"_embedded": {"items": [DELIVERY_EXAMPLE]}},
        *(401, 403, 404, 406, 422),
    ),
)
async def list_deliveries(
    webhook_id: WebhookId,
    page: PageQuery,
    request: Request,
    ports: PortsDep,
    caller: WebhooksCaller,
) -> Response:
    """`last_status` is the HTTP status of the last attempt, `last_error` what kept it from
    success. Test deliveries come last."""
    offer_way_out(request, "up", endpoint_href(webhook_id))
    endpoint = await ports.webhooks.get(caller.owner, webhook_id)
    found = await ports.webhooks.deliveries(
        caller.owner, webhook_id, before=page.before, state=page.state, limit=page.limit + 1
    )
    query = page.model_dump(mode="json", exclude_defaults=True)
    document = deliveries_document(found, endpoint, ports.clock(), page.limit, query)
    return answer(request, document)


@router.get(
    "/deliveries/{delivery_id}",
    summary="Read a delivery",
    responses=document_responses("The delivery", DELIVERY_EXAMPLE, 401, 403, 404, 406),
)
async def read_delivery(
    delivery_id: DeliveryId, request: Request, ports: PortsDep, caller: WebhooksCaller
) -> Response:
    """What became of one event on its way to one endpoint."""
    offer_way_out(request, "collection", "/webhooks")
    delivery = await ports.webhooks.delivery(caller.owner, delivery_id)
    endpoint = await ports.webhooks.get(caller.owner, delivery.endpoint_id)
    return answer(request, delivery_document(delivery, endpoint, ports.clock()))


@router.post(
    "/deliveries/{delivery_id}/retry",
    status_code=202,
    summary="Send a delivery again",
    responses=document_responses(
        "The delivery, on its way", DELIVERY_EXAMPLE, 401, 403, 404, 406, 409, status=202
    ),
)
async def retry_delivery(
    delivery_id: DeliveryId, request: Request, ports: PortsDep, caller: WebhooksCaller
) -> Response:
    """From now on, with all its attempts, whatever became of it; `webhook-id` stays the same."""
    offer_way_out(request, "up", delivery_href(delivery_id))
    now = ports.clock()
    delivery = await ports.webhooks.retry(caller.owner, delivery_id, now)
    endpoint = await ports.webhooks.get(caller.owner, delivery.endpoint_id)
    headers = {"Location": delivery_href(delivery_id)}
    return answer(request, delivery_document(delivery, endpoint, now), 202, headers)
