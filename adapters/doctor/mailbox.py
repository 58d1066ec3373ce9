"""Whether the watched mailbox lets us in, and takes what we move."""

import asyncio

from imapclient.exceptions import (  # type: ignore[import-untyped]  # it has no stubs
    IMAPClientError,
)

from adapters.doctor.finding import Finding, fault, fine, warning
from adapters.intake.imap_account import account_of
from adapters.intake.imap_done import DoneFolder
from adapters.intake.imap_folder import Account, ImapFolder
from domain.errors import BadInput
from domain.values import scrubbed
from settings import Settings

_FAULTS = (IMAPClientError, OSError)
_SAID = 300  # characters of what a server says


async def check_mailbox(settings: Settings) -> list[Finding]:
    """Logs in as the intake does, opens both folders, and leaves; nothing where no mailbox is
    watched."""
    try:
        account = account_of(settings)
    except BadInput as refusal:
        return [fault("mailbox", str(refusal), "Correct that setting.")]
    return [] if account is None else [await asyncio.to_thread(_look_into, account)]


def _look_into(account: Account) -> Finding:
    try:
        ImapFolder(account).close()
    except _FAULTS as failure:
        advice = (
            "Check PARLEY_IMAP_HOST, _PORT, _SECURITY, _CA_FILE, _USERNAME, _PASSWORD, _FOLDER."
        )
        return fault("mailbox", f"{account.name}: {_words_of(failure)}", advice)
    try:
        if account.moves:
            DoneFolder(account).close()
    except _FAULTS as failure:
        said = f"{account.name} is read, but {account.done} refuses: {_words_of(failure)}"
        advice = "Mail is taken and stays where it is. Check PARLEY_IMAP_DONE_FOLDER."
        return warning("mailbox", said, advice)
    return fine("mailbox", f"{account.name} can be read ({account.security}).")


def _words_of(failure: Exception) -> str:
    return scrubbed(str(failure), limit=_SAID) or type(failure).__name__
