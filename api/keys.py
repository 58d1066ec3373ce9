"""API keys over HTTP, for keys with the scope `admin`; `parley key` does the same."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.errors import offer_way_out
from api.examples import KEY_EXAMPLE, KEY_REQUEST_EXAMPLE
from api.hypermedia import Document, Form, Property, answer
from api.instants import rfc3339
from api.meeting_bodies import Time
from api.names import KeyId
from api.openapi import document_responses, problem_responses
from api.ports import PortsDep
from api.security import Admin
from domain.access import ApiKey, Scope
from domain.errors import BadTimes, Refused
from domain.values import Line

router = APIRouter(tags=["keys"])

LONGEST_NAME = 100


class KeyBody(BaseModel):
    """A key to make: what it is for, what it may do, and until when."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": KEY_REQUEST_EXAMPLE})

    name: Annotated[Line, Field(min_length=1, max_length=LONGEST_NAME)]
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope))
    expires_at: Time | None = Field(default=None, description="None: it does not expire.")


def key_href(key_id: str) -> str:
    return f"/keys/{key_id}"


@router.post(
    "/keys",
    status_code=201,
    summary="Make a key",
    responses=document_responses(
        "The key, with its text this one time",
        KEY_EXAMPLE,
        *(400, 401, 403, 406, 409, 413, 422),
        status=201,
    ),
)
async def create_key(body: KeyBody, request: Request, ports: PortsDep, caller: Admin) -> Response:
    """`key` is in this answer and in no other; only its hash is kept. The new key belongs to the
    owner of the key that asks."""
    offer_way_out(request, "collection", "/keys")
    now = ports.clock()
    if body.expires_at is not None and body.expires_at <= now:
        raise BadTimes("The key would have expired already.", field="expires_at")
    key, text = await ports.keyring.create(
        caller.owner, body.name, body.scopes, now, body.expires_at
    )
    headers = {"Location": key_href(key.id), "Cache-Control": "no-store"}
    return answer(request, _document(key, caller.key_id, text=text), 201, headers)


@router.get(
    "/keys",
    summary="List keys",
    responses=document_responses(
        "All keys, revoked ones too", {"_embedded": {"items": [KEY_EXAMPLE]}}, 401, 403, 406
    ),
)
async def list_keys(request: Request, ports: PortsDep, caller: Admin) -> Response:
    """Oldest first. `last_used_at` is exact to a minute."""
    found = await ports.keyring.list_of(caller.owner)
    document = Document({"count": len(found)}).link("self", "/keys")
    document.link("create-form", "/keys").link("describedby", "/schemas/KeyBody")
    document.form("default", _CREATE)
    return answer(request, document.embed("items", [_document(k, caller.key_id) for k in found]))


@router.get(
    "/keys/{key_id}",
    summary="Read a key",
    responses=document_responses("The key", KEY_EXAMPLE, 401, 403, 404, 406),
)
async def read_key(key_id: KeyId, request: Request, ports: PortsDep, caller: Admin) -> Response:
    """Everything about it but its text."""
    offer_way_out(request, "collection", "/keys")
    key = await ports.keyring.get(caller.owner, key_id)
    return answer(request, _document(key, caller.key_id))


@router.delete(
    "/keys/{key_id}",
    status_code=204,
    summary="Revoke a key",
    responses=problem_responses(401, 403, 404, 409),
)
async def revoke_key(key_id: KeyId, request: Request, ports: PortsDep, caller: Admin) -> Response:
    """It opens nothing from now on; again changes nothing. A key does not revoke itself: so one
    that may make keys is always left."""
    offer_way_out(request, "collection", "/keys")
    if key_id == caller.key_id:
        raise Refused("A key cannot revoke itself; make another and revoke this one with it.")
    await ports.keyring.revoke(caller.owner, key_id, ports.clock())
    return Response(status_code=204)


_CREATE = Form(
    "/keys",
    title="Make a key",
    properties=(
        Property("name", "What it is for", required=True, max_length=LONGEST_NAME),
        Property("scopes", "What it may do", required=True, options=tuple(Scope)),
        Property("expires_at", "Until when", "datetime-local"),
    ),
)


def _document(key: ApiKey, caller_id: str, *, text: str | None = None) -> Document:
    """The key, never its hash; `text` only right after it was made."""
    members: dict[str, Any] = {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": rfc3339(key.created_at),
        "expires_at": rfc3339(key.expires_at),
        "revoked_at": rfc3339(key.revoked_at),
        "last_used_at": rfc3339(key.last_used_at),
    }
    if text is not None:
        members["key"] = text
    here = key_href(key.id)
    document = Document(members).link("self", here).link("collection", "/keys")
    if key.revoked_at is None and key.id != caller_id:
        document.link("parley:revoke", here, title="Revoke the key")
        document.form("revoke", Form(here, "DELETE", "Revoke the key"))
    return document
