"""Mail in over SMTP: kept durably before the sender is told yes (mail-safety §12 to §14).

A sender that gets no answer sends again, and the message key makes that one mail. So every
fault of ours is a 451, and dying at any line is safe.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from aiosmtpd.smtp import SMTP, Envelope, Session

from adapters.db import capabilities, inbox
from adapters.db.database import Database
from adapters.smtp_listener import SmtpListener, content_of, sender_of
from domain.access import Purpose, TokenAddress, read_token_address
from domain.inbox.identity import message_key, with_crlf
from domain.inbox.load import Load

MAX_RECIPIENTS = 20
COMMIT_WITHIN = 20.0
"""Seconds after which a sender gets a 451 instead of waiting on."""

_PURPOSES = frozenset({Purpose.REPLY, Purpose.BOUNCE, Purpose.ALIAS, Purpose.UNSUBSCRIBE})
_UNKNOWN = "550 5.1.1 No such mailbox"
_TOO_MANY = "452 4.5.3 Too many recipients"
_FULL = "452 4.2.2 Too much has come to this mailbox; please try again later"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Intake:
    """Takes mail for the token addresses of `mail_domain`, and for nothing else."""

    def __init__(
        self,
        database: Database,
        mail_domain: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        connections: int = 64,
        commit_within: float = COMMIT_WITHIN,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        handler = _Reception(database, mail_domain, commit_within, now)
        self._listener = SmtpListener(
            handler, hostname=mail_domain, host=host, port=port, connections=connections
        )

    @property
    def port(self) -> int:
        return self._listener.port

    async def start(self) -> None:
        """Begin to listen. Raises `OSError` when the port is taken."""
        await self._listener.start()

    async def stop(self, patience: float = 20.0) -> None:
        await self._listener.stop(patience)


class _Reception:
    def __init__(
        self,
        database: Database,
        mail_domain: str,
        commit_within: float,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._mail_domain = mail_domain
        self._commit_within = commit_within
        self._now = now

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Unknown and revoked addresses get the same answer, so that it tells nothing.

        An address that is full is told so here, before the mail is sent and for itself alone.
        Mails on their way at once may exceed its limits by one for each connection.
        """
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return _TOO_MANY
        named = read_token_address(address, self._mail_domain)
        if named is None or named.purpose not in _PURPOSES:
            return _UNKNOWN
        async with asyncio.timeout(self._commit_within):
            found = await self._database.read(lambda c: self._look_up(c, named))
        if found is None:
            return _UNKNOWN
        if found.is_full:
            return _FULL
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient ok"

    def _look_up(self, c: sa.Connection, named: TokenAddress) -> Load | None:
        """What has come to an address; None for one that is unknown or revoked."""
        capability = capabilities.find(c, named.purpose, named.token)
        return None if capability is None else inbox.load_of(c, capability, self._now())

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        raw = with_crlf(content_of(envelope))
        sender = sender_of(envelope)
        recipients = list(envelope.rcpt_tos)
        async with asyncio.timeout(self._commit_within):
            keys = await self._database.write(lambda c: self._keep(c, raw, sender, recipients))
        if not keys:
            return _UNKNOWN  # revoked since RCPT
        return f"250 2.0.0 Accepted {keys[0]}"

    def _keep(
        self, c: sa.Connection, raw: bytes, sender: str, recipients: Sequence[str]
    ) -> list[str]:
        """One row per recipient, all in this transaction; gives their keys."""
        received_at = self._now()
        keys = []
        for address in recipients:
            named = read_token_address(address, self._mail_domain)
            capability = named and capabilities.find(c, named.purpose, named.token)
            if not named or not capability:
                continue
            key = message_key(named.mark, raw)
            inbox.accept(
                c,
                key=key,
                capability=capability,
                mail_from=sender,
                source="smtp",
                raw=raw,
                received_at=received_at,
                about=named.number,
            )
            keys.append(key)
        return keys
