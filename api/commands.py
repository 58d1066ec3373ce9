"""Commands over HTTP: Idempotency-Key, Prefer, 202 with a monitor, and the monitor itself.

A client sends an intent once or ten times; it is done once. The answer is 202 with the command's
address, or with `Prefer: wait=N` the finished result when it comes in time.
"""

import re
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.responses import Response

from api.errors import BadRequest, KeyMissing, UnsupportedMedia
from api.hypermedia import answer
from api.monitor import command_document, command_href, refusal
from api.ports import Ports
from api.waiting import watch
from domain.commands import Command, CommandState, Submission, fingerprint

LONGEST_WAIT = 30.0
"""Seconds a request may be held open by `Prefer: wait=N`."""

LONGEST_KEY = 255

_QUOTED = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')  # RFC 8941 §3.3.3
_BARE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x7e]+")
_PREFERENCE = re.compile(r'([a-z-]+)(?:\s*=\s*"?([^";,\s]*)"?)?', re.IGNORECASE)


@dataclass(frozen=True)
class Asked:
    """How the client wants its command taken: under which key, and for how long (in seconds) it
    will wait for the result."""

    key: str
    wait: float | None = None
    asynchronously: bool = False

    @property
    def applied(self) -> str | None:
        """What to say in `Preference-Applied` (RFC 7240 §3)."""
        if self.wait is not None:
            return f"wait={self.wait:g}"
        return "respond-async" if self.asynchronously else None


def idempotency_key(values: list[str]) -> str:
    """The key of the request's `Idempotency-Key` fields: a structured-field string, or unquoted.

    Raises `KeyMissing` without one, `BadRequest` for several or one that cannot be read.
    Source: draft-ietf-httpapi-idempotency-key-header-07 §2.1.
    """
    if not values:
        raise KeyMissing("Send an `Idempotency-Key` header, for instance a fresh UUID.")
    value = values[0].strip()
    quoted = _QUOTED.fullmatch(value)
    key = re.sub(r"\\(.)", r"\1", quoted.group(1)) if quoted else value
    if len(values) > 1 or not (quoted or _BARE.fullmatch(value)):
        raise BadRequest("The Idempotency-Key must be one string of visible ASCII.")
    if not 1 <= len(key) <= LONGEST_KEY:
        raise BadRequest(f"The Idempotency-Key must have 1 to {LONGEST_KEY} characters.")
    return key


def preferences(values: list[str]) -> dict[str, str]:
    """The preferences of all `Prefer` fields by lower-case name; the first of a name counts, and
    what cannot be read is ignored (RFC 7240 §2)."""
    found: dict[str, str] = {}
    for part in ",".join(values)[:2000].split(","):
        match = _PREFERENCE.match(part.strip())
        if match:
            found.setdefault(match.group(1).lower(), match.group(2) or "")
    return found


def _wait(text: str | None) -> float | None:
    """Whole seconds of a `wait` preference, capped; None when there is none to honour."""
    if text is None or not re.fullmatch(r"[0-9]{1,9}", text):
        return None
    return min(float(text), LONGEST_WAIT)


async def asked(request: Request) -> Asked:
    """Reads the headers of a command. Raises `KeyMissing`, `BadRequest`, `UnsupportedMedia`."""
    _need_json(request)
    wanted = preferences(request.headers.getlist("prefer"))
    return Asked(
        key=idempotency_key(request.headers.getlist("idempotency-key")),
        wait=_wait(wanted.get("wait")),
        asynchronously="respond-async" in wanted,
    )


AskedDep = Annotated[Asked, Depends(asked)]


def _need_json(request: Request) -> None:
    """A body must say that it is JSON: a page elsewhere can then not post one without asking."""
    length = request.headers.get("content-length", "0")
    if length == "0" and "transfer-encoding" not in request.headers:
        return
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json" and not media.endswith("+json"):
        raise UnsupportedMedia("Send the body as `Content-Type: application/json`.")


def submission(
    ports: Ports, request: Request, owner: str, asking: Asked, kind: str, data: dict[str, Any]
) -> Submission:
    """The intent as it goes to the database. The path belongs to the fingerprint: one key for
    two meetings is two different requests."""
    template = getattr(request.scope.get("route"), "path", request.url.path)
    return Submission(
        id=uuid.uuid4().hex,
        owner=owner,
        kind=kind,
        route=f"{request.method} {template}",
        key=asking.key,
        fingerprint=fingerprint({"path": request.url.path, "body": data}),
        data=data,
        at=ports.clock(),
    )


async def settled(ports: Ports, command: Command, wait: float) -> Command:
    """`command` once it is finished, or as it stands after `wait` seconds."""

    async def look() -> Command:
        return await ports.commands.get(command.owner, command.id)

    return await watch(look, lambda seen: seen.is_finished, ports.journal.news, wait)


async def respond(
    request: Request,
    ports: Ports,
    asking: Asked,
    accepted: tuple[Command, bool],
    result: Callable[[Command], Awaitable[Response]],
) -> Response:
    """The answer to a command: its result if the client waits and it comes in time, else 202.

    `result` builds the answer of a command that succeeded; a refusal that comes in time is
    served as its problem.
    """
    command, replayed = accepted
    ports.poke(command.stream)
    if asking.wait is not None:
        command = await settled(ports, command, asking.wait)
    response = await _answer(request, ports, asking, command, result)
    response.headers["Vary"] = "Accept, Prefer"
    if asking.applied:
        response.headers["Preference-Applied"] = asking.applied
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


async def _answer(
    request: Request,
    ports: Ports,
    asking: Asked,
    command: Command,
    result: Callable[[Command], Awaitable[Response]],
) -> Response:
    if asking.wait is None or not command.is_finished:
        return _accepted(request, command)
    if command.state is CommandState.SUCCEEDED:
        return await result(command)
    return refusal(ports, command)


def _accepted(request: Request, command: Command) -> Response:
    document = command_document(command).link("status", command_href(command.id))
    headers = {"Location": command_href(command.id)}
    if not command.is_finished:
        headers["Retry-After"] = "1"
    return answer(request, document, 202, headers)
