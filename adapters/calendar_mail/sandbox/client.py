"""Reading mail where it can do no harm: a limited process per mail, plain data back."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from pydantic import ValidationError

from adapters.calendar_mail.sandbox import limits, protocol
from domain.errors import Unavailable
from domain.inbox.model import Reading, Verdict

_ROOT = Path(__file__).resolve().parents[3]
_SERVER = "adapters.calendar_mail.sandbox.server"
_NO_SERVER = "The reading process cannot be kept running."
_NO_CHILD = "The reading process cannot start a child."


class _End(NamedTuple):
    """What a child said, and how it ended (`protocol.REPORT`)."""

    answer: bytes
    status: int


class _NoServer(Exception):
    """The server is gone, hung, or cannot be started."""


class _NoAnswer(Exception):
    """The child ended in a way that need not be the mail's doing; says which."""


class Sandbox:
    """Reads mail in children of a preloaded fork server; satisfies `activities.ports.MailReader`.

    Use as an async context manager. At most `size` mails are read at once. A child has 512 MB,
    5 s of processor time and 10 s. Using up memory or processor time makes a mail `unreadable`
    at once. A child that ends otherwise without an answer may have been killed or held up by
    others, and a server that ends never saw the mail: the mail is read again after each of
    `pauses` (seconds). Then it is `unreadable` if its child ended so every time; a server that
    cannot be kept running is no mail's fault and raises `Unavailable`.
    """

    def __init__(self, size: int = 2, *, pauses: Sequence[float] = (0.5, 5.0)) -> None:
        self._slots = asyncio.Semaphore(size)
        self._pauses = pauses
        self._server: _Server | None = None

    async def __aenter__(self) -> Self:
        with contextlib.suppress(_NoServer):  # a reading starts it, or says that it cannot
            self._running()
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
        """What `raw` says; never raises for anything the bytes may hold. Raises `Unavailable`
        when nothing can be read now."""
        return await self._read(raw, protocol.AS_MAIL)

    async def read_calendar(self, raw: bytes) -> Reading:
        """As `read`, for a calendar object in a file of its own."""
        return await self._read(raw, protocol.AS_CALENDAR)

    async def _read(self, raw: bytes, kind: bytes) -> Reading:
        answered = True
        for pause in (0.0, *self._pauses):
            await asyncio.sleep(pause)
            try:
                async with self._slots:
                    return _reading(await self._ask(raw[: limits.MAIL_BYTES], kind))
            except _NoServer:
                answered = False
            except _NoAnswer as end:
                why = str(end)
        if not answered:
            raise Unavailable(_NO_SERVER)
        return _unreadable(why)

    async def _ask(self, raw: bytes, kind: bytes) -> _End:
        server = self._running()
        try:
            return await server.ask(raw, kind)
        except (OSError, TimeoutError) as fault:
            server.kill()  # it is gone or hung, and other readings may have ended it too
            raise _NoServer from fault

    def _running(self) -> "_Server":
        """The server, started anew if it died."""
        if self._server is None or not self._server.is_alive():
            if self._server is not None:
                self._server.kill()
            try:
                self._server = _Server()
            except OSError as fault:
                self._server = None
                raise _NoServer from fault
        return self._server


class _Server:
    """One fork server process and the socket it listens on."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = _started(theirs.fileno())
            except BaseException:
                self._control.close()
                raise

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

    async def ask(self, raw: bytes, kind: bytes) -> _End:
        """What a child made of `raw`. Raises `OSError` when the server is gone, `TimeoutError`
        when nothing ends although the child's own alarm must have gone off."""
        ours, wall = socket.socketpair()
        told, report = socket.socketpair()
        with ours, told:
            with wall, report:
                socket.send_fds(self._control, [kind], [wall.fileno(), report.fileno()])
            ours.setblocking(False)
            told.setblocking(False)
            async with asyncio.timeout(limits.PATIENCE_SECONDS):
                answer = await _exchanged(ours, raw)
                return _End(answer, await _reported(told))


def _started(control: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", _SERVER, str(control)],
        pass_fds=[control],
        cwd=_ROOT,
        env={"PYTHONUTF8": "1"},  # what opens hostile bytes gets none of our secrets
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


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
                wall.close()  # or the child would wait until its alarm to say more
                break
    return bytes(answer)


async def _reported(told: socket.socket) -> int:
    """How the child ended. Raises `ConnectionError` when the server ends without a word."""
    loop = asyncio.get_running_loop()
    report = b""
    while len(report) < protocol.REPORT.size:
        piece = await loop.sock_recv(told, protocol.REPORT.size)
        if not piece:
            raise ConnectionResetError
        report += piece
    status: int = protocol.REPORT.unpack(report)[0]
    return status


def _reading(end: _End) -> Reading:
    """The reading, or the verdict on a mail that costs too much.

    Raises `_NoAnswer` when the end need not be the mail's doing (the kernel's out-of-memory
    killer, an operator, a machine that stood still), `Unavailable` when there was no child.
    """
    if end.status == protocol.NOT_FORKED:
        raise Unavailable(_NO_CHILD)
    code = os.waitstatus_to_exitcode(end.status)
    if code == -signal.SIGXCPU:
        return _unreadable("reading it took too much time")
    if code == protocol.OUT_OF_MEMORY:
        return _unreadable("reading it took too much memory")
    if code == -signal.SIGALRM:
        raise _NoAnswer("reading it did not end in time")
    if code != 0 or not end.answer:
        raise _NoAnswer(f"the process that read it ended without an answer ({code})")
    try:
        return Reading.model_validate_json(end.answer)
    except ValidationError:
        return _unreadable("the reading process gave no sound answer")


def _unreadable(why: str) -> Reading:
    return Reading(verdict=Verdict.UNREADABLE, problems=(why,))
