"""Mail of simulated people goes out by real SMTP."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from adapters.attendees.sending import NotAccepted, submit
from tests.adapters.attendees.samples import outputs

RAW = outputs()["google-accepted"]


class Mailbox:
    """An SMTP server's handler that keeps what it is given."""

    def __init__(self) -> None:
        self.kept: list[Envelope] = []
        self.port = 0

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("unknown"):
            return "550 5.1.1 no such address"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if b"too busy" in (envelope.original_content or b""):
            return "451 4.3.0 temporary failure"
        self.kept.append(envelope)
        return "250 2.0.0 accepted"


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    handler = Mailbox()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(handler, hostname="localhost"), "127.0.0.1", 0
    )
    handler.port = server.sockets[0].getsockname()[1]
    async with server:
        yield handler


async def test_a_mail_arrives_byte_for_byte_with_its_envelope(mailbox: Mailbox) -> None:
    reply = await submit(RAW, "bea@example.net", "r+x@parley.example", "127.0.0.1", mailbox.port)

    [envelope] = mailbox.kept
    assert envelope.original_content == RAW
    assert (envelope.mail_from, envelope.rcpt_tos) == ("bea@example.net", ["r+x@parley.example"])
    assert "accepted" in reply


async def test_an_unknown_recipient_is_told_with_its_code(mailbox: Mailbox) -> None:
    with pytest.raises(NotAccepted, match="no such address") as refusal:
        await submit(RAW, "bea@example.net", "unknown@parley.example", "127.0.0.1", mailbox.port)

    assert refusal.value.reply_code == 550


async def test_a_temporary_refusal_is_told_with_its_code(mailbox: Mailbox) -> None:
    busy = RAW + b"too busy\r\n"

    with pytest.raises(NotAccepted) as refusal:
        await submit(busy, "bea@example.net", "r+x@parley.example", "127.0.0.1", mailbox.port)

    assert refusal.value.reply_code == 451
    assert mailbox.kept == []


async def test_a_server_that_is_not_there_is_told(mailbox: Mailbox) -> None:
    closed = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    port = closed.sockets[0].getsockname()[1]
    closed.close()
    await closed.wait_closed()

    with pytest.raises(NotAccepted, match="no answer") as refusal:
        await submit(RAW, "bea@example.net", "r+x@parley.example", "127.0.0.1", port)

    assert refusal.value.reply_code is None
