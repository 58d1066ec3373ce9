"""The entrance: what there is, where it is described, and what our own relations mean."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.responses import Response

from api.bodies import LARGEST_BODY
from api.hypermedia import Document, answer
from api.ports import PortsDep
from api.problem_kinds import KINDS
from domain.errors import NotFound

router = APIRouter(tags=["entrance"])

RELATIONS = {
    "adopt": "POST an empty object here to let mail leave from this place and no other.",
    "cancel": "POST an empty object here to call the meeting off.",
    "confirm": "POST here to count an uncertain message as sent.",
    "correct-address": "POST the address a person, or a party of a meeting, is reached at now.",
    "deliveries": "What was sent to a webhook, and how it went.",
    "discard": "POST here to be done with a mail of the quarantine.",
    "drop": "POST here to have a message not sent any more.",
    "enable": "POST here to deliver to a disabled webhook again.",
    "events": "What happened, in order, as CloudEvents.",
    "find": "A template of the list with its filters.",
    "hold": "POST here to hold a message back.",
    "keys": "API keys of this owner.",
    "mail": "Mails that came in for a meeting, with their verdicts.",
    "meetings": "The meetings of this owner.",
    "merged-into": "The digest that a message became a part of.",
    "messages": "Mails out, with what is known of each.",
    "move": "POST the time zone a person lives in now.",
    "people": "The people this owner writes to again and again.",
    "person": "The entry of the owner's book a party came from.",
    "quarantine": "Mail that belongs to nobody, or could not be read; for administrators.",
    "raw": "The mail as it came, or as it is sent, byte for byte.",
    "release": "POST here to send a message that is held or uncertain.",
    "rename": "POST the name a person has now.",
    "replay": "POST here to give a mail to the inbox, or to have it read again.",
    "reschedule": "POST other slots here to move the meeting.",
    "resend": "POST here to send a message again, as a new one.",
    "resent-as": "The new message that a message was sent again as.",
    "retry": "POST here to send a delivery again.",
    "retry-now": "POST here to try a message again at once.",
    "revoke": "DELETE this to make a key open nothing from now on.",
    "rotate-secret": "POST here to sign with a new secret.",
    "run": "The saga in Temporal's web interface.",
    "stream": "The same events as they happen, as Server-Sent Events.",
    "suppressions": "Addresses that take no mail.",
    "test": "POST here to send a test delivery.",
    "webhooks": "Endpoints that events are delivered to.",
}
"""Meanings of the `parley:` relations, served at `/rels/…`."""

_ENTRANCES = (
    *("meetings", "messages", "suppressions", "people"),
    *("webhooks", "keys", "quarantine"),
)


@router.get("/api", summary="Where everything starts")
async def entrance(request: Request, ports: PortsDep) -> Response:
    """Links to everything there is; needs no key. Follow them instead of building addresses."""
    document = Document({"name": "Parley", "largest_body": LARGEST_BODY}).link("self", "/api")
    for name in _ENTRANCES:
        document.link(f"parley:{name}", f"/{name}", title=RELATIONS[name])
    document.link("parley:events", "/events").link("parley:stream", "/events/stream")
    document.link("service-desc", "/openapi.json", type="application/openapi+json")
    document.link("api-catalog", "/.well-known/api-catalog", type="application/linkset+json")
    document.link("status", "/readyz")
    return answer(request, document)


@router.get("/.well-known/api-catalog", summary="The catalog of protocols (RFC 9727)")
async def api_catalog(ports: PortsDep) -> Response:
    """A linkset (RFC 9264) for tools that look for APIs of a host."""
    base = str(ports.settings.base_url).rstrip("/")
    item = {
        "anchor": f"{base}/api",
        "service-desc": [{"href": f"{base}/openapi.json", "type": "application/openapi+json"}],
        "service-meta": [{"href": f"{base}/problems", "type": "application/json"}],
        "status": [{"href": f"{base}/readyz", "type": "application/json"}],
    }
    profile = 'application/linkset+json; profile="https://www.rfc-editor.org/info/rfc9727"'
    return JSONResponse({"linkset": [item]}, media_type=profile)


@router.get("/rels/{rel}", summary="What one of our link relations means")
async def read_relation(rel: str) -> PlainTextResponse:
    if rel not in RELATIONS:
        raise NotFound("There is no such relation.")
    return PlainTextResponse(f"parley:{rel}\n\n{RELATIONS[rel]}\n")


@router.get("/problems", summary="Every kind of problem")
async def list_problems() -> dict[str, Any]:
    """All codes with their status and what to do about them."""
    return {"problems": [_kind(code) for code in KINDS]}


@router.get("/problems/{code}", summary="What one kind of problem means")
async def read_problem(code: str) -> dict[str, Any]:
    """Served at the address that `type` of a problem names."""
    if code not in KINDS:
        raise NotFound("There is no such problem.")
    return _kind(code)


def _kind(code: str) -> dict[str, Any]:
    kind = KINDS[code]
    return {"code": code, "status": kind.status, "title": kind.title, "meaning": kind.meaning}


@router.get("/schemas/{name}", summary="The JSON Schema of a request body")
async def read_schema(name: str, request: Request) -> Response:
    """What a form's `describedby` names: the full shape that flat form fields cannot tell."""
    schemas = request.app.openapi().get("components", {}).get("schemas", {})
    if name not in schemas:
        raise NotFound("There is no such schema.")
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schemas[name],
        "components": {"schemas": schemas},
    }
    return JSONResponse(schema, media_type="application/schema+json")
