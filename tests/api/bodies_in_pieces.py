"""Requests whose bodies come in pieces, late, or not to their end."""

import asyncio
from collections.abc import AsyncIterator

import httpx
from starlette.types import Message

from tests.api.house import House

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Body:
    """A body that comes in two parts, the first without the last octet or of as many as are given,
    the second when it is let go; it knows what was read."""

    def __init__(self, octets: bytes, *, waits: bool = False, first: int = -1) -> None:
        self.octets = octets
        self.first = first
        self.begun = False
        self.goes_on = asyncio.Event()
        if not waits:
            self.goes_on.set()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.begun = True
        yield self.octets[: self.first]
        await self.goes_on.wait()
        yield self.octets[self.first :]


def from_peer(house: House, address: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(house.app, client=(address, 4711))
    return httpx.AsyncClient(transport=transport, base_url="http://api.test")


async def broken_off(house: House, path: str, half: bytes, **headers: str) -> list[Message]:
    """Send `half` of a body and go away; gives what was answered."""
    message = {"type": "http.request", "body": half, "more_body": True}
    return await come(house, path, [message], **headers)


async def come(house: House, path: str, messages: list[Message], **headers: str) -> list[Message]:
    """A request whose body comes just so, and then its sender goes; gives what was answered."""
    answered: list[Message] = []
    pending = iter(messages)

    async def receive() -> Message:
        return next(pending, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        answered.append(message)

    sent = {**FORM, "Transfer-Encoding": "chunked", **headers}
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(name.lower().encode(), text.encode()) for name, text in sent.items()],
        "client": ("127.0.0.1", 1),
        "server": ("api.test", 80),
        "scheme": "http",
    }
    await house.app(scope, receive, send)
    return answered
