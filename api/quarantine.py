"""Mail that needs an operator, for keys with the scope `admin`; `parley mail` does the same."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.errors import offer_way_out
from api.examples import STRAY_EXAMPLE
from api.hypermedia import answer
from api.names import StrayId
from api.openapi import document_responses, problem_responses
from api.ports import PortsDep
from api.quarantine_documents import HERE, quarantine_document, stray_document
from api.security import Admin
from domain.inbox.quarantine import Custody
from domain.values import Address

router = APIRouter(tags=["quarantine"])

UNREADABLE_SHOWN = 50


class QuarantinePage(BaseModel):
    """Which mails: in this state, below the id `before`, so many."""

    model_config = ConfigDict(extra="forbid")

    state: Custody = Custody.KEPT
    before: int | None = Field(default=None, ge=1, le=2**62)
    limit: int = Field(default=50, ge=1, le=200)


class ReplayBody(BaseModel):
    """Where a mail goes, and how many replays of it were seen."""

    model_config = ConfigDict(extra="forbid")

    address: Address | None = Field(
        default=None, description="The token address it is for; None: the one it came to."
    )
    replays: int | None = Field(
        default=None,
        ge=0,
        le=10**6,
        description="As read; needed for a mail of the inbox: repeating this is one replay.",
    )


@router.get(
    "/quarantine",
    summary="List mail that needs an operator",
    responses=document_responses(
        "A page of the quarantine, the newest first, and beside it what could not be read",
        {"_embedded": {"items": [STRAY_EXAMPLE], "unreadable": []}},
        *(401, 403, 406, 422),
    ),
)
async def list_quarantine(
    page: Annotated[QuarantinePage, Query()], request: Request, ports: PortsDep, caller: Admin
) -> Response:
    """`items` came by a way that cannot refuse and belong to nobody, or are beyond what is given
    to a saga. `unreadable` are in the inbox, and their sagas know of them. Each owner sees its
    own; what no owner's address was ever named for is seen by the operator, the owner `main`."""
    found = await ports.strays.newest(caller.owner, page.state, page.limit + 1, page.before)
    unreadable = await ports.strays.unreadable(caller.owner, UNREADABLE_SHOWN)
    query = page.model_dump(mode="json", exclude_defaults=True)
    return answer(request, quarantine_document(found, unreadable, page.limit, query))


@router.get(
    "/quarantine/{mail_id}",
    summary="Read what is known of a mail",
    responses=document_responses("The mail", STRAY_EXAMPLE, 401, 403, 404, 406),
)
async def read_stray(
    mail_id: StrayId, request: Request, ports: PortsDep, caller: Admin
) -> Response:
    """`q12` is a mail of the quarantine, `m34` any mail of the inbox."""
    offer_way_out(request, "collection", HERE)
    return answer(request, stray_document(await ports.strays.get(caller.owner, mail_id)))


@router.post(
    "/quarantine/{mail_id}/replay",
    summary="Give a mail to the inbox, or have it read again",
    responses=document_responses(
        "The mail", STRAY_EXAMPLE, 401, 403, 404, 406, 409, 410, 413, 422, 428
    ),
)
async def replay_stray(
    mail_id: StrayId,
    request: Request,
    ports: PortsDep,
    caller: Admin,
    body: ReplayBody | None = None,
) -> Response:
    """A mail of the quarantine goes to `address`, or to the one it came to if that lives now. A
    mail of the inbox is read again and becomes a new input behind all others, for whoever says in
    `replays` how often it was already; what its saga made of the first stays. Repeating it
    changes nothing."""
    offer_way_out(request, "collection", HERE)
    asked = body or ReplayBody()
    stray = await ports.strays.replay(
        caller.owner, mail_id, ports.clock(), asked.address, asked.replays
    )
    return answer(request, stray_document(stray))


@router.post(
    "/quarantine/{mail_id}/discard",
    summary="Be done with a mail",
    responses=document_responses("The mail", STRAY_EXAMPLE, 401, 403, 404, 406, 409),
)
async def discard_stray(
    mail_id: StrayId, request: Request, ports: PortsDep, caller: Admin
) -> Response:
    """Its bytes stay until their time is over. Repeating it changes nothing."""
    offer_way_out(request, "collection", HERE)
    stray = await ports.strays.discard(caller.owner, mail_id, ports.clock())
    return answer(request, stray_document(stray))


@router.get(
    "/quarantine/{mail_id}/raw",
    summary="The mail as it came",
    response_class=Response,
    responses={
        200: {"description": "Its bytes", "content": {"message/rfc822": {}}},
        **problem_responses(401, 403, 404, 410),
    },
)
async def read_raw(mail_id: StrayId, request: Request, ports: PortsDep, caller: Admin) -> Response:
    """To be saved, never shown: nothing in it was checked."""
    offer_way_out(request, "up", f"{HERE}/{mail_id}")
    return raw_response(str(mail_id), await ports.strays.raw(caller.owner, mail_id))


def raw_response(name: str, raw: bytes) -> Response:
    """Hostile bytes as a file to save, which no browser opens."""
    return Response(
        raw,
        media_type="message/rfc822",
        headers={
            "Content-Disposition": f'attachment; filename="{name}.eml"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )
