"""An SMTP server that misbehaves, by script or at random, and knows exactly which mails it has.

    python -m bench.peers.chaos --log taken.jsonl --chance dot-4xx=0.2 --chance rcpt-5xx=0.05

prints its port and serves until it is ended. Each mail it has is a line of the log before
anything is said about it, so the log is the truth even after kill -9 (of the server, not of the
machine). Names of faults: `bench.peers.faults`.
"""

import argparse
import asyncio
import base64
import contextlib
import os
import socket
import ssl
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from bench.peers.faults import Chances, Deed, Script, Step, Then
from bench.peers.taken import Taken

_OFFERS = ("PIPELINING", "8BITMIME", "SMTPUTF8")
_USUAL = {
    Step.GREETING: Deed("220 chaos.example ESMTP"),
    Step.HELO: Deed("250 chaos.example"),
    Step.STARTTLS: Deed("220 2.0.0 go ahead"),
    Step.MAIL: Deed("250 2.1.0 sender ok"),
    Step.RCPT: Deed("250 2.1.5 recipient ok"),
    Step.DATA: Deed("354 go ahead"),
    Step.DOT: Deed("250 2.0.0 queued"),
}
_FAULTS = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError)


class ChaosServer:
    """Serves on `host:port` (0: any free port).

    The first connections follow `scripts`, one each; what a script says nothing about, and later
    connections, have their faults by `chances`. `offers` are the extensions, to which STARTTLS is
    added when there is a `tls` context (TLS from the start: `implicit`), AUTH and the demand for
    it when there are `credentials`, SIZE when there is a `size` limit.
    """

    def __init__(
        self,
        *scripts: Script,
        chances: Mapping[str, float] | None = None,
        seed: int = 0,
        log: Path | None = None,
        offers: Sequence[str] = _OFFERS,
        size: int = 0,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        credentials: tuple[str, str] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.taken: list[Taken] = []
        self.commands: list[str] = []
        self.connections = 0
        self.broke_off = asyncio.Event()  # a deed was done while a body was on its way
        self.offers, self.size, self.tls, self.implicit = offers, size, tls, implicit
        self.credentials = credentials
        self._scripts = list(scripts)
        self._chances = Chances(chances or {}, seed)
        self._log = None if log is None else os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._address = host, port
        self._server: asyncio.Server | None = None
        self._sessions: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        return self._address[1]

    async def __aenter__(self) -> Self:
        tls = self.tls if self.implicit else None
        self._server = await asyncio.start_server(self._serve, *self._address, ssl=tls)
        self._address = self._server.sockets[0].getsockname()[:2]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for session in self._sessions:
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)
        await self._server.wait_closed()
        if self._log is not None:
            os.close(self._log)

    def take(self, mail: Taken) -> None:
        if self._log is not None:
            os.write(self._log, mail.as_line())
        self.taken.append(mail)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = self._scripts[self.connections] if self.connections < len(self._scripts) else {}
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._sessions.add(task)
        session = _Session(self, _Plan(script, self._chances), reader, writer)
        try:
            with contextlib.suppress(_Over, asyncio.CancelledError, *_FAULTS):
                await session.run()
        finally:
            self._sessions.discard(task)
            writer.close()


class _Over(Exception):
    """The connection is to be closed."""


class _Plan:
    def __init__(self, script: Script, chances: Chances) -> None:
        self._script = {step: list(deeds) for step, deeds in script.items()}
        self._chances = chances

    def at(self, step: Step) -> Deed | None:
        scripted = self._script.get(step)
        return scripted.pop(0) if scripted else self._chances.pick(step)


class _Session:
    def __init__(
        self,
        server: ChaosServer,
        plan: _Plan,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._server = server
        self._plan = plan
        self._reader = reader
        self._writer = writer
        self._is_secure = server.implicit
        self._is_known = server.credentials is None
        self._sender: tuple[str, str] | None = None
        self._recipients: list[str] = []

    async def run(self) -> None:
        await self._do(self._at(Step.GREETING))
        while line := await self._line():
            self._server.commands.append(line)
            verb, _, rest = line.partition(" ")
            await self._obey(verb.upper(), rest)

    async def _obey(self, verb: str, rest: str) -> None:
        match verb:
            case "EHLO" | "HELO" | "STARTTLS" | "AUTH" | "MAIL" | "RCPT" | "DATA":
                await getattr(self, f"_{verb.lower()}")(rest)
            case "QUIT":
                await self._do(Deed("221 2.0.0 bye", Then.CLOSE))
            case "RSET" | "NOOP":
                self._sender, self._recipients = None, []
                await self._say("250 2.0.0 ok")
            case _:
                await self._say("500 5.5.2 unknown command")

    async def _ehlo(self, _: str) -> None:
        offers = [*self._server.offers]
        if self._server.tls and not self._is_secure:
            offers.append("STARTTLS")
        if self._server.credentials:
            offers.append("AUTH PLAIN LOGIN")
        if self._server.size:
            offers.append(f"SIZE {self._server.size}")
        lines = ["chaos.example", *offers]
        usual = "\r\n".join(f"250-{line}" for line in lines[:-1])
        usual = f"{usual}\r\n250 {lines[-1]}".lstrip()
        await self._do(self._plan.at(Step.EHLO) or Deed(usual))

    async def _helo(self, _: str) -> None:
        await self._do(self._at(Step.HELO))

    async def _starttls(self, _: str) -> None:
        deed = self._at(Step.STARTTLS)
        await self._do(deed)
        if deed.reply.startswith("220") and self._server.tls:
            await self._writer.start_tls(self._server.tls)
            self._is_secure = True

    async def _auth(self, rest: str) -> None:
        method, _, initial = rest.partition(" ")
        if method.upper() == "PLAIN":
            _, name, password = base64.b64decode(initial).decode().split("\0")
        else:
            name = base64.b64decode(initial).decode() if initial else await self._ask("Username:")
            password = await self._ask("Password:")
        self._is_known = (name, password) == self._server.credentials
        usual = "235 2.7.0 welcome" if self._is_known else "535 5.7.8 wrong"
        await self._do(self._plan.at(Step.AUTH) or Deed(usual))

    async def _ask(self, question: str) -> str:
        await self._say("334 " + base64.b64encode(question.encode()).decode())
        return base64.b64decode(await self._line()).decode()

    async def _mail(self, rest: str) -> None:
        address, _, arguments = rest.partition(">")
        if not self._is_known:
            return await self._say("530 5.7.0 who are you?")
        deed = self._at(Step.MAIL)
        if deed.reply.startswith("2"):
            self._sender = address.partition("<")[2], arguments.strip()
        await self._do(deed)

    async def _rcpt(self, rest: str) -> None:
        deed = self._at(Step.RCPT)
        if self._sender is None:
            deed = Deed("503 5.5.1 MAIL first")
        elif deed.reply.startswith("2"):
            self._recipients.append(rest[rest.index("<") + 1 : rest.index(">")])
        await self._do(deed)

    async def _data(self, _: str) -> None:
        deed = self._plan.at(Step.DATA)
        if deed is None and not self._recipients:
            return await self._say("554 5.5.1 no valid recipients")
        deed = deed or _USUAL[Step.DATA]
        await self._do(deed)
        if deed.reply.startswith("354"):
            await self._body()

    async def _body(self) -> None:
        lines = [await self._reader.readuntil(b"\r\n")]
        if deed := self._plan.at(Step.BODY):
            self._server.broke_off.set()
            await self._do(deed)
        while lines[-1] != b".\r\n":
            lines.append(await self._reader.readuntil(b"\r\n"))
        raw = b"".join(line[1:] if line.startswith(b".") else line for line in lines[:-1])
        deed = self._at(Step.DOT)
        if deed.takes_mail and self._recipients:
            sender, arguments = self._sender or ("", "")
            whom = tuple(self._recipients)
            self._server.take(Taken.of(raw, sender, whom, arguments, deed.reply))
        self._sender, self._recipients = None, []
        await self._do(deed)
        if deed := self._plan.at(Step.IDLE):
            await self._do(deed)

    def _at(self, step: Step) -> Deed:
        return self._plan.at(step) or _USUAL[step]

    async def _line(self) -> str:
        return (await self._reader.readline()).decode(errors="replace").rstrip("\r\n")

    async def _do(self, deed: Deed) -> None:
        if deed.after:
            await asyncio.sleep(deed.after)
        if deed.reply:
            await self._say(deed.reply, drips=deed.drips)
        match deed.then:
            case Then.CLOSE:
                raise _Over
            case Then.RESET:
                _reset(self._writer)
                raise _Over
            case Then.HANG:
                await asyncio.Event().wait()

    async def _say(self, reply: str, *, drips: bool = False) -> None:
        said = reply.encode() + b"\r\n"
        for piece in (said[n : n + 1] for n in range(len(said))) if drips else (said,):
            self._writer.write(piece)
            await self._writer.drain()
            await asyncio.sleep(0)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close without taking leave: with no time to linger, TCP sends RST."""
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _run(arguments: argparse.Namespace) -> None:
    chances = dict(_chance(one) for one in arguments.chance)
    server = ChaosServer(
        chances=chances, seed=arguments.seed, log=arguments.log, port=arguments.port
    )
    async with server:
        print(server.port, flush=True)
        await asyncio.Event().wait()


def _chance(text: str) -> tuple[str, float]:
    name, _, chance = text.partition("=")
    return name, float(chance)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="An SMTP server that misbehaves.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--chance", action="append", default=[], metavar="FAULT=PROBABILITY")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(parser.parse_args()))
