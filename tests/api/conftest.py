"""The API over a real SQLite database, with a saga that runs inside the test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.house import House, opened_house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A running API with one owner, whose saga takes inputs only when told to."""
    async with opened_house(tmp_path) as house:
        yield house


@pytest.fixture
async def prompt_house(tmp_path: Path) -> AsyncIterator[House]:
    """The same with a saga that runs as soon as it is poked."""
    async with opened_house(tmp_path, prompt=True) as house:
        yield house
