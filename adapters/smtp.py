"""Sending one mail over SMTP, and knowing how far it got.

A connection is opened by the client library (`smtp_relay`) and then led here, because the library
raises the same exception before and after the final dot; see `smtp_talk`.
"""

import asyncio
from contextlib import suppress

from aiosmtplib import SMTPException, SMTPResponseException

from adapters.smtp_relay import Line, Relay, open_line, words_of
from adapters.smtp_talk import FAULTS, MarkSending, Talk, on_the_wire, report_of
from adapters.transcript import Transcript
from domain.errors import BadAddress
from domain.outbox.model import Phase, Report
from domain.values import as_address

__all__ = ["MarkSending", "Relay", "SmtpMailer", "on_the_wire"]

_IDLE_FOR = 30.0
_QUIT_FOR = 2.0


class SmtpMailer:
    """Sends mails over kept connections, one per concurrent call of `send`.

    A connection carries at most as many mails as the relay is set to, and is left when it had
    none for `idle_for` seconds. A `transcript` gets every word.
    """

    def __init__(
        self, relay: Relay, *, idle_for: float = _IDLE_FOR, transcript: Transcript | None = None
    ) -> None:
        self._relay = relay
        self._transcript = transcript
        self._idle_for = idle_for
        self._idle: dict[int, tuple[Line, asyncio.TimerHandle]] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    async def send(
        self, mail_from: str, recipient: str, raw: bytes, mark_sending: MarkSending
    ) -> Report:
        """Send `raw` to one recipient and say how far it got.

        `mark_sending` is awaited when everything but the final dot has been written. When it
        gives False, or raises, the connection is cut and the server has nothing.
        Never raises for anything the server does or fails to do.
        """
        try:
            sender = as_address(mail_from) if mail_from else ""
            recipient = as_address(recipient)
        except BadAddress as refusal:
            return Report(phase=Phase.RCPT, code=553, reply=str(refusal))
        kept = self._take()
        if kept is not None:
            report = await self._converse(kept, sender, recipient, raw, mark_sending)
            if not _was_stale(report):
                return report
        try:
            line = await open_line(self._relay, self._transcript)
        except SMTPResponseException as refusal:
            words = refusal.message
            code = refusal.code if refusal.code > 0 else None  # -1: no SMTP reply at all
            return report_of(Phase.CONNECT, code, words, self._where)
        except (SMTPException, EOFError, *FAULTS) as fault:
            return report_of(Phase.CONNECT, None, words_of(fault, self._relay), self._where)
        return await self._converse(line, sender, recipient, raw, mark_sending)

    async def close(self) -> None:
        """Take leave of the server on every idle connection."""
        for key in list(self._idle):
            line, timer = self._idle.pop(key)
            timer.cancel()
            self._leave(line)
        await asyncio.gather(*self._leaving)

    @property
    def _where(self) -> str:
        return f"{self._relay.host}:{self._relay.port}"

    def _take(self) -> Line | None:
        """The connection used last, so that those too many grow old."""
        while self._idle:
            line, timer = self._idle.pop(next(reversed(self._idle)))
            timer.cancel()
            if line.wire.is_quiet:
                return line
            line.wire.cut()
        return None

    async def _converse(
        self, line: Line, sender: str, recipient: str, raw: bytes, mark_sending: MarkSending
    ) -> Report:
        """One mail over `line`, which is kept afterwards if the server is in a known state."""
        talk = Talk(line, self._relay)
        is_in_order = False
        try:
            report = await talk.deliver(sender, recipient, raw, mark_sending)
            is_in_order = await talk.is_reusable(report)
        except FAULTS as fault:
            report = report_of(talk.phase, None, f"{type(fault).__name__}: {fault}", line.server)
        finally:
            if not is_in_order:
                line.wire.cut()
        if is_in_order:
            self._keep(line)
        return report

    def _keep(self, line: Line) -> None:
        line.mails += 1
        if line.mails >= self._relay.mails_per_connection:
            self._leave(line)
            return
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self._idle_for, lambda: self._leave(self._idle.pop(id(line))[0]))
        self._idle[id(line)] = line, timer

    def _leave(self, line: Line) -> None:
        """Beside the caller, who must not be kept, or cancelled, on the way to its report."""
        task = asyncio.create_task(_quit(line))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)


async def _quit(line: Line) -> None:
    with suppress(*FAULTS):
        line.wire.write(b"QUIT\r\n")
        await line.wire.reply(_QUIT_FOR)
    line.wire.hang_up()


def _was_stale(report: Report) -> bool:
    """Whether a kept connection had ended meanwhile: servers close idle ones, some with a 421."""
    return report.phase is Phase.MAIL and report.code in (None, 421)
