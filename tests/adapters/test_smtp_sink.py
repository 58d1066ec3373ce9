"""What becomes of messages at a sink that others wrote, through the whole dispatcher."""

import asyncio
from datetime import UTC, datetime

import pytest

from adapters.db.database import Database
from adapters.dispatch import OutboxDispatcher
from adapters.smtp import Relay, SmtpMailer
from tests.adapters.outbox_rows import attempts, draft, enqueue
from tests.adapters.postfix_programs import smtp_sink
from tests.patience import until

Attempt = tuple[str, int | None, str]


async def nobody(stream: str) -> None:
    """Tells no saga."""


async def first_attempt(database: Database, port: int) -> Attempt:
    """Send one message to the sink, and say how that went."""
    await enqueue(database, draft(), at=datetime.now(UTC))
    mailer = SmtpMailer(Relay("127.0.0.1", port, timeout=10, dot_timeout=10))
    dispatcher = OutboxDispatcher(database, mailer, nobody)
    running = asyncio.create_task(dispatcher.run())

    async def tried() -> bool:
        return bool(await attempts(database))

    try:
        await until(tried)
    finally:
        dispatcher.stop(patience=2.0)
        await running
    return (await attempts(database))[0]


@pytest.mark.parametrize(
    ("flags", "phase", "code", "state"),
    [
        ((), "done", 250, "sent"),
        (("-p",), "done", 250, "sent"),  # no pipelining
        (("-8", "-e"), "done", 250, "sent"),  # HELO only
        (("-w", "1"), "done", 250, "sent"),  # slow
        (("-q", "."), "dot", None, "uncertain"),
        (("-q", "DATA"), "data", None, "retry"),
        (("-q", "RCPT"), "rcpt", None, "retry"),
        (("-r", "."), "done", 450, "retry"),
        (("-r", "MAIL"), "mail", 450, "retry"),
        (("-f", "."), "done", 500, "failed"),
        (("-f", "RCPT"), "rcpt", 500, "failed"),
        (("-Q", "RCPT"), "rcpt", 421, "retry"),
        (("-Q", "."), "done", 421, "retry"),
        (("-q", "CONNECT"), "connect", None, "retry"),
        (("-Q", "CONNECT"), "connect", 421, "retry"),
    ],
)
async def test_a_fault_leads_where_it_should(
    database: Database, flags: tuple[str, ...], phase: str, code: int | None, state: str
) -> None:
    async with smtp_sink(*flags) as port:
        assert await first_attempt(database, port) == (phase, code, state)
