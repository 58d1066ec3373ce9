"""Mail in over SMTP and LMTP: outcomes as reply codes (mail-safety §12 to §14).

There is no TLS here, and so nothing that could be injected before STARTTLS: whoever comes from
another machine comes through a border server of ours.
"""

from collections.abc import Sequence
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from adapters.intake.accepting import Reception
from adapters.smtp_listener import SmtpListener, content_of, counted_peer, sender_of
from domain.inbox import acceptance
from domain.inbox.acceptance import Admission, Outcome, Source, Way, worst

MAX_RECIPIENTS = 20

_TOO_MANY = "452 4.5.3 Too many recipients"
_REPLIES = {
    Admission.ACCEPTED: "250 2.0.0 Accepted",
    Admission.QUARANTINED: "250 2.0.0 Kept for the operator as",
    Admission.UNKNOWN: "550 5.1.1 No such mailbox",
    Admission.FULL: "452 4.2.2 Too much has come to this mailbox; please try again later",
    Admission.NO_ROOM: "452 4.3.1 Too much like this is kept already; please try again later",
    Admission.TOO_OFTEN: "451 4.7.1 Too much mail from you; please try again later",
    Admission.TOO_LARGE: "552 5.3.4 This mail is too large",
}


class Intake:
    """Takes mail over SMTP, or over LMTP, for `reception`. A `host` that begins with a slash is
    the path of a Unix socket."""

    def __init__(
        self,
        reception: Reception,
        mail_domain: str,
        *,
        way: Way = Way.SMTP,
        host: str = "127.0.0.1",
        port: int = 0,
        connections: int = 64,
    ) -> None:
        self._listener = SmtpListener(
            _Translator(reception, way),
            hostname=mail_domain,
            host=host,
            port=port,
            connections=connections,
            speaks_lmtp=way is Way.LMTP,
        )

    @property
    def port(self) -> int:
        return self._listener.port

    async def start(self) -> None:
        """Begin to listen. Raises `OSError` when the port is taken."""
        await self._listener.start()

    async def stop(self, patience: float = 20.0) -> None:
        await self._listener.stop(patience)


class _Translator:
    def __init__(self, reception: Reception, way: Way) -> None:
        self._reception = reception
        self._way = way

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Unknown and revoked addresses get the same answer, so that it tells nothing.

        An address that is full is told so here, before the mail is sent and for itself alone.
        """
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return _TOO_MANY
        refusal = await self._reception.look_up(address, self._source(session))
        if refusal is not None:
            return _REPLIES[refusal]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        recipients = tuple(envelope.rcpt_tos)
        named = acceptance.Envelope(mail_from=sender_of(envelope), recipients=recipients)
        raw = content_of(envelope)
        outcomes = await self._reception.accept(raw, named, self._source(session))
        return self._reply(outcomes)

    def _source(self, session: Session) -> Source:
        peer: Any = session.peer  # empty on a Unix socket
        return Source(way=self._way, peer=counted_peer(peer[0]) if peer else None)

    def _reply(self, outcomes: Sequence[Outcome]) -> str:
        """One for each recipient in LMTP (RFC 2033 §4.2), one for all in SMTP."""
        if self._way is Way.LMTP:
            return "\r\n".join(_reply_to(one) for one in outcomes)
        return _reply_to(worst(outcomes))


def _reply_to(outcome: Outcome) -> str:
    return f"{_REPLIES[outcome.admission]} {outcome.key}".rstrip()
