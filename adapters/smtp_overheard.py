"""The client library, overheard: how a conversation began, before it is led by us."""

from typing import Any

from aiosmtplib import SMTP, SMTPResponse

from adapters.transcript import Transcript

_FREELY_SAID = frozenset({b"EHLO", b"HELO", b"NOOP", b"RSET", b"QUIT"})


class OverheardSMTP(SMTP):
    """Writes down what is said until `transport` is taken over."""

    def __init__(self, transcript: Transcript, **options: Any) -> None:
        super().__init__(**options)
        self._transcript = transcript

    async def _create_connection(self, timeout: float | None) -> SMTPResponse:
        greeting = await super()._create_connection(timeout)
        self._transcript.heard(*greeting)
        return greeting

    async def execute_command(self, *args: bytes, **options: Any) -> SMTPResponse:
        if args[0] in _FREELY_SAID:
            self._transcript.sent(b" ".join(args))
        else:  # AUTH, and the words that follow it on lines of their own
            self._transcript.logged_in(" ".join(one.decode() for one in args[:2][: len(args) - 1]))
        reply = await super().execute_command(*args, **options)
        self._transcript.heard(*reply)
        return reply

    async def starttls(self, *args: Any, **options: Any) -> SMTPResponse:
        self._transcript.sent(b"STARTTLS")
        reply = await super().starttls(*args, **options)
        self._transcript.heard(*reply)
        return reply
