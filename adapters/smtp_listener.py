"""An SMTP or LMTP server inside this event loop: bounded, patient with senders, permanent about
nothing that is its own fault."""

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Callable
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope

from adapters.smtp_session import BOUNDS, Bounds, Guarded, LmtpSession, MailHandler, MailSession

_BUSY = b"421 4.3.2 Too many connections; please try again later\r\n"


class SmtpListener:
    """Listens on `host:port` (0: any free port) and speaks SMTP, or LMTP, for `handler`. A `host`
    that begins with a slash is the path of a Unix socket.

    Of `connections` at once, one peer gets a quarter (see `counted_peer`), each within `bounds`.
    """

    def __init__(
        self,
        handler: MailHandler,
        *,
        hostname: str,
        host: str,
        port: int,
        connections: int = 64,
        bounds: Bounds = BOUNDS,
        speaks_lmtp: bool = False,
    ) -> None:
        self._handler = Guarded(handler)
        self._session_type = LmtpSession if speaks_lmtp else MailSession
        self._hostname = hostname
        self._address = host, port
        self._connections = connections
        self._per_peer = max(1, connections // 4)
        self._bounds = bounds
        self._sessions: dict[MailSession, str | None] = {}
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
        session = self._session_type(self._handler, self._hostname, self._bounds, self._forget)
        self._sessions[session] = peer
        return session

    def _forget(self, session: MailSession) -> None:
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


def sender_of(envelope: Envelope) -> str:
    """The envelope sender, '' for the null path (the library says '<>')."""
    sender: Any = envelope.mail_from
    return "" if sender in (None, "<>") else str(sender)


def content_of(envelope: Envelope) -> bytes:
    """The mail as it came over the line."""
    content: Any = envelope.original_content
    return bytes(content or b"")
