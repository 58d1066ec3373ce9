"""The book of people, edited by what happened to them: renamed, address corrected, moved."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.addresses import Mailbox
from api.commands import Asked, AskedDep, submission
from api.conditional import etag, need_match, not_modified
from api.errors import offer_way_out
from api.examples import PERSON_EXAMPLE, PERSON_REQUEST_EXAMPLE
from api.hypermedia import answer
from api.monitor import command_href, refusal
from api.names import PersonId
from api.openapi import Responses, document_responses
from api.people_documents import page_document, person_document, person_href
from api.ports import Ports, PortsDep
from api.security import PeopleCaller
from domain.access import Principal
from domain.commands import Command, CommandState
from domain.people import rules
from domain.people.model import Person
from domain.people.requests import Name, PeopleFilter
from domain.people.rules import Change, Edit
from domain.values import ZoneName

router = APIRouter(tags=["people"])

IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", max_length=2000, description="Only at this version of the person."),
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PersonBody(_Body):
    """Somebody to write to again and again."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"example": PERSON_REQUEST_EXAMPLE}
    )

    name: Name
    address: Mailbox
    zone: ZoneName = Field(max_length=60, description="An IANA zone, such as Europe/Lisbon.")


class RenameBody(_Body):
    """The name a person has now."""

    name: Name


class AddressBody(_Body):
    """The address a person is reached at now."""

    address: Mailbox


class MoveBody(_Body):
    """The zone a person lives in now."""

    zone: ZoneName = Field(max_length=60, description="An IANA zone, such as Europe/Lisbon.")


class PeoplePage(BaseModel):
    """Which people: with this address, with `name` in their name, after the one with this id."""

    model_config = ConfigDict(extra="forbid")

    address: Mailbox | None = None
    name: Name | None = None
    after: str | None = Field(default=None, pattern=r"^[0-9A-Za-z_-]{1,64}$")
    limit: int = Field(default=50, ge=1, le=200)


_EDITED: Responses = document_responses(
    "The person as they now are",
    PERSON_EXAMPLE,
    *(400, 401, 403, 404, 406, 409, 412, 413, 415, 422),
)


@router.post(
    "/people",
    status_code=201,
    summary="Add a person",
    responses=document_responses(
        "The person", PERSON_EXAMPLE, 400, 401, 403, 406, 409, 413, 415, 422, status=201
    ),
)
async def add_person(
    body: PersonBody, request: Request, asking: AskedDep, ports: PortsDep, caller: PeopleCaller
) -> Response:
    """One person for each address. Repeat the request with the same `Idempotency-Key` as often
    as needed: it is done once. `Link: rel=status` leads to the command."""
    offer_way_out(request, "collection", "/people")
    intent = submission(ports, request, caller.owner, asking, "person.add", body.model_dump())
    change = rules.add(
        secrets.token_hex(8), caller.owner, body.name, body.address, body.zone, intent.at
    )
    command, replayed = await ports.people.add(intent, change)
    return await _result(request, ports, command, replayed, 201)


async def _result(
    request: Request, ports: Ports, command: Command, replayed: bool, status: int
) -> Response:
    """The person as they now are, or the refusal; the database has decided already."""
    if command.state is CommandState.REFUSED:
        response = refusal(ports, command)
    else:
        person = await ports.people.get(command.owner, command.stream.partition("/")[2])
        document = person_document(person).link("status", command_href(command.id))
        headers = {"ETag": etag(person.version), "Location": person_href(person.id)}
        response = answer(request, document, status, headers)
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


@router.get(
    "/people",
    summary="List people",
    responses=document_responses(
        "A page of people by address",
        {"_embedded": {"items": [PERSON_EXAMPLE]}},
        *(401, 403, 406, 422),
    ),
)
async def list_people(
    page: Annotated[PeoplePage, Query()], request: Request, ports: PortsDep, caller: PeopleCaller
) -> Response:
    """In order of their addresses. Filters narrow together; the link `next` leads on."""
    wanted = PeopleFilter(
        owner=caller.owner,
        address=page.address,
        name=page.name,
        after=page.after,
        limit=page.limit + 1,
    )
    found = await ports.people.search(wanted)
    query = page.model_dump(mode="json", exclude_defaults=True)
    return answer(request, page_document(found, page.limit, query))


@router.get(
    "/people/{person_id}",
    summary="Read a person",
    responses=document_responses("The person", PERSON_EXAMPLE, 401, 403, 404, 406),
)
async def read_person(
    person_id: PersonId, request: Request, ports: PortsDep, caller: PeopleCaller
) -> Response:
    """`ETag` is the version; send it as `If-Match` with an edit."""
    offer_way_out(request, "collection", "/people")
    person = await ports.people.get(caller.owner, person_id)
    tag = etag(person.version)
    if not_modified(request, tag):
        return Response(status_code=304, headers={"ETag": tag})
    return answer(request, person_document(person), 200, {"ETag": tag})


@dataclass(frozen=True)
class _Editing:
    """One edit on its way: of whom, called what, with which body, by which rule."""

    person_id: str
    kind: str
    body: _Body
    edit: Edit
    if_match: str | None


@router.post("/people/{person_id}/rename", summary="Rename a person", responses=_EDITED)
async def rename_person(
    person_id: PersonId,
    body: RenameBody,
    request: Request,
    asking: AskedDep,
    ports: PortsDep,
    caller: PeopleCaller,
    if_match: IfMatch = None,
) -> Response:
    """They have another name. Meetings already asked for keep the name they were asked with."""

    def edit(person: Person, at: datetime) -> Change:
        return rules.rename(person, body.name, at)

    editing = _Editing(person_id, "person.rename", body, edit, if_match)
    return await _apply(request, ports, caller, asking, editing)


@router.post("/people/{person_id}/correct-address", summary="Correct an address", responses=_EDITED)
async def correct_address(
    person_id: PersonId,
    body: AddressBody,
    request: Request,
    asking: AskedDep,
    ports: PortsDep,
    caller: PeopleCaller,
    if_match: IfMatch = None,
) -> Response:
    """They are reached elsewhere. Refused when somebody else in the book has the address."""

    def edit(person: Person, at: datetime) -> Change:
        return rules.correct_address(person, body.address, at)

    editing = _Editing(person_id, "person.correct-address", body, edit, if_match)
    return await _apply(request, ports, caller, asking, editing)


@router.post("/people/{person_id}/move", summary="Move a person", responses=_EDITED)
async def move_person(
    person_id: PersonId,
    body: MoveBody,
    request: Request,
    asking: AskedDep,
    ports: PortsDep,
    caller: PeopleCaller,
    if_match: IfMatch = None,
) -> Response:
    """They live in another time zone."""

    def edit(person: Person, at: datetime) -> Change:
        return rules.move(person, body.zone, at)

    editing = _Editing(person_id, "person.move", body, edit, if_match)
    return await _apply(request, ports, caller, asking, editing)


async def _apply(
    request: Request, ports: Ports, caller: Principal, asking: Asked, editing: _Editing
) -> Response:
    """Carry out an edit. `If-Match` is checked on the person the edit is applied to, in its
    transaction, and only when it is not a repetition."""
    offer_way_out(request, "up", person_href(editing.person_id))
    data = editing.body.model_dump()
    intent = submission(ports, request, caller.owner, asking, editing.kind, data)

    def checked(person: Person, at: datetime) -> Change:
        need_match(editing.if_match, etag(person.version))
        return editing.edit(person, at)

    command, replayed = await ports.people.edit(intent, editing.person_id, checked)
    return await _result(request, ports, command, replayed, 200)
