"""How endpoints declare what they answer, so that the OpenAPI document is worth reading."""

from typing import Any

from api.errors import KINDS, PROBLEM_TYPE
from api.hypermedia import HAL, HAL_FORMS, JSON

Responses = dict[int | str, dict[str, Any]]


def document_responses(
    meaning: str, example: dict[str, Any], *problems: int, status: int = 200
) -> Responses:
    """One document with an example, and the problems by status that may come instead."""
    content = {kind: {"example": example} for kind in (HAL_FORMS, HAL, JSON)}
    return {status: {"description": meaning, "content": content}, **problem_responses(*problems)}


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
