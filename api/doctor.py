"""What `parley doctor` asks of a running installation, for the operator's keys with the
scope `admin`."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.errors import offer_way_out
from api.hypermedia import Document, answer
from api.instants import rfc3339
from api.names import ProbeId
from api.openapi import document_responses
from api.ports import PortsDep
from api.security import Operator
from domain.inbox.probes import Probe

router = APIRouter(tags=["doctor"])

_EXAMPLE = {
    "id": "7f3a2b",
    "address": "d+abcdefghijklmnopqrstuvwxyz@parley.example.org",
    "arrived_at": "2027-03-01T09:00:00Z",
    "source": "smtp",
}


@router.put(
    "/doctor/probes/{probe_id}",
    summary="Open an address for a probe",
    responses=document_responses("The address", _EXAMPLE, 401, 403, 404, 406),
)
async def open_probe(
    probe_id: ProbeId, request: Request, ports: PortsDep, caller: Operator
) -> Response:
    """The intake takes mail for this address from now on, for a day, and gives it to nobody.
    Choose a fresh id; the same one again changes nothing."""
    return answer(request, _document(await ports.probes.open(probe_id, ports.clock())))


@router.get(
    "/doctor/probes/{probe_id}",
    summary="See whether a probe came back",
    responses=document_responses("The probe", _EXAMPLE, 401, 403, 404, 406),
)
async def read_probe(
    probe_id: ProbeId, request: Request, ports: PortsDep, caller: Operator
) -> Response:
    """`arrived_at` is null until a mail to its address was accepted; `source` is its way in."""
    offer_way_out(request, "collection", "/")
    return answer(request, _document(await ports.probes.look(probe_id)))


def _document(probe: Probe) -> Document:
    members = probe.model_dump() | {"arrived_at": rfc3339(probe.arrived_at)}
    return Document(members).link("self", f"/doctor/probes/{probe.id}")
