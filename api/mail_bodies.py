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
    """More octets than are read."""

    code = "body-too-large"

    def __init__(self, most: int) -> None:
        super().__init__(f"Send at most {most // 1024**2} MB.")


class TooSlow(ParleyError):
    """The body did not come in time."""

    code = "too-slow"

    def __init__(self) -> None:
        super().__init__(f"The body did not come within {READ_WITHIN:.0f} seconds; send it again.")


class MailBody:
    """The body of `request`: `most` octets, and a place of `peer` in `room` if they are many."""

    def __init__(self, request: Request, room: Room, peer: str | None, most: int) -> None:
        self._announced = announced(request.headers)
        self._pieces = request.stream()  # once: after the last piece Starlette gives no second
        self._room = room
        self._peer = peer
        self._most = most
        self._begun = b""

    @asynccontextmanager
    async def whole(self) -> AsyncIterator[bytes]:
        """All of it, which has its place while the context lasts.

        Raises `MailTooLarge`, `Unavailable` when there is no place, `TooSlow`, and `BadRequest` for
        a body that breaks off: half a form looks like a whole one.
        """
        with ExitStack() as held:
            yield await self._read(held)

    async def beginning(self) -> bytes:
        """The first `BEGINNING` octets of a body that was too large. The rest is dropped, or its
        sender would not hear the answer. Raises `TooSlow`, `BadRequest`."""
        kept = bytearray(self._begun)
        async with _coming():
            async for piece in self._pieces:
                kept += piece[: BEGINNING - len(kept)]
        return bytes(kept)

    async def _read(self, held: ExitStack) -> bytes:
        body = bytearray()
        has_place = self._check(self._announced, body) and self._take_place(held)
        async with _coming():
            async for piece in self._pieces:
                body += piece
                if self._check(len(body), body) and not has_place:
                    has_place = self._take_place(held)
        return bytes(body)

    def _check(self, octets: int, begun: bytearray) -> bool:
        """Whether so many octets need a place. Raises `MailTooLarge`."""
        if octets > self._most:
            self._begun = bytes(begun[:BEGINNING])
            raise MailTooLarge(self._most)
        return octets > LARGEST_BODY

    def _take_place(self, held: ExitStack) -> bool:
        held.enter_context(self._room.held(self._peer))
        return True


@asynccontextmanager
async def _coming() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(READ_WITHIN):
            yield
    except TimeoutError:
        raise TooSlow from None
    except ClientDisconnect:
        raise BadRequest("The body broke off.") from None
