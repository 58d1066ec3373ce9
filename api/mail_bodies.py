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

READ_WITHIN = 60.0
"""Seconds for one body: whoever sends slowly does not keep a place from others for long."""


class MailTooLarge(ParleyError):
    """More octets than are read."""

    code = "body-too-large"

    def __init__(self, most: int) -> None:
        super().__init__(f"Send at most {most // 1024**2} MB.")


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


async def _read(request: Request, measure: "_Measure") -> bytes:
    body = bytearray()
    measure.check(announced(request.headers))
    try:
        async with asyncio.timeout(READ_WITHIN):
            async for chunk in request.stream():
                body += chunk
                measure.check(len(body))
    except TimeoutError:
        raise TooSlow from None
    except ClientDisconnect:
        raise BadRequest("The body broke off.") from None
    return bytes(body)


class _Measure:
    """How large a body may be, and its place once it is large."""

    def __init__(self, room: Room, peer: str | None, most: int, held: ExitStack) -> None:
        self._room = room
        self._peer = peer
        self._most = most
        self._held = held
        self._has_place = False

    def check(self, octets: int) -> None:
        """Raises `MailTooLarge` and `Unavailable`."""
        if octets > self._most:
            raise MailTooLarge(self._most)
        if octets > LARGEST_BODY and not self._has_place:
            self._held.enter_context(self._room.held(self._peer))
            self._has_place = True
