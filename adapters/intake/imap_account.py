"""The watched mailbox as the settings name it."""

from adapters.intake.imap_folder import Account
from adapters.smtp_relay import tls_context
from settings import Settings


def account_of(settings: Settings) -> Account | None:
    """None where no mailbox is watched. Raises `BadInput` for a file without a certificate."""
    if not settings.imap_host:
        return None
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
