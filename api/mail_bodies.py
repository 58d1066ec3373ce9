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

STILL_FOR = 5.0
"""Seconds in which something of a body has to come."""

LEAST_WITH_A_PLACE = 64 * 1024
"""Octets that have to come in them of a large body: an octet now and then keeps no place."""


class MailTooLarge(ParleyError):
    """More octets than are read."""

    code = "body-too-large"

    def __init__(self, most: int) -> None:
        super().__init__(f"Send at most {most // 1024**2} MB.")


class TooSlow(ParleyError):
    """The body did not come in time."""

    code = "too-slow"

    def __init__(self) -> None:
        super().__init__(
            f"The body stood still for {STILL_FOR:.0f} seconds, or did not come within "
            f"{READ_WITHIN:.0f}; send it again."
        )


class BrokenOff(BadRequest):
    """The sender went away before the end of the body."""

    def __init__(self) -> None:
        super().__init__("The body broke off.")


class MailBody:
    """The body of `request`: `most` octets, and a place of `peer` in `room` if they are many."""

    def __init__(self, request: Request, room: Room, peer: str | None, most: int) -> None:
        self._announced = announced(request.headers)
        self._pieces = _in_time(request.stream())  # once: Starlette gives no second at the end
        self._room = room
        self._peer = peer
        self._most = most
        self._begun = b""

    @asynccontextmanager
    async def whole(self) -> AsyncIterator[bytes]:
        """All of it, which has its place while the context lasts.

        The place is taken when so much has come, since anybody can announce it. Raises
        `MailTooLarge`, `Unavailable` when there is no place, unread if that much is announced,
        `TooSlow`, and `BrokenOff`: half a form looks like a whole one.
        """
        with ExitStack() as held:
            yield await self._read(held)

    async def beginning(self) -> bytes:
        """The first `BEGINNING` octets of a body that was too large. The rest is dropped, or its
        sender would not hear the answer. Raises `TooSlow`, `BrokenOff`."""
        kept = bytearray(self._begun)
        async for piece in self._pieces:
            kept += piece[: BEGINNING - len(kept)]
        return bytes(kept)

    async def _read(self, held: ExitStack) -> bytes:
        body = bytearray()
        has_place = False
        if self._is_large(self._announced, body):
            self._room.check(self._peer)
        async for piece in self._pieces:
            body += piece
            if self._is_large(len(body), body) and not has_place:
                held.enter_context(self._room.held(self._peer))
                has_place = True
        return bytes(body)

    def _is_large(self, octets: int, begun: bytearray) -> bool:
        """Whether so many need a place. Raises `MailTooLarge`."""
        if octets > self._most:
            self._begun = bytes(begun[:BEGINNING])
            raise MailTooLarge(self._most)
        return octets > LARGEST_BODY


async def _in_time(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """`pieces`, as long as they come. Raises `TooSlow` and `BrokenOff`."""
    now = asyncio.get_running_loop().time
    ends_at, still_at = now() + READ_WITHIN, now() + STILL_FOR
    octets, moved_at = 0, 1
    while True:
        try:
            async with asyncio.timeout_at(min(ends_at, still_at)):
                piece = await anext(pieces)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise TooSlow from None
        except ClientDisconnect:
            raise BrokenOff from None
        octets += len(piece)
        if octets >= moved_at:
            still_at = now() + STILL_FOR
            moved_at = octets + (LEAST_WITH_A_PLACE if octets > LARGEST_BODY else 1)
        yield piece
