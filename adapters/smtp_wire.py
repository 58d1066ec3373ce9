"""The replies of one SMTP connection, each once and in order.

The client library pairs a reply with a command by arrival, so a reply too many (two lines in one
packet are enough) would be taken for the answer to the final dot. Here every reply is counted
against what was asked, which is also what allows several commands at once (RFC 2920).
"""

import asyncio
import re
from collections import deque
from typing import NamedTuple

from adapters.transcript import Transcript

REPLY_LIMIT = 32 * 1024
"""Octets of a reply; more than any real one, so that a server cannot fill our memory."""

_UNREAD_LIMIT = 8  # replies; no more than three are ever due
_LINE = re.compile(rb"([2-5][0-9]{2})([ -]?)(.*)", re.DOTALL)


class Reply(NamedTuple):
    code: int
    text: str


class WireLost(ConnectionError):
    """The connection ended."""


class Garbled(ConnectionError):
    """What the server said is no SMTP reply (RFC 5321 §4.2)."""


class Wire(asyncio.Protocol):
    """What a connection says once it has been opened; takes it over with `take_over`."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._lines: list[Reply] = []  # of a reply whose last line has not come yet
        self._replies: deque[Reply] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._fault: Exception | None = None
        self._is_full = False
        self._transcript: Transcript | None = None

    @classmethod
    def take_over(
        cls, transport: asyncio.Transport, transcript: Transcript | None = None
    ) -> "Wire":
        """From here on the replies on `transport` are this object's; earlier ones are dropped."""
        wire = cls()
        wire._transcript = transcript
        wire._transport = transport
        transport.set_protocol(wire)
        if transport.is_closing():
            wire._fault = WireLost("the connection was lost")
        return wire

    @property
    def is_quiet(self) -> bool:
        """Whether the line is up and has said nothing that was not read."""
        return self._fault is None and not self._replies and not self._buffer and not self._lines

    def write(self, data: bytes) -> None:
        """Raises `WireLost` or `Garbled`, with nothing written, when the line is unusable."""
        if self._fault is not None:
            raise self._fault
        if self._transport is None or self._transport.is_closing():  # would be dropped unsaid
            raise WireLost("the connection was lost")
        self._transport.write(data)
        if self._transcript is not None:
            self._transcript.sent(data)

    async def reply(self, timeout: float) -> Reply:
        """The next reply. Raises `WireLost`, `Garbled`, or `TimeoutError` after that long."""
        deadline = asyncio.get_running_loop().time() + timeout
        while not self._replies:
            if self._fault is not None:
                raise self._fault
            await self._news(deadline, f"no reply for {timeout:g} seconds")
        return self._replies.popleft()

    async def drained(self, timeout: float) -> None:
        """Wait until what was written is on its way, or the server says something. Raises
        `WireLost` or `TimeoutError`."""
        deadline = asyncio.get_running_loop().time() + timeout
        while self._is_full and not self._replies:
            if self._fault is not None:
                raise self._fault
            await self._news(deadline, f"the server did not read for {timeout:g} seconds")

    def cut(self) -> None:
        """End the connection at once; what has not left yet does not leave."""
        if self._transport is not None:
            self._transport.abort()

    def hang_up(self) -> None:
        """End the connection when what was written has left."""
        if self._transport is not None:
            self._transport.close()

    async def _news(self, deadline: float, what: str) -> None:
        """The deadline is one for all news: a server cannot draw it out octet by octet."""
        loop = asyncio.get_running_loop()
        self._waiter = waiter = loop.create_future()
        timer = loop.call_at(deadline, _give_up, waiter, what)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def data_received(self, data: bytes) -> None:
        if self._fault is not None:
            return
        self._buffer += data
        try:
            self._read_lines()
        except Garbled as fault:
            self._end(fault)
            self.cut()
        self._wake()

    def _read_lines(self) -> None:
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end]).rstrip(b"\r")
            del self._buffer[: end + 1]
            self._check_length(len(line))
            self._read_line(line)
        self._check_length(len(self._buffer))

    def _check_length(self, more: int) -> None:
        """What came whole before it stays readable."""
        held = sum(len(line.text) for line in self._lines)
        if held + more > REPLY_LIMIT or len(self._replies) > _UNREAD_LIMIT:
            raise Garbled("a reply without an end")

    def _read_line(self, line: bytes) -> None:
        found = _LINE.fullmatch(line)
        if found is None:
            raise Garbled(f"not an SMTP reply: {line[:80].decode(errors='replace')}")
        code, more, text = int(found[1]), found[2] == b"-", found[3].decode(errors="replace")
        self._lines.append(Reply(code, text.strip()))
        if not more:
            words = "\n".join(one.text for one in self._lines)
            self._lines.clear()
            self._replies.append(Reply(code, words))
            if self._transcript is not None:
                self._transcript.heard(code, words)

    def eof_received(self) -> bool:
        self._end(WireLost("the server closed the connection"))
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._end(WireLost(f"the connection was lost: {error}" if error else "it was closed"))

    def _end(self, fault: Exception) -> None:
        self._fault = self._fault or fault
        self._wake()

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        self._wake()


def _give_up(waiter: "asyncio.Future[None]", words: str) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError(words))
