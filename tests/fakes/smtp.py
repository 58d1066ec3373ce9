"""SMTP servers for tests: one that misbehaves at a chosen step, and a mailer in memory."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from domain.outbox.model import Phase, Report

CLOSE = "close"
HANG = "hang"
STEPS = ("greeting", "ehlo", "mail", "rcpt", "data", "body", "dot")

_USUAL = {
    "greeting": "220 relay.example.org ready",
    "ehlo": "250-relay.example.org\r\n250 8BITMIME",
    "mail": "250 2.1.0 sender ok",
    "rcpt": "250 2.1.5 recipient ok",
    "data": "354 go ahead",
    "dot": "250 2.0.0 queued",
}


@dataclass
class Received:
    """A mail the server has, whether or not it said so."""

    mail_from: str
    recipients: list[str]
    raw: bytes


@dataclass
class Server:
    """An SMTP server whose behaviour at each step is a function of how often it was reached.

    `plan` maps a step to a list of what to do on its first, second, … occasion: a reply, `CLOSE`
    or `HANG` (at `body` it then closes). Afterwards, and for steps not named, it behaves. At
    `dot` it owns the mail before it does anything else, unless it replies 4xx or 5xx.
    """

    plan: dict[str, list[str]] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    connections: int = 0
    broke_off: asyncio.Event = field(default_factory=asyncio.Event)  # a planned deed at `body`
    _server: asyncio.Server | None = None
    _sessions: set["asyncio.Task[None]"] = field(default_factory=set)

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self, tls: ssl.SSLContext | None = None) -> "Server":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        return self

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for session in self._sessions:
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)
        await self._server.wait_closed()

    async def __aenter__(self) -> "Server":
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _next(self, step: str) -> str:
        planned = self.plan.get(step)
        return planned.pop(0) if planned else _USUAL.get(step, "")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._sessions.add(task)
        self.connections += 1
        try:
            await _Session(self, reader, writer).run()
        except (_Closed, ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            pass  # the server is being stopped
        finally:
            self._sessions.discard(task)
            writer.close()


class _Closed(Exception):
    pass


class _Session:
    def __init__(
        self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._mail = Received("", [], b"")

    async def run(self) -> None:
        await self._do(self._server._next("greeting"))
        while line := (await self._reader.readline()).decode():
            self._server.commands.append(line.strip())
            await self._obey(line.strip())

    async def _obey(self, line: str) -> None:
        verb = line.split(" ")[0].upper()
        if verb == "QUIT":
            await self._do("221 bye")
            raise _Closed
        if verb == "RSET":
            return await self._do("250 reset")
        if verb == "MAIL":
            self._mail = Received(_address(line), [], b"")
        reply = self._server._next(verb.lower())
        if verb == "RCPT" and reply.startswith("2"):
            self._mail.recipients.append(_address(line))
        await self._do(reply)
        if verb == "DATA" and reply.startswith("3"):
            await self._take_body()

    async def _take_body(self) -> None:
        first = await self._reader.readline()
        if planned := self._server._next("body"):
            self._server.broke_off.set()
            await self._do(planned)
            raise _Closed
        lines = [first]
        while lines[-1] != b".\r\n":
            lines.append(await self._reader.readuntil(b"\r\n"))
        self._mail.raw = b"".join(
            line[1:] if line.startswith(b".") else line for line in lines[:-1]
        )
        reply = self._server._next("dot")
        if not reply.startswith(("4", "5")):
            self._server.received.append(self._mail)
        await self._do(reply)

    async def _do(self, deed: str) -> None:
        if deed == CLOSE:
            raise _Closed
        if deed == HANG:
            await asyncio.Event().wait()
        self._writer.write(deed.encode() + b"\r\n")
        await self._writer.drain()


def _address(line: str) -> str:
    return line[line.index("<") + 1 : line.index(">")]


@dataclass
class FakeMailer:
    """A mailer in memory: `replies` are its reports in order, then every mail is taken."""

    replies: list[Report] = field(default_factory=list)
    sent: list[tuple[str, bytes]] = field(default_factory=list)
    before_mark: Callable[[], Awaitable[None]] | None = None
    closed: bool = False

    async def send(
        self,
        mail_from: str,
        recipient: str,
        raw: bytes,
        mark_sending: Callable[[], Awaitable[bool]],
    ) -> Report:
        report = self.replies.pop(0) if self.replies else Report(phase=Phase.DONE, code=250)
        if report.phase not in (Phase.DOT, Phase.DONE):
            return report
        if self.before_mark is not None:
            await self.before_mark()
        if not await mark_sending():
            return Report(phase=Phase.BODY, reply="the claim was lost")
        self.sent.append((recipient, raw))
        return report

    async def close(self) -> None:
        self.closed = True
