"""The watched mailbox as the settings name it."""

from adapters.intake.imap_folder import Account
from adapters.smtp_relay import is_loopback, tls_context
from domain.errors import BadInput
from settings import Settings


def account_of(settings: Settings) -> Account | None:
    """None where no mailbox is watched. Raises `BadInput` for a file without a certificate, and
    for a password that would be sent in the clear to another machine."""
    if not settings.imap_host:
        return None
    if settings.imap_security == "none" and not is_loopback(settings.imap_host):
        raise BadInput(
            f"The password for {settings.imap_host} would be sent in the clear: set"
            " PARLEY_IMAP_SECURITY to starttls or tls.",
            field="PARLEY_IMAP_SECURITY",
        )
    return Account(
        host=settings.imap_host,
        port=settings.imap_port,
        security=settings.imap_security,
        username=settings.imap_username,
        password=settings.imap_password,
        folder=settings.imap_folder,
        done=settings.imap_done_folder,
        tls=tls_context(settings.imap_ca_file, "PARLEY_IMAP_CA_FILE"),
    )
