"""Reading mail where it can do no harm: a limited process per mail, plain data back."""

import asyncio
import contextlib
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from adapters.calendar_mail.sandbox import limits, protocol
from domain.inbox.model import Reading, Verdict

_ROOT = Path(__file__).resolve().parents[3]
_ATTEMPTS = 3
_SERVER = "adapters.calendar_mail.sandbox.server"


class _Hung(Exception):
    """Nothing came back although the child's own alarm must have gone off."""


class Sandbox:
    """Reads mail in children of a preloaded fork server; satisfies `activities.ports.MailReader`.

    Use as an async context manager. At most `size` mails are read at once. A child has 512 MB,
    5 s of processor time and 10 s; one that dies or runs out gives an `unreadable` reading. If
    the server itself dies it is started again and the mail is read once more, so that only a
    mail's own doing counts against it (at most three times).
    """

    def __init__(self, size: int = 2) -> None:
        self._slots = asyncio.Semaphore(size)
        self._server: _Server | None = None

    async def __aenter__(self) -> Self:
        self._server = _Server()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            await asyncio.to_thread(self._server.stop)
            self._server = None

    async def read(self, raw: bytes) -> Reading:
        """What `raw` says; never raises for anything the bytes may hold."""
        return await self._read(raw, protocol.AS_MAIL)

    async def read_calendar(self, raw: bytes) -> Reading:
        """As `read`, for a calendar object in a file of its own."""
        return await self._read(raw, protocol.AS_CALENDAR)

    async def _read(self, raw: bytes, kind: bytes) -> Reading:
        async with self._slots:
            for _ in range(_ATTEMPTS):
                server = self._running()
                try:
                    answer = await server.ask(raw[: limits.MAIL_BYTES], kind)
                    if answer or await server.is_serving():
                        return _reading(answer)
                except (OSError, _Hung):
                    pass
                server.kill()  # it is gone or hung, and other readings may have ended it too
            return _unreadable("the reading process could not be kept running")

    def _running(self) -> "_Server":
        """The server, started anew if it died."""
        if self._server is None or not self._server.is_alive():
            if self._server is not None:
                self._server.kill()
            self._server = _Server()
        return self._server


class _Server:
    """One fork server process and the socket it listens on."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", _SERVER, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=_ROOT,
                env={"PYTHONUTF8": "1"},  # what opens hostile bytes gets none of our secrets
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._control = ours

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """End the process at once; its children die with it."""
        self._control.close()
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Let the process end by itself, since nobody asks any more."""
        self._control.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()

    async def is_serving(self) -> bool:
        """Whether the server itself answers. Its process table entry may outlive its sockets,
        so only an answer tells a child that died from a server that did. Raises as `ask`."""
        return await self.ask(b"", protocol.PING) == protocol.PONG

    async def ask(self, raw: bytes, kind: bytes) -> bytes:
        """What a child made of `raw`; empty when it died. Raises OSError when the server is
        gone and `_Hung` when nothing ends."""
        ours, theirs = socket.socketpair()
        with ours:
            ours.setblocking(False)
            with theirs:
                socket.send_fds(self._control, [kind], [theirs.fileno()])
            try:
                async with asyncio.timeout(limits.PATIENCE_SECONDS):
                    return await _exchanged(ours, raw)
            except TimeoutError:
                raise _Hung from None


async def _exchanged(wall: socket.socket, raw: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    answer = bytearray()
    with contextlib.suppress(ConnectionError):  # a child that died early reads no further
        await loop.sock_sendall(wall, raw)
        wall.shutdown(socket.SHUT_WR)
    with contextlib.suppress(ConnectionError):
        while piece := await loop.sock_recv(wall, 1 << 16):
            answer += piece
            if len(answer) > limits.RESULT_BYTES:
                return b""
    return bytes(answer)


def _reading(answer: bytes) -> Reading:
    if not answer:
        return _unreadable("reading it took too much time or memory")
    try:
        return Reading.model_validate_json(answer)
    except ValidationError:
        return _unreadable("the reading process gave no sound answer")


def _unreadable(why: str) -> Reading:
    return Reading(verdict=Verdict.UNREADABLE, problems=(why,))
