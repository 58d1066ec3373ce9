"""One IMAP server for all tests that watch a mailbox: it takes a second to start."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.db.database import Database
from tests.adapters.intake.imap_server import ImapServer, imap_server
from tests.adapters.intake.letters import given_a_meeting


@pytest.fixture(scope="module")
async def running() -> AsyncIterator[ImapServer]:
    async with imap_server() as server:
        yield server


@pytest.fixture
async def server(running: ImapServer, sqlite_database: Database) -> ImapServer:
    """A server with an empty folder."""
    await given_a_meeting(sqlite_database)
    await asyncio.to_thread(running.make_folder)
    return running
