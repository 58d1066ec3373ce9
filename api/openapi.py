"""How endpoints declare what they answer, so that the OpenAPI document is worth reading."""

from typing import Any

from fastapi import FastAPI

from api.errors import PROBLEM_TYPE
from api.health import installed_version
from api.hypermedia import HAL, HAL_FORMS, JSON
from api.problem_kinds import KINDS

_TEXT = """
Parley finds a time for two people who have never met, by ordinary calendar mail. You ask for a
meeting, both are invited in their own calendars, and what they answer there, or propose instead,
is carried to the other until a time stands or none is left.

**Commands.** Every `POST` takes an `Idempotency-Key` (any string, best a fresh UUID) and does its
work once however often it is repeated. The answer is `202` with a command to follow, or with
`Prefer: wait=10` the finished result when it comes within ten seconds.

**Links and forms.** Documents are HAL with HAL-FORMS templates, the same in
`application/prs.hal-forms+json`, `application/hal+json` and `application/json`; links are repeated
in the `Link` header. A link or form is there exactly when following it would be accepted.

**Problems.** Errors are RFC 9457 documents. Match on `code`, show `detail`, follow `_links`.

**Events.** `/events` lists what happened as CloudEvents in a fixed order; `/events/stream` sends
the same as they happen and continues after `Last-Event-ID`; `/webhooks` delivers them, signed.

**Times** are RFC 3339 with an offset, and come back in UTC. **Lengths of time** are ISO 8601.
"""

ABOUT: dict[str, Any] = {
    "title": "Parley",
    "summary": "Meetings between strangers, agreed by calendar mail",
    "description": _TEXT.strip(),
    "version": installed_version(),
    "license_info": {"name": "MIT", "identifier": "MIT"},
    "openapi_tags": [
        {"name": "entrance", "description": "Where to start, and what things mean."},
        {"name": "meetings", "description": "Ask for meetings, read them, move them, end them."},
        {"name": "events", "description": "What happened, as lists and as streams."},
        {"name": "commands", "description": "What became of what you asked for."},
        {"name": "people", "description": "Your address book."},
        {"name": "messages", "description": "Every mail out: sending, reading, deciding."},
        {"name": "webhooks", "description": "Events delivered to your endpoints, signed."},
        {"name": "keys", "description": "API keys and their scopes."},
        {"name": "intake", "description": "Mail in over HTTP, signed."},
        {"name": "quarantine", "description": "Mail that needs an operator."},
        {"name": "operations", "description": "Health and version."},
    ],
}

PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "An RFC 9457 problem. `type` can be opened; `code` is stable.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "instance": {"type": "string", "format": "uri"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "detail"],
                "properties": {
                    "field": {"type": "string", "description": "For instance `parties[1].zone`."},
                    "detail": {"type": "string"},
                    "code": {"type": "string"},
                },
            },
        },
        "_links": {"type": "object", "description": "Ways out, by link relation."},
    },
}


def install(app: FastAPI) -> None:
    """Gives the OpenAPI document of `app` the schema of problems, in place of FastAPI's own."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _speak_of_problems(described())
        assert app.openapi_schema is not None
        return app.openapi_schema

    # FastAPI documents replacing this method as the way to extend the document.
    app.openapi = openapi  # type: ignore[method-assign]


def _speak_of_problems(document: dict[str, Any]) -> None:
    """Puts our 422 where FastAPI has declared its own."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    schemas["Problem"] = PROBLEM_SCHEMA
    operations = [each for methods in document["paths"].values() for each in methods.values()]
    for responses in (operation["responses"] for operation in operations):
        if "401" in responses:  # whoever needs a key may ask too much with it
            responses["429"] = _problem(429)
        if PROBLEM_TYPE not in responses.get("422", {}).get("content", {PROBLEM_TYPE: None}):
            responses["422"] = _problem(422)


Responses = dict[int | str, dict[str, Any]]


def document_responses(
    meaning: str, example: dict[str, Any], *problems: int, status: int = 200
) -> Responses:
    """One document with an example, and the problems by status that may come instead."""
    content = {kind: {"example": example} for kind in (HAL_FORMS, HAL, JSON)}
    return {status: {"description": meaning, "content": content}, **problem_responses(*problems)}


def command_responses(example: dict[str, Any], done: int, *problems: int) -> Responses:
    """202 with the command, `done` when the client waited for the result, or a problem."""
    links = {
        "command": {
            "operationId": "read_command",
            "parameters": {"command_id": "$response.body#/id"},
        }
    }
    headers = {
        "Location": {"description": "The command.", "schema": {"type": "string"}},
        "Retry-After": {"description": "Seconds until a look pays.", "schema": {"type": "integer"}},
        "Idempotency-Replayed": {
            "description": "`true` when this key was seen before.",
            "schema": {"type": "string"},
        },
    }
    responses = document_responses(
        "Accepted; the command is under way", example, *problems, status=202
    )
    responses[202] |= {"headers": headers, "links": links}
    responses[done] = {"description": "Done within `Prefer: wait`; the meeting as it stands"}
    return responses


def problem_responses(*statuses: int) -> Responses:
    """The problems of these statuses, each with the codes it may carry."""
    return {status: _problem(status) for status in statuses}


def _problem(status: int) -> dict[str, Any]:
    kinds = {code: kind for code, kind in KINDS.items() if kind.status == status}
    lines = [f"- `{code}`: {kind.meaning}" for code, kind in kinds.items()]
    example = {
        "type": f"https://parley.example.org/problems/{next(iter(kinds))}",
        "title": next(iter(kinds.values())).title,
        "status": status,
        "detail": next(iter(kinds.values())).meaning,
        "code": next(iter(kinds)),
    }
    return {
        "description": "\n".join(lines),
        "content": {
            PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
        },
    }
