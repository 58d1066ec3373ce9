"""One SMTP or LMTP connection: bounded in time and talk, and permanent about no fault of ours."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import AnyStr, Protocol

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from domain.inbox.acceptance import SIZE_LIMIT

LINE_LIMIT = 512 * 1024
"""Octets of one line. RFC 5322 allows 998, but a longer one is no reason to lose an answer."""

OWN_FAULT = "451 4.3.0 Temporary failure here; please try again later"

_SILENT = b"421 4.4.2 No mail came for too long; please try again later\r\n"
_TOO_MUCH_TALK = b"421 4.7.0 Too many commands without a mail; please try again later\r\n"
_TOO_MANY_ERRORS = b"421 4.7.0 Too many errors; please try again later\r\n"

_LAST_WORDS_WITHIN = 5.0
"""Seconds that a client may take to hear why it is sent away."""

_LIBRARY_TIMEOUT = 3600.0
"""Seconds; the library's own bound says nothing at its end. Those of `Bounds` are shorter."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bounds:
    """What a connection may take until a mail of it is taken; each mail that is starts it anew,
    and nothing else does: neither NOOP nor RSET, no greeting, and no mail that is refused."""

    mail_within: float = 60.0
    """Seconds until a mail is begun. RFC 5321 §4.5.3.2.7 wants five minutes, which hold while a
    mail is under way; whoever has none takes the place of those who have."""

    done_within: float = 300.0
    """Seconds from the first MAIL to the end of its data: 2 MB at 7 kB/s."""

    commands: int = 500
    """Answers. RFC 5321 §4.5.3.1.8 wants a mail to have 100 recipients, which are answered even
    where they are not taken."""

    errors: int = 20
    """Answers of 5xx, as in Postfix (`smtpd_hard_error_limit`)."""


BOUNDS = Bounds()


class MailHandler(Protocol):
    """Decides about recipients and mails. Whatever it raises is answered 451."""

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str: ...

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str: ...


class MailSession(SMTP):
    """Speaks SMTP over one connection, within `bounds`; `forget` is called once it is over."""

    line_length_limit = LINE_LIMIT

    def __init__(
        self,
        handler: "Guarded",
        hostname: str,
        bounds: Bounds,
        forget: "Callable[[MailSession], None]",
    ) -> None:
        super().__init__(
            handler,
            data_size_limit=SIZE_LIMIT,
            enable_SMTPUTF8=True,
            hostname=hostname,  # otherwise looked up in the DNS, blocking, for each connection
            ident="Parley",
            timeout=_LIBRARY_TIMEOUT,
            loop=asyncio.get_running_loop(),
        )
        self._bounds = bounds
        self._forget = forget
        self._timer: asyncio.TimerHandle | None = None
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._ends_at = self.loop.time() + self._bounds.mail_within
        self._has_begun = False
        self._commands = self._errors = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._run_clock()

    def connection_lost(self, error: Exception | None) -> None:
        self._forget(self)
        self._stop_clock()
        super().connection_lost(error)

    async def smtp_MAIL(self, arg: str | None) -> None:
        await super().smtp_MAIL(arg)
        is_begun = self.envelope is not None and self.envelope.mail_from is not None
        if is_begun and not self._has_begun:
            self._has_begun = True
            self._ends_at = self.loop.time() + self._bounds.done_within
            self._run_clock()

    async def smtp_DATA(self, arg: str) -> None:
        try:
            await super().smtp_DATA(arg)
        except Exception:
            # The library forgets a mail after an answer, not after a fault: the next one on this
            # connection would be refused, or go to this one's recipients (RFC 5321 §4.1.1.4).
            self._set_rset_state()  # type: ignore[no-untyped-call]  # the library has no types
            raise

    def mail_has_come(self) -> None:
        """From now until `mail_was_answered` it is we who are waited for."""
        self._stop_clock()

    def mail_was_answered(self, is_taken: bool) -> None:
        if is_taken:
            self._begin_anew()
        self._run_clock()

    async def push(self, status: AnyStr) -> None:
        await super().push(status)
        text = status.decode() if isinstance(status, bytes) else status
        if text[3:4] == "-" and "\n" not in text:
            return  # a line of an answer that goes on
        self._commands += 1
        self._errors += text.startswith("5")
        if self._errors >= self._bounds.errors:
            self._send_away(_TOO_MANY_ERRORS)
        elif self._commands >= self._bounds.commands:
            self._send_away(_TOO_MUCH_TALK)

    def _run_clock(self) -> None:
        self._stop_clock()
        if self.transport is not None:
            self._timer = self.loop.call_at(self._ends_at, self._send_away, _SILENT)

    def _stop_clock(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _send_away(self, last_words: bytes) -> None:
        if isinstance(self.transport, asyncio.Transport) and not self.transport.is_closing():
            self.transport.write(last_words)
        self.hang_up()

    def hang_up(self) -> None:
        """End the connection, also with a client that does not listen."""
        transport = self.transport
        if isinstance(transport, asyncio.Transport):
            transport.close()
            self._stop_clock()
            self._timer = self.loop.call_later(_LAST_WORDS_WITHIN, transport.abort)


class LmtpSession(MailSession, LMTP):
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


class Guarded:
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

    async def handle_DATA(self, server: MailSession, session: Session, envelope: Envelope) -> str:
        self._in_hand += 1
        self._rests.clear()
        server.mail_has_come()
        answer = ""
        try:
            answer = await self._handler.handle_DATA(server, session, envelope)
            return answer
        finally:
            server.mail_was_answered(any(line.startswith("2") for line in answer.splitlines()))
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
