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
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem

LARGEST_BODY = 256 * 1024
"""Octets of a request body."""

LARGEST_MAIL = 16 * 1024 * 1024
"""Octets of a body that holds a whole mail, as providers send it: larger than what is given to a
saga, so that such a mail is kept for an operator instead of being refused for ever."""

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

    `mails` are the paths of bodies that hold a mail: they may be larger, and are JSON as others
    write it.
    """

    def __init__(self, app: ASGIApp, mails: frozenset[str] = frozenset()) -> None:
        self._app = app
        self._mails = mails

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            is_mail = scope["path"] in self._mails
            body = await _read(headers, receive, LARGEST_MAIL if is_mail else LARGEST_BODY)
            if body is not None and _is_json(headers) and not is_mail:
                check_json(body)
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

        close = {"Connection": "close"} if code == "body-too-large" else {}
        response = problem(Request(scope), code, detail, headers=close)
        await response(scope, nothing, send)


def _is_json(headers: Headers) -> bool:
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    return media == "application/json" or media.endswith("+json")


async def _read(headers: Headers, receive: Receive, most: int) -> bytes | None:
    """The whole body, or None when there is none. Raises `TooLarge`, before reading when the
    announced length says so."""
    length = headers.get("content-length", "")
    if length.isdecimal() and (len(length) > 12 or int(length) > most):
        raise TooLarge
    if length in ("", "0") and "transfer-encoding" not in headers:
        return None
    return await _drain(receive, most)


async def _drain(receive: Receive, most: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > most:
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
