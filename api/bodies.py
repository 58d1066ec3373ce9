"""Bodies are looked at before anything else reads them: size first, then what JSON may hold.

`json` accepts NaN, half surrogate pairs, endless nesting and integers no database can keep; each
of them would surface as a 500 somewhere further in (reference: http-api §8).
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem

LARGEST_BODY = 256 * 1024
"""Octets of a request body."""

DEEPEST = 32
LARGEST_INTEGER = 2**63 - 1

_SUSPECT = re.compile(rb"[\x00\x80-\xff]|\\u|[0-9]{19}|[0-9.][eE]")
"""What JSON cannot do without when it holds a half pair, a NUL, or too large a number. `json` reads
UTF-16 as well, and takes half pairs in raw bytes: both show as octets that are not ASCII text."""

_HALF_PAIR = re.compile("[\ud800-\udfff]")


class TooLarge(Exception):
    """More octets than are read."""


class BadJson(Exception):
    """JSON that nothing behind this could keep; the message says why."""


class BodyGuard:
    """Reads each body whole, refuses what is too large or not clean JSON, and passes it on.

    `mails` are the paths of bodies that hold a mail, which are read where their sender is known.
    """

    def __init__(self, app: ASGIApp, mails: frozenset[str] = frozenset()) -> None:
        self._app = app
        self._mails = mails

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._mails:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            body = await _read(headers, receive)
            if body is not None and _is_json(headers):
                check_json(body)
        except ClientDisconnect:
            return  # half a body is none, and nobody waits for an answer
        except TooLarge:
            await self._refuse(scope, send, "body-too-large", "Send at most 256 KB.")
        except BadJson as fault:
            await self._refuse(scope, send, "malformed-request", str(fault))
        else:
            again = receive if body is None else _replay(body, receive)
            await self._app(scope, again, send)

    async def _refuse(self, scope: Scope, send: Send, code: str, detail: str) -> None:
        async def nothing() -> Message:
            return {"type": "http.disconnect"}

        response = problem(Request(scope), code, detail)
        await response(scope, nothing, send)


def _is_json(headers: Headers) -> bool:
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    return media == "application/json" or media.endswith("+json")


def announced(headers: Headers) -> int:
    """How many octets the body is said to have; 0 where nothing is said."""
    length = headers.get("content-length", "")
    return int(length[:13]) if length.isdecimal() else 0  # of so many digits none matters more


async def _read(headers: Headers, receive: Receive) -> bytes | None:
    """The whole body, or None when there is none. Raises `TooLarge`, before reading when the
    announced length says so, and `ClientDisconnect`."""
    if announced(headers) > LARGEST_BODY:
        raise TooLarge
    if headers.get("content-length", "") in ("", "0") and "transfer-encoding" not in headers:
        return None
    return await _drain(receive)


async def _drain(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY:
            raise TooLarge
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once and then waits for the client as before."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


def check_json(body: bytes) -> None:
    """Raises `BadJson` for what is not JSON (RFC 8259) and for what could not be kept: numbers
    that are not finite or need more than 64 bits, half surrogate pairs, NUL, deep nesting."""
    if not body.strip():
        return
    try:
        document = json.loads(body, parse_constant=_no_constant)
    except BadJson:
        raise
    except (ValueError, RecursionError):
        raise BadJson("The body is not valid JSON.") from None
    if not _SUSPECT.search(body) and body.count(b"{") + body.count(b"[") <= DEEPEST:
        return
    for depth, value in _walk(document):
        _check_value(depth, value)


def _no_constant(name: str) -> Any:
    raise BadJson("JSON has no NaN or Infinity.")


def _walk(document: Any) -> Iterator[tuple[int, Any]]:
    """Every value and member name with its depth, without recursion."""
    pending = [(0, document)]
    while pending:
        depth, value = pending.pop()
        yield depth, value
        if isinstance(value, dict):
            pending += [(depth + 1, name) for name in value]
            pending += [(depth + 1, member) for member in value.values()]
        elif isinstance(value, list):
            pending += [(depth + 1, member) for member in value]


def _check_value(depth: int, value: Any) -> None:
    if depth > DEEPEST:
        raise BadJson(f"The body is nested more than {DEEPEST} levels deep.")
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise BadJson("A number is too large.")
    elif isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        raise BadJson("A whole number needs more than 64 bits.")


def _check_text(text: str) -> None:
    if "\0" in text:
        raise BadJson("A text holds the character NUL.")
    if _HALF_PAIR.search(text):
        raise BadJson("A text holds half of a surrogate pair; send valid Unicode.")
