"""Mail to our own domain, handed on to the intake as the world's mail servers would.

Where the catcher stands in for them, an MX record of our domain would lead to the intake.
"""

from aiosmtplib import SMTP, SMTPException, SMTPRecipientsRefused, SMTPResponseException

from adapters.smtp_session import OWN_FAULT
from domain.values import domain_of

_TIMEOUT = 30.0  # seconds
_FAULTS = (SMTPException, OSError, TimeoutError)


class OwnDomain:
    """Hands mails for addresses at `domain` to the server at `host:port`."""

    def __init__(self, domain: str, host: str, port: int) -> None:
        self._domain = domain.lower()
        self._host = host
        self._port = port

    def has(self, address: str) -> bool:
        """Whether `address` is one of the domain's."""
        return domain_of(address) == self._domain

    async def hand_on(self, mail_from: str, recipient: str, raw: bytes) -> str | None:
        """Give a mail to the server; None when it was taken, else the reply that refused it.

        Whatever is not a refusal in so many words is temporary.
        """
        client = SMTP(
            hostname=self._host,
            port=self._port,
            use_tls=False,
            start_tls=False,
            timeout=_TIMEOUT,
            local_hostname="catcher.localhost",
        )
        try:
            async with client:
                await client.sendmail(mail_from, [recipient], raw)
        except SMTPRecipientsRefused as refusal:
            return _words(refusal.recipients[0])
        except SMTPResponseException as refusal:
            return _words(refusal)
        except _FAULTS:
            return OWN_FAULT
        return None


def _words(refusal: SMTPResponseException) -> str:
    return f"{refusal.code} {refusal.message}" if 400 <= refusal.code < 600 else OWN_FAULT
