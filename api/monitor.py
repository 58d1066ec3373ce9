"""`/commands/{id}`: what became of an intent. Always 200 with a `state`; a refused command carries
its problem inside, for the monitor itself has not failed."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from api.conditional import etag, not_modified
from api.errors import PROBLEM_TYPE, problem_document
from api.examples import COMMAND_EXAMPLE
from api.hypermedia import Document, answer
from api.instants import rfc3339
from api.names import CommandId
from api.openapi import document_responses
from api.ports import Ports, PortsDep
from api.security import Caller
from domain.commands import Command, CommandState

router = APIRouter(tags=["commands"])


@router.get(
    "/commands/{command_id}",
    summary="Read what became of a command",
    responses=document_responses("The command", COMMAND_EXAMPLE, 401, 404, 406),
)
async def read_command(
    command_id: CommandId, request: Request, ports: PortsDep, principal: Caller
) -> Response:
    """`state` is `accepted` while it is being carried out, then `succeeded` or `refused`.

    A refused command carries the reason as an RFC 9457 problem under `problem`. The link
    `related` leads to what the command is about. Poll while `accepted`, or follow the events.
    """
    command = await ports.commands.get(principal.owner, command_id)
    tag = etag(command.state)
    if not_modified(request, tag):
        return Response(status_code=304, headers={"ETag": tag})
    document = command_document(command, str(ports.settings.base_url))
    headers = {"ETag": tag}
    if not command.is_finished:
        headers["Retry-After"] = "1"
    return answer(request, document, 200, headers)


def command_href(command_id: str) -> str:
    return f"/commands/{command_id}"


_COLLECTIONS = {"meeting": "/meetings", "person": "/people", "message": "/messages"}


def stream_href(stream: str) -> str | None:
    """The resource of a stream, where it has one: `meeting/7f` is `/meetings/7f`."""
    kind, _, name = stream.partition("/")
    return f"{_COLLECTIONS[kind]}/{name}" if kind in _COLLECTIONS and name else None


def command_document(command: Command, base_url: str = "") -> Document:
    """The command as a resource. What was sent is not repeated; it is the client's own."""
    document = Document(
        {
            "id": command.id,
            "kind": command.kind,
            "state": command.state.value,
            "accepted_at": rfc3339(command.accepted_at),
            "finished_at": rfc3339(command.finished_at),
            "outcome": command.outcome and command.outcome.model_dump(mode="json"),
        }
    ).link("self", command_href(command.id))
    about = stream_href(command.stream)
    if about is not None:
        document.link("related", about)
    if command.stream.startswith("meeting/"):
        document.link("parley:events", f"{about}/events")
    if command.state is CommandState.REFUSED:
        document.data = {**document.data, "problem": outcome_problem(command, base_url)}
    return document


def outcome_problem(command: Command, base_url: str) -> dict[str, object]:
    """The refusal a command ended with, as a problem with the links of the command."""
    code = command.outcome.code if command.outcome else "refused"
    detail = command.outcome.detail if command.outcome else ""
    links = {"status": command_href(command.id)}
    about = stream_href(command.stream)
    if about is not None:
        links["related"] = about
    return problem_document(base_url, code, detail, links=links)


def refusal(ports: Ports, command: Command) -> Response:
    """The refusal of a finished command as the answer to the request that asked for it."""
    document = outcome_problem(command, str(ports.settings.base_url))
    headers = {"Location": command_href(command.id), "Cache-Control": "no-store"}
    return JSONResponse(document, int(str(document["status"])), headers, PROBLEM_TYPE)
