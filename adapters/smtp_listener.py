"""An SMTP or LMTP server inside this event loop: bounded, patient with senders, permanent about
nothing that is its own fault."""

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any, AnyStr, Protocol

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from domain.inbox.acceptance import SIZE_LIMIT

LINE_LIMIT = 512 * 1024
"""Octets of one line. RFC 5322 allows 998, but a longer one is no reason to lose an answer."""

MAIL_WITHIN = 60.0
"""Seconds a client may take to begin a mail, from its connection or its last mail. RFC 5321
§4.5.3.2.7 wants five minutes, which hold while a mail is under way; whoever has none takes the
place of those who have."""

OWN_FAULT = "451 4.3.0 Temporary failure here; please try again later"
_BUSY = b"421 4.3.2 Too many connections; please try again later\r\n"
_SILENT = b"421 4.4.2 No mail came for too long; please try again later\r\n"
_log = logging.getLogger(__name__)


class MailHandler(Protocol):
    """Decides about recipients and mails. Whatever it raises is answered 451."""

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str: ...

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str: ...


class SmtpListener:
    """Listens on `host:port` (0: any free port) and speaks SMTP, or LMTP, for `handler`. A `host`
    that begins with a slash is the path of a Unix socket.

    Of `connections` at once, one peer gets a quarter (see `counted_peer`).
    """

    def __init__(
        self,
        handler: MailHandler,
        *,
        hostname: str,
        host: str,
        port: int,
        connections: int = 64,
        mail_within: float = MAIL_WITHIN,
        speaks_lmtp: bool = False,
    ) -> None:
        self._handler = _Guarded(handler)
        self._session_type = _LmtpSession if speaks_lmtp else _Session
        self._hostname = hostname
        self._address = host, port
        self._connections = connections
        self._per_peer = max(1, connections // 4)
        self._mail_within = mail_within
        self._sessions: dict[_Session, str | None] = {}
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port in use, 0 for a Unix socket. Raises `RuntimeError` before `start`."""
        if self._server is None:
            raise RuntimeError("The listener has not been started.")
        if self._is_local:
            return 0
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Begin to listen. Raises `OSError` when the port is taken."""
        # The library logs addresses, and ours carry tokens.
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        loop = asyncio.get_running_loop()
        host, port = self._address
        if self._is_local:
            self._server = await loop.create_unix_server(lambda: _Door(self._admit), host)
            os.chmod(host, 0o666)  # as open as a port of loopback: a border server is another user
        else:
            self._server = await loop.create_server(lambda: _Door(self._admit), host, port)

    @property
    def _is_local(self) -> bool:
        return self._address[0].startswith("/")

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

    def _admit(self, transport: asyncio.BaseTransport) -> SMTP | None:
        """A session for a new connection, None when there is no place for it."""
        name = transport.get_extra_info("peername")  # None when it has gone already
        peer = counted_peer(name[0]) if name else None
        held = Counter(self._sessions.values())
        if len(self._sessions) >= self._connections:
            return None
        if peer is not None and held[peer] >= self._per_peer:
            return None
        session = self._session_type(self._handler, self._hostname, self._mail_within, self._forget)
        self._sessions[session] = peer
        return session

    def _forget(self, session: "_Session") -> None:
        self._sessions.pop(session, None)


def counted_peer(address: str) -> str | None:
    """Under which name the connections of an IP address are counted: an IPv6 network of 64 bits
    is one peer, since its owner has all of it.

    None for loopback and private addresses, which are not: what comes from there is a relay or a
    forwarder of ours, which speaks for many, and must itself say how many it lets in.
    """
    ip = ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if not ip.is_global:
        return None
    return str(IPv6Network((ip, 64), strict=False) if isinstance(ip, IPv6Address) else ip)


class _Door(asyncio.Protocol):
    """Who calls is known once the connection is made; then the session takes over, if any."""

    def __init__(self, admit: Callable[[asyncio.BaseTransport], SMTP | None]) -> None:
        self._admit = admit

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        session = self._admit(transport)
        if session is None:
            transport.write(_BUSY)
            transport.close()
            return
        transport.set_protocol(session)
        session.connection_made(transport)


class _Session(SMTP):
    line_length_limit = LINE_LIMIT

    def __init__(
        self,
        handler: "_Guarded",
        hostname: str,
        mail_within: float,
        forget: "Callable[[_Session], None]",
    ) -> None:
        super().__init__(
            handler,
            data_size_limit=SIZE_LIMIT,
            enable_SMTPUTF8=True,
            hostname=hostname,  # otherwise looked up in the DNS, blocking, for each connection
            ident="Parley",
            loop=asyncio.get_running_loop(),
        )
        self._mail_within = mail_within
        self._forget = forget
        self._silence: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._await_mail()

    def connection_lost(self, error: Exception | None) -> None:
        self._forget(self)
        self._stop_waiting()
        super().connection_lost(error)

    async def smtp_MAIL(self, arg: str | None) -> None:
        await super().smtp_MAIL(arg)
        if self.envelope is not None and self.envelope.mail_from is not None:
            self._stop_waiting()

    async def smtp_DATA(self, arg: str) -> None:
        try:
            await super().smtp_DATA(arg)
        except Exception:
            # The library forgets a mail after an answer, not after a fault: the next one on this
            # connection would be refused, or go to this one's recipients (RFC 5321 §4.1.1.4).
            self._set_rset_state()  # type: ignore[no-untyped-call]  # the library has no types
            self._await_mail()
            raise
        if self.envelope is not None and self.envelope.mail_from is None:
            self._await_mail()

    def _await_mail(self) -> None:
        """Nothing but MAIL counts: whoever says NOOP for ever says nothing."""
        self._stop_waiting()
        self._silence = self.loop.call_later(self._mail_within, self._end_silence)

    def _stop_waiting(self) -> None:
        if self._silence is not None:
            self._silence.cancel()

    def _end_silence(self) -> None:
        if isinstance(self.transport, asyncio.Transport):
            self.transport.write(_SILENT)
        self.hang_up()

    def hang_up(self) -> None:
        if self.transport is not None:
            self.transport.close()


class _LmtpSession(_Session, LMTP):
    """The library answers a mail once; LMTP wants an answer for each recipient (RFC 2033 §4.2),
    also where the mail was too large or our fault kept it out."""

    _owed = 0

    async def push(self, status: AnyStr) -> None:
        text = status.decode() if isinstance(status, bytes) else status
        if text.startswith("354") and self.envelope is not None:
            self._owed = len(self.envelope.rcpt_tos)
        elif self._owed:
            text = text if "\r\n" in text else "\r\n".join([text] * self._owed)
            self._owed = 0
        await super().push(text)


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
