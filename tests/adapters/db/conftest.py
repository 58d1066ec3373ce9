"""Databases of one engine, where a promise is particular to it."""

from collections.abc import AsyncIterator

import pytest

from adapters.db.database import Database
from adapters.db.opening import open_database


@pytest.fixture
async def postgres(postgres_url: str) -> AsyncIterator[Database]:
    """An open, empty PostgreSQL database."""
    opened = open_database(postgres_url)
    yield opened
    await opened.close()
