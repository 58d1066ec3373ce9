"""The line to the mailbox: protected as configured, or no password is said on it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from imapclient.exceptions import CapabilityError  # type: ignore[import-untyped]  # has no stubs

from adapters.intake.imap_account import account_of
from adapters.intake.imap_folder import Account, ImapFolder
from adapters.smtp_relay import tls_context
from domain.errors import BadInput
from settings import Settings
from tests.adapters.certificates import self_signed, server_context
from tests.adapters.intake.imap_server import ImapServer, imap_server

Security = Literal["starttls", "tls"]
SECURITIES: tuple[Security, ...] = ("starttls", "tls")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"), "IP:127.0.0.1")


@pytest.fixture(scope="module")
async def protected(certificate: Path) -> AsyncIterator[ImapServer]:
    async with imap_server(certificate) as server:
        yield server


@asynccontextmanager
async def behind_tls(port: int, certificate: Path) -> AsyncIterator[int]:
    """A port that speaks TLS from the first octet, for the server at `port`."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while octets := await reader.read(65536):
                writer.write(octets)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pass_on(reader, inner_writer), pass_on(inner_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_context(certificate))
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def come_in(account: Account) -> str:
    """How the line was protected."""

    def look() -> str:
        folder = ImapFolder(replace(account, folder="INBOX"))
        try:
            folder.above(0)
            line = folder._client.socket()
            return str(line.version()) if isinstance(line, ssl.SSLSocket) else "nothing"
        finally:
            folder.close()

    return await asyncio.to_thread(look)


@asynccontextmanager
async def reached_by(
    security: Security, server: ImapServer, plain: ImapServer, certificate: Path
) -> AsyncIterator[Account]:
    if security == "starttls":
        yield replace(server.account, security=security)
        return
    async with behind_tls(plain.account.port, certificate) as port:
        yield replace(plain.account, port=port, security=security)


@pytest.mark.parametrize("security", SECURITIES)
async def test_the_mailbox_is_read_over_tls_from_a_server_that_is_trusted(
    protected: ImapServer, running: ImapServer, certificate: Path, security: Security
) -> None:
    async with reached_by(security, protected, running, certificate) as account:
        trusting = replace(account, tls=tls_context(certificate))

        assert await come_in(trusting) == "TLSv1.3"


@pytest.mark.parametrize("security", SECURITIES)
async def test_a_server_of_an_unknown_authority_hears_no_password(
    protected: ImapServer, running: ImapServer, certificate: Path, security: Security
) -> None:
    async with reached_by(security, protected, running, certificate) as account:
        with pytest.raises(ssl.SSLCertVerificationError):
            await come_in(account)


@pytest.mark.parametrize("security", SECURITIES)
async def test_a_certificate_for_another_name_is_refused(
    protected: ImapServer, running: ImapServer, certificate: Path, security: Security
) -> None:
    async with reached_by(security, protected, running, certificate) as account:
        elsewhere = replace(account, host="localhost", tls=tls_context(certificate))
        with pytest.raises(ssl.SSLCertVerificationError):
            await come_in(elsewhere)


async def test_a_server_without_starttls_hears_no_password(running: ImapServer) -> None:
    with pytest.raises(CapabilityError):
        await come_in(replace(running.account, security="starttls"))


def test_a_file_without_a_certificate_is_named_by_its_setting(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")

    with pytest.raises(BadInput, match="PARLEY_IMAP_CA_FILE is"):
        tls_context(tmp_path / "empty.pem", "PARLEY_IMAP_CA_FILE")


@pytest.mark.parametrize(("host", "is_refused"), [("mail.example.org", True), ("::1", False)])
def test_no_password_goes_in_the_clear_to_another_machine(host: str, is_refused: bool) -> None:
    settings = Settings(
        imap_host=host, imap_security="none", imap_username="ana", imap_password="secret"
    )

    if is_refused:
        with pytest.raises(BadInput, match="PARLEY_IMAP_SECURITY") as refused:
            account_of(settings)
        assert "secret" not in str(refused.value)
    else:
        assert account_of(settings) is not None
