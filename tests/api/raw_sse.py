"""A Server-Sent Events client written from the standard, over a bare socket: it shares nothing
with the server under test (WHATWG HTML §9.2.5 and RFC 9112 §7.1)."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import uvicorn
from fastapi import FastAPI


@dataclass
class Seen:
    """One dispatched event."""

    id: str
    event: str
    data: str


@dataclass
class RawStream:
    """A response being read; `last_id` is what a browser would send as Last-Event-ID."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    status: int
    headers: dict[str, str]
    last_id: str = ""
    comments: int = 0
    retry: str = ""
    pending: bytes = b""
    fields: dict[str, list[str]] = field(default_factory=dict)

    async def next(self) -> Seen:
        """The next event; comments and fields without data dispatch none."""
        while True:
            line = await self._line()
            if line:
                self._take(line)
            elif seen := self._dispatch():
                return seen

    async def take(self, count: int) -> list[Seen]:
        async with asyncio.timeout(20):
            return [await self.next() for _ in range(count)]

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not name:
            self.comments += 1
        elif name == "id":
            self.last_id = value
        elif name == "retry":
            self.retry = value
        else:
            self.fields.setdefault(name, []).append(value)

    def _dispatch(self) -> Seen | None:
        fields, self.fields = self.fields, {}
        if "data" not in fields:
            return None
        event = fields.get("event", ["message"])[-1]
        return Seen(self.last_id, event, "\n".join(fields["data"]))

    async def _line(self) -> str:
        while b"\n" not in self.pending:
            size = int((await self.reader.readline()).strip() or b"0", 16)
            if size == 0:
                raise EOFError("the stream ended")
            self.pending += await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        line, _, self.pending = self.pending.partition(b"\n")
        return line.decode("utf-8").rstrip("\r")

    async def close(self) -> None:
        """Hangs up without a word, as a client that is killed does."""
        self.writer.transport.abort()


async def open_stream(port: int, path: str, **headers: str) -> RawStream:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: text/event-stream"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    status = int((await reader.readline()).split()[1])
    found = {}
    while line := (await reader.readline()).decode().strip():
        name, _, value = line.partition(":")
        found[name.lower()] = value.strip()
    return RawStream(reader, writer, status, found)


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[int]:
    """The application on a free loopback port; gives the port."""
    config = uvicorn.Config(app, log_level="error", ws="none", timeout_graceful_shutdown=1)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await server.startup(sockets=[listener])
        running = asyncio.create_task(server.main_loop())
        try:
            yield int(listener.getsockname()[1])
        finally:
            server.should_exit = True
            await running
            await server.shutdown(sockets=[listener])
