"""The doctor's look at the watched mailbox: every fault is found, and comes with advice."""

import asyncio
from typing import Any

import pytest
from imapclient.exceptions import IMAPClientError  # type: ignore[import-untyped]  # has no stubs

from adapters.doctor.finding import Grade
from adapters.doctor.mailbox import check_mailbox
from adapters.intake.imap_done import DoneFolder
from settings import Settings
from tests.adapters.intake.imap_server import PASSWORD, ImapServer


def settings(server: ImapServer, **more: Any) -> Settings:
    account = server.account
    found: dict[str, Any] = {
        "imap_host": account.host,
        "imap_port": account.port,
        "imap_security": account.security,
        "imap_username": account.username,
        "imap_password": account.password,
        "imap_folder": "INBOX",
    }
    return Settings(**{**found, **more})


async def test_a_mailbox_that_lets_us_in_is_fine(running: ImapServer) -> None:
    await asyncio.to_thread(running.make_folder)

    [found] = await check_mailbox(settings(running))

    assert (found.check, found.grade) == ("mailbox", Grade.FINE)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"imap_password": "wrong"}, "INBOX: "),
        ({"imap_folder": "Nowhere"}, "Nowhere: "),
        ({"imap_port": 1}, "refused"),
        ({"imap_security": "starttls"}, "STARTTLS"),
    ],
)
async def test_what_keeps_us_out_is_told(
    running: ImapServer, wrong: dict[str, Any], said: str
) -> None:
    [found] = await check_mailbox(settings(running, **wrong))

    assert found.grade is Grade.FAULT
    assert said in found.said
    assert "PARLEY_IMAP_HOST" in found.advice
    assert PASSWORD not in str(found)


async def test_a_folder_that_takes_nothing_is_a_warning(
    running: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: DoneFolder, name: str) -> str:
        raise IMAPClientError("NO [CANNOT]")

    monkeypatch.setattr(DoneFolder, "_made", refuse)

    [found] = await check_mailbox(settings(running))

    assert found.grade is Grade.WARNING
    assert "NO [CANNOT]" in found.said


async def test_without_a_mailbox_there_is_nothing_to_say() -> None:
    assert await check_mailbox(Settings(imap_host="")) == []
