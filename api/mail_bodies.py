"""Bodies that hold a mail: megabytes, of which only so many are in memory at once, whoever sends.

Whatever can be told without one is checked before this reads it: the server takes no more than
some kilobytes of a body that nobody asked for.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from fastapi import Request
from starlette.requests import ClientDisconnect

from api.bodies import LARGEST_BODY, announced
from api.errors import BadRequest
from api.limits import Room
from domain.errors import ParleyError

LARGEST_MAIL = 16 * 1024 * 1024
"""Octets of a body that holds a whole mail, as providers send it: larger than what is given to a
saga, so that such a mail is kept for an operator instead of being refused for ever."""

LARGEST_OF_MAILGUN = 32 * 1024 * 1024
"""As above: Mailgun takes mail of 25 MB, which its form makes larger."""

BEGINNING = 64 * 1024
"""Octets that are kept of a body that is larger still, where refusing it would lose it."""

READ_WITHIN = 60.0
"""Seconds for one body: whoever sends slowly does not keep a place from others for long."""


class MailTooLarge(ParleyError):
    """More octets than are read; `begun` is the beginning of what was."""

    code = "body-too-large"

    def __init__(self, most: int, begun: bytes) -> None:
        super().__init__(f"Send at most {most // 1024**2} MB.")
        self.begun = begun


class TooSlow(ParleyError):
    """The body did not come in time."""

    code = "too-slow"

    def __init__(self) -> None:
        super().__init__(f"The body did not come within {READ_WITHIN:.0f} seconds; send it again.")


@asynccontextmanager
async def mail_body(
    request: Request, room: Room, peer: str | None, most: int
) -> AsyncIterator[bytes]:
    """The body of `request`, which has its place in `room` while the context lasts if it is large.

    Raises `MailTooLarge`, `Unavailable` when there is no place, `TooSlow`, and `BadRequest` for a
    body that breaks off: half a form looks like a whole one.
    """
    with ExitStack() as held:
        yield await _read(request, _Measure(room, peer, most, held))


async def beginning_of(request: Request, begun: bytes) -> bytes:
    """The first `BEGINNING` octets of a body that is too large, of which that much was read; the
    rest is dropped, or its sender would not hear the answer. Raises `TooSlow`, `BadRequest`."""
    kept = bytearray(begun)
    async with _coming():
        async for chunk in request.stream():
            kept += chunk[: BEGINNING - len(kept)]
    return bytes(kept)


async def _read(request: Request, measure: "_Measure") -> bytes:
    body = bytearray()
    measure.check(announced(request.headers), body)
    async with _coming():
        async for chunk in request.stream():
            body += chunk
            measure.check(len(body), body)
    return bytes(body)


@asynccontextmanager
async def _coming() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(READ_WITHIN):
            yield
    except TimeoutError:
        raise TooSlow from None
    except ClientDisconnect:
        raise BadRequest("The body broke off.") from None


class _Measure:
    """How large a body may be, and its place once it is large."""

    def __init__(self, room: Room, peer: str | None, most: int, held: ExitStack) -> None:
        self._room = room
        self._peer = peer
        self._most = most
        self._held = held
        self._has_place = False

    def check(self, octets: int, begun: bytearray) -> None:
        """Raises `MailTooLarge` and `Unavailable`."""
        if octets > self._most:
            raise MailTooLarge(self._most, bytes(begun[:BEGINNING]))
        if octets > LARGEST_BODY and not self._has_place:
            self._held.enter_context(self._room.held(self._peer))
            self._has_place = True
