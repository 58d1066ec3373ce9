"""One installation for all stories: each tells its own with people and meetings of its own."""

from collections.abc import AsyncIterator

import pytest

from tests.e2e.house import House, opened_house


@pytest.fixture(scope="package")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with opened_house(tmp_path_factory.mktemp("house") / "data") as house:
        yield house
