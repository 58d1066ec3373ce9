"""Addresses that take no mail: which they are and why, adding one, letting mail go there again."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.addresses import Mailbox
from api.errors import offer_way_out
from api.examples import SUPPRESSION_EXAMPLE
from api.hypermedia import answer
from api.meeting_bodies import Time
from api.names import SuppressionId
from api.openapi import document_responses, problem_responses
from api.ports import PortsDep
from api.security import MessagesReader, MessagesWriter
from api.suppression_documents import page_document, suppression_document, suppression_href
from domain.access import Scope
from domain.errors import BadTimes
from domain.outbox.model import SuppressionScope
from domain.values import Line

router = APIRouter(tags=["messages"])


class SuppressionBody(BaseModel):
    """An address that is to get no more mail."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: Mailbox
    scope: SuppressionScope = Field(
        default=SuppressionScope.ALL,
        description="All mail, or only what can be unsubscribed from.",
    )
    until: Time | None = Field(default=None, description="Until then; for good when left out.")
    detail: Line = Field(default="", max_length=200, description="Why, for people.")


class SuppressionPage(BaseModel):
    """Which ones: of this address, below the id `before`, so many."""

    model_config = ConfigDict(extra="forbid")

    address: Mailbox | None = None
    before: int | None = Field(default=None, ge=1, le=2**62)
    limit: int = Field(default=50, ge=1, le=200)


@router.get(
    "/suppressions",
    summary="List suppressed addresses",
    responses=document_responses(
        "A page of suppressions in force, the newest first",
        {"_embedded": {"items": [SUPPRESSION_EXAMPLE]}},
        *(401, 403, 406, 422),
    ),
)
async def list_suppressions(
    page: Annotated[SuppressionPage, Query()],
    request: Request,
    ports: PortsDep,
    caller: MessagesReader,
) -> Response:
    """Addresses that your mail does not go to: they bounced, complained or unsubscribed, or
    somebody said so. What has ended or was lifted is not listed."""
    found = await ports.suppressions.list_of(
        caller.owner,
        ports.clock(),
        address=page.address,
        below=page.before,
        limit=page.limit + 1,
    )
    query = page.model_dump(mode="json", exclude_defaults=True)
    may_write = caller.may(Scope.MESSAGES_WRITE)
    return answer(request, page_document(found, page.limit, query, may_write=may_write))


@router.post(
    "/suppressions",
    status_code=201,
    summary="Suppress an address",
    responses=document_responses(
        "The suppression", SUPPRESSION_EXAMPLE, 400, 401, 403, 406, 413, 422, status=201
    ),
)
async def add_suppression(
    body: SuppressionBody, request: Request, ports: PortsDep, caller: MessagesWriter
) -> Response:
    """What you said of the same address and scope is replaced, with its end, so repeating it is
    harmless. What was heard of the address, and what its recipient wishes, stands beside it.
    Messages that are waiting are stopped as well, when their turn comes."""
    offer_way_out(request, "collection", "/suppressions")
    now = ports.clock()
    if body.until is not None and body.until <= now:
        raise BadTimes("This has passed already.", field="until")
    made = await ports.suppressions.add(
        caller.owner, body.address, body.scope, now, until=body.until, detail=body.detail
    )
    headers = {"Location": suppression_href(made.id)}
    return answer(request, suppression_document(made, may_write=True), 201, headers)


@router.get(
    "/suppressions/{suppression_id}",
    summary="Read a suppression",
    responses=document_responses("The suppression", SUPPRESSION_EXAMPLE, 401, 403, 404, 406),
)
async def read_suppression(
    suppression_id: SuppressionId, request: Request, ports: PortsDep, caller: MessagesReader
) -> Response:
    """Why an address takes no mail, and of which message that came."""
    offer_way_out(request, "collection", "/suppressions")
    found = await ports.suppressions.get(caller.owner, suppression_id, ports.clock())
    may_write = caller.may(Scope.MESSAGES_WRITE)
    return answer(request, suppression_document(found, may_write=may_write))


@router.delete(
    "/suppressions/{suppression_id}",
    status_code=204,
    summary="Lift a suppression",
    responses=problem_responses(401, 403, 404),
)
async def lift_suppression(
    suppression_id: SuppressionId, request: Request, ports: PortsDep, caller: MessagesWriter
) -> Response:
    """Mail goes there again from now on. What was suppressed meanwhile is not sent by itself;
    resend it."""
    offer_way_out(request, "collection", "/suppressions")
    await ports.suppressions.lift(caller.owner, suppression_id, ports.clock())
    return Response(status_code=204)
