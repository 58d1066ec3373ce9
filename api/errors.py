"""Every error leaves as an RFC 9457 problem with ways out; `problem_kinds` is the table.

Nothing of the request is echoed: validation messages name the field and what to do, never the
value, so neither secrets nor unencodable text come back.
"""

import logging
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.allowed import allowed_methods
from api.limits import TooMany
from api.problem_kinds import KINDS
from domain.errors import ParleyError
from domain.values import scrubbed

log = logging.getLogger(__name__)

PROBLEM_TYPE = "application/problem+json"


class BadRequest(ParleyError):
    """The HTTP message itself is malformed."""

    code = "malformed-request"


class KeyMissing(ParleyError):
    """A POST that creates work came without an Idempotency-Key."""

    code = "idempotency-key-missing"


class NotAcceptable(ParleyError):
    """The client accepts none of the media types this resource has."""

    code = "not-acceptable"


class UnsupportedMedia(ParleyError):
    """The body is not of a media type this resource reads."""

    code = "unsupported-media-type"


class PreconditionFailed(ParleyError):
    """If-Match names another version than the present one."""

    code = "precondition-failed"


_BY_STATUS = {
    400: "malformed-request",
    401: "wrong-key",
    403: "not-allowed",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    409: "refused",
    413: "body-too-large",
    415: "unsupported-media-type",
    422: "invalid-request",
    429: "too-many-requests",
    503: "unavailable",
}


def known_code(error: ParleyError) -> str:
    """The nearest code of `error`'s ancestry that the table knows: a new subclass is served as
    what it specialises until it has a row of its own."""
    for kind in type(error).__mro__:
        code = getattr(kind, "code", None)
        if code in KINDS:
            return str(code)
    return "bad-input"


def status_of(code: str) -> int:
    return KINDS[code].status if code in KINDS else 409


def offer_way_out(request: Request, rel: str, href: str) -> None:
    """Names a link that any problem answering this request will carry."""
    ways: dict[str, str] = getattr(request.state, "ways_out", {})
    request.state.ways_out = {**ways, rel: href}


def problem_document(
    base_url: str,
    code: str,
    detail: str,
    *,
    links: Mapping[str, str] | None = None,
    errors: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """An RFC 9457 document. `code` outside the table is served as `refused` with that code:
    rules may give a command an outcome code of their own."""
    kind = KINDS.get(code) or KINDS["refused"]
    anchor = code if code in KINDS else "refused"
    document: dict[str, Any] = {
        "type": f"{base_url}/problems/{anchor}",
        "title": kind.title,
        "status": kind.status,
        "detail": scrubbed(detail, limit=1000),
        "code": code,
    }
    if errors:
        document["errors"] = list(errors)
    ways = {"help": f"/problems/{anchor}", "start": "/api", **(links or {})}
    document["_links"] = {rel: {"href": href} for rel, href in ways.items()}
    return document


def problem(
    request: Request,
    code: str,
    detail: str,
    *,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The problem as a response, with the links out that the route offered."""
    ways = getattr(request.state, "ways_out", {})
    document = problem_document(_base_url(request), code, detail, links=ways, errors=errors)
    document["instance"] = f"urn:uuid:{uuid.uuid4()}"
    kind = KINDS.get(code) or KINDS["refused"]
    sent = {"Cache-Control": "no-store", **(headers or {})}
    if kind.retry_after is not None:
        sent.setdefault("Retry-After", str(kind.retry_after))
    if kind.status in (408, 413):
        sent["Connection"] = "close"  # the rest of the body is not wanted
    if kind.status == 401:
        sent["WWW-Authenticate"] = 'Bearer realm="parley"'
    if kind.status >= 500:
        log.error("problem %s %s at %s", code, document["instance"], route_of(request))
    return JSONResponse(document, kind.status, sent, PROBLEM_TYPE)


def route_of(request: Request) -> str:
    """The template of the route that was asked: a path may hold a capability, which must not
    end up in a log."""
    return str(getattr(request.scope.get("route"), "path", "no route"))


def _base_url(request: Request) -> str:
    return str(request.app.state.ports.settings.base_url).rstrip("/")


def install(app: FastAPI) -> None:
    """Gives `app` the handlers that turn every error into a problem."""
    app.add_exception_handler(ParleyError, _refusal)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _fault)


async def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, ParleyError)
    code = known_code(error)
    named = () if error.field is None else ({"field": error.field, "detail": str(error)},)
    wait = {"Retry-After": str(error.retry_after)} if isinstance(error, TooMany) else {}
    return problem(request, code, str(error), errors=named, headers=wait)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return problem(request, "malformed-request", "The body is not valid JSON.")
    errors = [_named(each) for each in found[:50]]
    summary = "; ".join(f"{each['field']}: {each['detail']}" for each in errors[:3])
    return problem(request, "invalid-request", summary, errors=errors)


def _named(error: Mapping[str, Any]) -> dict[str, str]:
    """Field and sentence of one pydantic error; its input and context stay here."""
    return {
        "field": field_path(error["loc"]),
        "detail": scrubbed(str(error["msg"]).removeprefix("Value error, "), limit=300),
        "code": str(error["type"]),
    }


def field_path(location: Sequence[str | int]) -> str:
    """`('body', 'parties', 1, 'zone')` as `parties[1].zone`; the part of the request that is not
    the body stays in front (`query.limit`)."""
    parts = list(location[1:] if location and location[0] == "body" else location)
    path = ""
    for part in parts:
        dot = "." if path else ""
        path += f"[{part}]" if isinstance(part, int) else f"{dot}{scrubbed(part, limit=60)}"
    return path or "body"


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _BY_STATUS.get(error.status_code, "malformed-request")
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(allowed_methods(request))
    return problem(request, code, KINDS[code].meaning, headers=headers)


async def _fault(request: Request, error: Exception) -> Response:
    log.exception("unhandled %s", type(error).__name__, exc_info=error)
    return problem(request, "internal-error", KINDS["internal-error"].meaning)
