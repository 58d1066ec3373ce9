"""The API over a real database, with a saga that runs inside the test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.db.database import Database
from tests.api.house import House, house_over


@pytest.fixture
async def house(sqlite_database: Database, tmp_path: Path) -> AsyncIterator[House]:
    """A running API with one owner, whose saga takes inputs only when told to."""
    async with house_over(sqlite_database, tmp_path) as house:
        yield house


@pytest.fixture
async def prompt_house(sqlite_database: Database, tmp_path: Path) -> AsyncIterator[House]:
    """The same with a saga that runs as soon as it is poked."""
    async with house_over(sqlite_database, tmp_path, prompt=True) as house:
        yield house


@pytest.fixture
async def either_house(database: Database, tmp_path: Path) -> AsyncIterator[House]:
    """The same as `house` on each engine, for promises that the database keeps."""
    async with house_over(database, tmp_path) as house:
        yield house


@pytest.fixture
async def prompt_either_house(database: Database, tmp_path: Path) -> AsyncIterator[House]:
    """The same as `prompt_house` on each engine."""
    async with house_over(database, tmp_path, prompt=True) as house:
        yield house
