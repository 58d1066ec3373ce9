"""A mailbox that is watched, in tests: letters for it, the watch, and what came of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from adapters.db.database import Database
from adapters.intake.accepting import Reception
from adapters.intake.imap import ImapWatch
from adapters.intake.imap_folder import Account, ImapFolder
from tests.adapters.intake.imap_server import ImapServer
from tests.adapters.intake.letters import ANA, DOMAIN, MAIL, address, kept
from tests.patience import until

DONE = "Parley/Done"


def letter(number: int = 1, to: str | None = None) -> bytes:
    """A mail as the last server left it in the mailbox."""
    stamps = f"Return-Path: <{ANA}>\r\nDelivered-To: {to or address()}\r\n".encode()
    return stamps + MAIL + b"number %d\r\n" % number


@asynccontextmanager
async def watching(
    database: Database,
    account: Account,
    reception: Reception | None = None,
    open_folder: Callable[[Account], Any] = ImapFolder,
    look_every: float = 300.0,
    feedback_address: str = "",
) -> AsyncIterator[ImapWatch]:
    watch = ImapWatch(
        database,
        reception or Reception(database, DOMAIN, feedback_address=feedback_address),
        account,
        DOMAIN,
        first_pause=0.01,
        look_every=look_every,
        open_folder=open_folder,
        feedback_address=feedback_address,
    )
    running = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        await watch.stop()
        await asyncio.wait_for(running, 10)


async def arrived(database: Database, count: int) -> None:
    async def are_there() -> bool:
        return len(await kept(database)) >= count

    await until(are_there)


async def is_moved(server: ImapServer, count: int) -> None:
    await until(lambda: asyncio.to_thread(lambda: len(server.lying(DONE)) == count), every=0.1)
