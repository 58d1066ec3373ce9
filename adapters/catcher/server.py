"""The mail catcher: stands in for the world's mail servers where no relay is configured.

It accepts every mail for anybody, keeps it durably before its 250, and sends nothing on but what
is for our own domain.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from adapters.catcher.handing_on import OwnDomain
from adapters.catcher.mailboxes import CaughtMail, Mailboxes, NewMail
from adapters.db.batching import Batched
from adapters.smtp_listener import SmtpListener, content_of, sender_of
from domain.inbox.identity import with_crlf
from domain.values import scrubbed

_MESSAGE_ID = re.compile(
    rb"^message-id:[ \t\r\n]*(<[^<>\r\n]{1,990}>)", re.IGNORECASE | re.MULTILINE
)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Catcher:
    """Catches mail on `host:port` into the file at `path` (port 0: any free one)."""

    def __init__(
        self,
        path: Path,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        own_domain: OwnDomain | None = None,
        connections: int = 128,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._own_domain = own_domain
        self._mailboxes = Mailboxes(path)
        self._news = asyncio.Condition()
        self._now = now
        self._keeping = Batched(self._keep)
        self._listener = SmtpListener(
            self, hostname="catcher.localhost", host=host, port=port, connections=connections
        )

    @property
    def port(self) -> int:
        return self._listener.port

    async def start(self) -> None:
        """Begin to listen. Raises `OSError` when the port is taken."""
        await self._listener.start()

    async def stop(self, patience: float = 5.0) -> None:
        await self._listener.stop(patience)
        await self._mailboxes.close()

    async def messages(
        self, recipient: str | None = None, after: int = 0, limit: int = 500
    ) -> list[CaughtMail]:
        """Caught copies with an id above `after`, oldest first, of one recipient or of all."""
        return await self._mailboxes.messages(recipient, after, limit)

    async def newest(self, recipient: str, limit: int) -> list[CaughtMail]:
        """The last copies of one recipient, newest first."""
        return await self._mailboxes.newest(recipient, limit)

    async def wait_for_messages(
        self, recipient: str | None = None, after: int = 0, timeout: float = 30.0
    ) -> list[CaughtMail]:
        """As `messages`, but waits up to `timeout` seconds for the first one."""
        found: list[CaughtMail] = []
        try:
            async with asyncio.timeout(timeout), self._news:
                while not (found := await self.messages(recipient, after)):
                    await self._news.wait()
        except TimeoutError:
            pass
        return found

    async def get(self, id: int) -> CaughtMail | None:
        return await self._mailboxes.get(id)

    async def recipients(self) -> list[tuple[str, int]]:
        """Everybody who has mail, with how many copies, the latest first."""
        return await self._mailboxes.recipients()

    async def delete(self, recipient: str | None = None) -> int:
        """Throw away the mail of one recipient, or all of it; gives how many copies."""
        return await self._mailboxes.delete(recipient)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        raw = with_crlf(content_of(envelope))
        # First, for it may be refused; the intake knows a mail that comes again.
        refused = await self._hand_on(envelope, raw)
        if refused is not None:
            return refused
        mail = NewMail(
            recipients=tuple(scrubbed(one, limit=320) for one in envelope.rcpt_tos),
            mail_from=scrubbed(sender_of(envelope), limit=320),
            message_id=_message_id(raw),
            accepted_at=self._now(),
            raw=raw,
        )
        await self._keeping.ask(mail)
        return "250 2.0.0 Caught"

    async def _hand_on(self, envelope: Envelope, raw: bytes) -> str | None:
        """The reply that refuses the mail for everybody: one for our domain that comes too early,
        or is for nobody there and nobody else."""
        own = self._own_domain
        ours = [one for one in envelope.rcpt_tos if own is not None and own.has(one)]
        refusals = [
            refused
            for one in ours
            if own is not None
            and (refused := await own.hand_on(sender_of(envelope), one, raw)) is not None
        ]
        if len(refusals) == len(envelope.rcpt_tos) or any(one[0] == "4" for one in refusals):
            return next((one for one in refusals if one[0] == "4"), refusals[0])
        return None

    async def _keep(self, mails: Sequence[NewMail]) -> list[None]:
        await self._mailboxes.keep(mails)
        async with self._news:
            self._news.notify_all()
        return [None] * len(mails)


def _message_id(raw: bytes) -> str:
    head = raw.partition(b"\r\n\r\n")[0]
    found = _MESSAGE_ID.search(head)
    return found[1].decode("ascii", "replace") if found else ""
