"""Sending one mail over SMTP, and knowing how far it got.

The client library raises the same exception before and after the final dot, so the last part of
the conversation is led here: the body is written, the caller's mark is awaited, then the dot.
"""

import asyncio
import re
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from aiosmtplib import SMTP, SMTPException, SMTPHeloError, SMTPResponse, SMTPResponseException
from aiosmtplib.protocol import SMTPProtocol

from domain.errors import BadAddress
from domain.outbox.model import Phase, Report
from domain.values import as_address, scrubbed

MarkSending = Callable[[], Awaitable[bool]]
"""Commits that the final dot is about to be written; False when the right to send is lost."""

_IDLE_FOR = 30.0
_QUIT_FOR = 2.0
_REPLY_LIMIT = 500
_BARE_BREAKS = re.compile(rb"\r\n|\r|\n")
_LEADING_DOT = re.compile(rb"(?m)^\.")
_FAULTS = (SMTPException, OSError, TimeoutError, EOFError)


@dataclass(frozen=True)
class Relay:
    """The server that takes our mail. Timeouts are in seconds; `dot_timeout` is how long its
    reply to the final dot may take (RFC 5321 §4.5.3.2.6 asks for ten minutes: an impatient
    sender makes messages uncertain)."""

    host: str
    port: int
    security: Literal["none", "starttls", "tls"] = "none"
    username: str = ""
    password: str = field(default="", repr=False)
    local_name: str = "localhost"
    timeout: float = 60.0
    dot_timeout: float = 600.0
    tls_context: ssl.SSLContext | None = None


@dataclass
class _Line:
    """An open connection, and when it was last used (monotonic seconds; 0: never yet)."""

    client: SMTP
    used_at: float = 0.0

    @property
    def is_usable(self) -> bool:
        return self.client.is_connected and time.monotonic() - self.used_at < _IDLE_FOR


class SmtpMailer:
    """Sends mails over kept connections, one per concurrent call of `send`."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._idle: list[_Line] = []

    async def send(
        self, mail_from: str, recipient: str, raw: bytes, mark_sending: MarkSending
    ) -> Report:
        """Send `raw` to one recipient and say how far it got.

        `mark_sending` is awaited when everything but the final dot has been written. When it
        gives False, or raises, the connection is cut and the server has nothing.
        Never raises for anything the server does or fails to do.
        """
        try:
            envelope = as_address(mail_from) if mail_from else "", as_address(recipient)
        except BadAddress as refusal:
            return Report(phase=Phase.RCPT, code=553, reply=str(refusal))
        kept = self._take()
        if kept is not None:
            report = await self._converse(kept, envelope, raw, mark_sending)
            if not _was_stale(report):
                return report
        return await self._converse_anew(envelope, raw, mark_sending)

    async def close(self) -> None:
        """Take leave of the server on every idle connection."""
        while self._idle:
            client = self._idle.pop().client
            with suppress(*_FAULTS):
                await client.quit(timeout=_QUIT_FOR)
            client.close()

    def _take(self) -> _Line | None:
        while self._idle:
            line = self._idle.pop()
            if line.is_usable:
                return line
            line.client.close()
        return None

    async def _converse_anew(
        self, envelope: tuple[str, str], raw: bytes, mark_sending: MarkSending
    ) -> Report:
        try:
            line = _Line(await self._connect())
        except SMTPResponseException as refusal:
            return _report(Phase.CONNECT, refusal.code, refusal.message)
        except _FAULTS as fault:
            return _report(Phase.CONNECT, None, _words(fault))
        return await self._converse(line, envelope, raw, mark_sending)

    async def _connect(self) -> SMTP:
        relay = self._relay
        client = SMTP(
            hostname=relay.host,
            port=relay.port,
            username=relay.username or None,
            password=relay.password or None,
            local_hostname=relay.local_name,
            timeout=relay.timeout,
            use_tls=relay.security == "tls",
            start_tls=relay.security == "starttls",
            tls_context=relay.tls_context,
        )
        await client.connect()
        try:
            await _say_hello(client)
        except BaseException:
            client.close()
            raise
        return client

    async def _converse(
        self, line: _Line, envelope: tuple[str, str], raw: bytes, mark_sending: MarkSending
    ) -> Report:
        """One mail over `line`, which is kept afterwards if the server is in a known state."""
        talk = _Talk(line.client, self._relay.dot_timeout)
        is_in_order = False
        try:
            report = await talk.deliver(envelope, raw, mark_sending)
            is_in_order = await talk.is_reusable(report)
        except _FAULTS as fault:
            report = _report(talk.phase, None, _words(fault))
        finally:
            if not is_in_order:
                line.client.close()
        if is_in_order:
            line.used_at = time.monotonic()
            self._idle.append(line)
        return report


class _Talk:
    """One mail's conversation; `phase` is how far it got, whatever is raised."""

    def __init__(self, client: SMTP, dot_timeout: float) -> None:
        self.phase = Phase.MAIL
        self._client = client
        self._dot_timeout = dot_timeout

    async def deliver(
        self, envelope: tuple[str, str], raw: bytes, mark_sending: MarkSending
    ) -> Report:
        steps = (
            (Phase.MAIL, (b"MAIL", *self._mail_arguments(envelope[0], raw)), (250,)),
            (Phase.RCPT, (b"RCPT", b"TO:<%s>" % envelope[1].encode()), (250, 251)),
            (Phase.DATA, (b"DATA",), (354,)),
        )
        for self.phase, command, wanted in steps:
            reply = await self._client.execute_command(*command)
            if reply.code not in wanted:
                return _report(self.phase, reply.code, reply.message)
        self.phase = Phase.BODY
        return await self._hand_over(on_the_wire(raw), mark_sending)

    async def is_reusable(self, report: Report) -> bool:
        """Whether the connection can carry another mail; a refused one is reset first."""
        if report.phase is Phase.DONE:
            return self._client.is_connected and report.code != 421
        if report.phase is Phase.BODY or not self._client.is_connected:
            return False
        with suppress(*_FAULTS):
            return (await self._client.rset()).code == 250
        return False

    def _mail_arguments(self, sender: str, raw: bytes) -> tuple[bytes, ...]:
        address = b"FROM:<%s>" % sender.encode()
        if raw.isascii() or not self._client.supports_extension("8bitmime"):
            return (address,)
        return address, b"BODY=8BITMIME"

    async def _hand_over(self, body: bytes, mark_sending: MarkSending) -> Report:
        protocol = self._client.protocol
        if protocol is None:
            return _report(Phase.BODY, None, "the connection was lost")
        # Listening starts before the body, so that a reply to half a mail is not missed.
        listening = asyncio.ensure_future(protocol.read_response(timeout=self._dot_timeout))
        try:
            return await self._finish(protocol, body, listening, mark_sending)
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError, *_FAULTS):
                await listening

    async def _finish(
        self,
        protocol: SMTPProtocol,
        body: bytes,
        listening: "asyncio.Future[SMTPResponse]",
        mark_sending: MarkSending,
    ) -> Report:
        protocol.write(body)
        if not await mark_sending():
            return _report(Phase.BODY, None, "the claim was lost before the final dot")
        if not listening.done():
            protocol.write(b".\r\n")  # raises, with nothing written, when the line is closed
            self.phase = Phase.DOT
        reply = await listening
        if self.phase is Phase.DOT:
            self.phase = Phase.DONE
        return _report(self.phase, reply.code, reply.message)


def on_the_wire(raw: bytes) -> bytes:
    """`raw` as DATA carries it, without the final dot: CRLF lines, leading dots doubled
    (RFC 5321 §4.5.2)."""
    lines = _BARE_BREAKS.sub(b"\r\n", raw)
    if not lines.endswith(b"\r\n"):
        lines += b"\r\n"
    return _LEADING_DOT.sub(b"..", lines)


async def _say_hello(client: SMTP) -> None:
    if not client.is_ehlo_or_helo_needed:
        return
    try:
        await client.ehlo()
    except SMTPHeloError:
        if not client.is_connected:  # a 421 ends the conversation
            raise
        await client.helo()


def _was_stale(report: Report) -> bool:
    """Whether a kept connection had ended meanwhile: servers close idle ones, some with a 421."""
    return report.phase is Phase.MAIL and report.code in (None, 421)


def _report(phase: Phase, code: int | None, reply: str) -> Report:
    return Report(phase=phase, code=code, reply=scrubbed(reply, limit=_REPLY_LIMIT))


def _words(fault: BaseException) -> str:
    return f"{type(fault).__name__}: {fault}"
