"""An SMTP server inside this event loop: bounded, patient with senders, permanent about nothing
that is its own fault."""

import asyncio
import logging
from contextlib import suppress
from typing import Any, Protocol

from aiosmtpd.smtp import SMTP, Envelope, Session

SIZE_LIMIT = 2 * 1024 * 1024
"""Octets of one mail."""

LINE_LIMIT = 512 * 1024
"""Octets of one line. RFC 5322 allows 998, but a longer one is no reason to lose an answer."""

OWN_FAULT = "451 4.3.0 Temporary failure here; please try again later"
_BUSY = b"421 4.3.2 Too many connections; please try again later\r\n"
_log = logging.getLogger(__name__)


class MailHandler(Protocol):
    """Decides about recipients and mails. Whatever it raises is answered 451."""

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str: ...

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str: ...


class SmtpListener:
    """Listens on `host:port` (0: any free port) and speaks SMTP for `handler`."""

    def __init__(
        self, handler: MailHandler, *, hostname: str, host: str, port: int, connections: int = 64
    ) -> None:
        self._handler = _Guarded(handler)
        self._hostname = hostname
        self._address = host, port
        self._connections = connections
        self._sessions: set[_Session] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port in use. Raises `RuntimeError` before `start`."""
        if self._server is None:
            raise RuntimeError("The listener has not been started.")
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Begin to listen. Raises `OSError` when the port is taken."""
        # The library logs addresses, and ours carry tokens.
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._answer_call, *self._address)

    async def stop(self, patience: float = 20.0) -> None:
        """Refuse new connections, let mails in hand be finished for `patience` seconds, end the
        rest: their senders were not told yes and will try again."""
        if self._server is None:
            return
        self._server.close()
        await self._handler.at_rest(patience)
        for session in list(self._sessions):
            session.hang_up()
        await self._server.wait_closed()
        self._server = None

    def _answer_call(self) -> asyncio.Protocol:
        if len(self._sessions) >= self._connections:
            return _Busy()
        return _Session(self._handler, self._sessions, self._hostname)


class _Session(SMTP):
    line_length_limit = LINE_LIMIT

    def __init__(self, handler: "_Guarded", sessions: "set[_Session]", hostname: str) -> None:
        super().__init__(
            handler,
            data_size_limit=SIZE_LIMIT,
            enable_SMTPUTF8=True,
            hostname=hostname,  # otherwise looked up in the DNS, blocking, for each connection
            ident="Parley",
            loop=asyncio.get_running_loop(),
        )
        self._all = sessions

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._all.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._all.discard(self)
        super().connection_lost(error)

    def hang_up(self) -> None:
        if self.transport is not None:
            self.transport.close()


class _Busy(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(_BUSY)
        transport.close()


class _Guarded:
    """A handler whose faults are temporary. Without `handle_exception` the library would answer
    500 with the exception's text, and the sender would give up and bounce."""

    def __init__(self, handler: MailHandler) -> None:
        self._handler = handler
        self._in_hand = 0
        self._rests = asyncio.Event()
        self._rests.set()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        return await self._handler.handle_RCPT(server, session, envelope, address, options)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self._in_hand += 1
        self._rests.clear()
        try:
            return await self._handler.handle_DATA(server, session, envelope)
        finally:
            self._in_hand -= 1
            if not self._in_hand:
                self._rests.set()

    async def handle_exception(self, error: Exception) -> str:
        # The type alone: the text of a database error may quote the mail.
        _log.error("smtp: answered 451 because of %s", type(error).__name__)
        return OWN_FAULT

    async def at_rest(self, patience: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._rests.wait(), patience)


def sender_of(envelope: Envelope) -> str:
    """The envelope sender, '' for the null path (the library says '<>')."""
    sender: Any = envelope.mail_from
    return "" if sender in (None, "<>") else str(sender)


def content_of(envelope: Envelope) -> bytes:
    """The mail as it came over the line."""
    content: Any = envelope.original_content
    return bytes(content or b"")
