"""The installation itself: where its mail leaves from. For the operator's keys with the
scope `admin`."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.hypermedia import Document, Form, answer
from api.instants import rfc3339
from api.openapi import document_responses
from api.ports import PortsDep
from api.security import Operator
from domain.outbox.place import Place

router = APIRouter(tags=["installation"])

_EXAMPLE = {
    "place": "3f0c9a1b2c3d:/var/lib/parley/parley.db",
    "placed_at": "2027-03-01T09:00:00Z",
    "here": "3f0c9a1b2c3d:/var/lib/parley/parley.db",
    "because": None,
}


@router.get(
    "/installation",
    summary="See where mail leaves from",
    responses=document_responses("The place", _EXAMPLE, 401, 403, 406),
)
async def read_installation(request: Request, ports: PortsDep, caller: Operator) -> Response:
    """`because` says why nothing leaves from here, and is null while mail does."""
    return answer(request, _document(await ports.fence.look()))


@router.post(
    "/installation/adopt",
    summary="Let mail leave from here",
    responses=document_responses("The place", _EXAMPLE, 401, 403, 406),
)
async def adopt_installation(request: Request, ports: PortsDep, caller: Operator) -> Response:
    """Makes this the one place that this database's mail leaves from; again changes nothing."""
    return answer(request, _document(await ports.fence.adopt(ports.clock())))


def _document(found: Place) -> Document:
    members = {
        "place": found.place,
        "placed_at": rfc3339(found.placed_at),
        "here": found.here,
        "because": found.because,
    }
    document = Document(members).link("self", "/installation")
    if found.place != found.here:
        adopt = "/installation/adopt"
        document.link("parley:adopt", adopt, title="Let mail leave from here")
        document.form("adopt", Form(adopt, title="Let mail leave from here"))
    return document
