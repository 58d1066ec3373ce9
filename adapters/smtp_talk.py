"""One mail over one connection, and how far it got.

The body is written, the caller's mark is awaited, then the dot: whatever breaks before the dot
proves that the server has nothing. MAIL, RCPT and DATA go out together where the server allows it
(RFC 2920); the dot never does, since it waits for the reply to DATA.
"""

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress

from adapters.smtp_relay import Line, Relay
from adapters.smtp_wire import Reply
from domain.outbox.model import Phase, Report
from domain.values import scrubbed

MarkSending = Callable[[], Awaitable[bool]]
"""Commits that the final dot is about to be written; False when the right to send is lost."""

FAULTS = (OSError, TimeoutError)
_BRIEFLY = 2.0
_REPLY_LIMIT = 500
_WANTED = {Phase.MAIL: (250,), Phase.RCPT: (250, 251), Phase.DATA: (354,)}
_BARE_BREAKS = re.compile(rb"\r\n|\r|\n")


class Talk:
    """One mail's conversation; `phase` is how far it got, whatever is raised."""

    def __init__(self, line: Line, relay: Relay) -> None:
        self.phase = Phase.MAIL
        self._line = line
        self._wire = line.wire
        self._relay = relay
        self._is_lost = False  # the server may take what comes next for something else

    async def deliver(
        self, mail_from: str, recipient: str, raw: bytes, mark: MarkSending
    ) -> Report:
        """Raises `OSError` and `TimeoutError` as the line does, and whatever `mark` does."""
        if impossible := _impossible(raw, self._line.offers):
            return self._report(impossible)
        body = on_the_wire(raw)
        commands = (
            (Phase.MAIL, _mail(mail_from, raw, len(body), self._line.offers)),
            (Phase.RCPT, b"RCPT TO:<%s>\r\n" % recipient.encode()),
            (Phase.DATA, b"DATA\r\n"),
        )
        if refusal := await self._asked(commands):
            return refusal
        self.phase = Phase.BODY
        return await self._hand_over(body, mark)

    async def is_reusable(self, report: Report) -> bool:
        """Whether the line can carry another mail; a refused one is reset first."""
        if self._is_lost or report.code == 421 or not self._wire.is_quiet:
            return False
        if report.phase is Phase.DONE:
            return True
        with suppress(*FAULTS):
            self._wire.write(b"RSET\r\n")
            return (await self._wire.reply(_BRIEFLY)).code == 250
        return False

    async def _asked(self, commands: tuple[tuple[Phase, bytes], ...]) -> Report | None:
        """The first refusal, if there is one."""
        at_once = "pipelining" in self._line.offers
        if at_once:
            self._wire.write(b"".join(command for _, command in commands))
        for number, (self.phase, command) in enumerate(commands, start=1):
            if not at_once:
                self._wire.write(command)
            reply = await self._wire.reply(self._relay.timeout)
            if reply.code not in _WANTED[self.phase]:
                if at_once and reply.code != 421:
                    await self._hear_out(len(commands) - number)
                return self._report(reply)
        return None

    async def _hear_out(self, count: int) -> None:
        """Replies to commands that were sent along with a refused one. After a 354 the server
        waits for a body, which a refused mail has none of."""
        try:
            for _ in range(count):
                reply = await self._wire.reply(_BRIEFLY)
                self._is_lost |= reply.code in (354, 421)
        except FAULTS:
            self._is_lost = True

    async def _hand_over(self, body: bytes, mark: MarkSending) -> Report:
        self._is_lost = True  # until the reply to the dot
        self._wire.write(body)
        await self._wire.drained(self._relay.timeout)
        if not await mark():
            return self._report(Reply(0, "the claim was lost before the final dot"))
        if not self._wire.is_quiet:  # it said something to half a mail, or is gone
            return self._report(await self._wire.reply(self._relay.timeout))
        self._wire.write(b".\r\n")
        self.phase = Phase.DOT
        reply = await self._wire.reply(self._relay.dot_timeout)
        self.phase = Phase.DONE
        self._is_lost = False
        return self._report(reply)

    def _report(self, reply: Reply) -> Report:
        return report_of(self.phase, reply.code or None, reply.text, self._line.server)


def report_of(phase: Phase, code: int | None, words: str, server: str) -> Report:
    said = scrubbed(words, limit=_REPLY_LIMIT)
    return Report(phase=phase, code=code, reply=said, server=server)


def on_the_wire(raw: bytes) -> bytes:
    """`raw` as DATA carries it, without the final dot: CRLF lines, leading dots doubled
    (RFC 5321 §4.5.2)."""
    lines = in_lines(raw).replace(b"\r\n.", b"\r\n..")
    return b"." + lines if lines.startswith(b".") else lines


def in_lines(raw: bytes) -> bytes:
    """`raw` as the receiver gets it: every line ends with CRLF. What is signed is this."""
    whole = raw.count(b"\r\n")
    if raw.count(b"\n") != whole or raw.count(b"\r") != whole:
        raw = _BARE_BREAKS.sub(b"\r\n", raw)
    return raw if raw.endswith(b"\r\n") else raw + b"\r\n"


def _mail(sender: str, raw: bytes, size: int, offers: dict[str, str]) -> bytes:
    words = [b"MAIL FROM:<%s>" % sender.encode()]
    if "size" in offers:
        words.append(b"SIZE=%d" % size)
    if not raw.isascii():
        words.append(b"BODY=8BITMIME")
    if not _headers(raw).isascii():
        words.append(b"SMTPUTF8")
    return b" ".join(words) + b"\r\n"


def _impossible(raw: bytes, offers: dict[str, str]) -> Reply | None:
    """The refusal that a server with these extensions would have to give, before asking it.

    A mail is never changed to suit the server: it may be signed, and every attempt sends the same
    bytes. Codes: RFC 1870 §6, RFC 3463 §3.7, RFC 6531 §3.5.
    """
    limit = offers.get("size", "")
    if limit.isdecimal() and 0 < int(limit) < len(raw):
        return Reply(552, f"5.3.4 {len(raw)} octets are more than the relay takes ({limit})")
    if raw.isascii():
        return None
    if "8bitmime" not in offers:
        return Reply(554, "5.6.3 this mail is 8-bit and the relay does not offer 8BITMIME")
    if "smtputf8" not in offers and not _headers(raw).isascii():
        return Reply(554, "5.6.9 headers of this mail are not ASCII; the relay has no SMTPUTF8")
    return None


def _headers(raw: bytes) -> bytes:
    end = re.search(rb"\r?\n\r?\n", raw)
    return raw[: end.start()] if end else raw
