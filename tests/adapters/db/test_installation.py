"""The secret of an installation: settled once, by the first process that has one."""

import asyncio

import pytest

from adapters.db.database import Database
from adapters.db.installation import WrongSecret, check_secret, claim_secret, knows_secret
from adapters.db.opening import open_database

FIRST, OTHER = b"f" * 32, b"o" * 32


async def test_the_first_secret_is_the_one_for_ever(database: Database) -> None:
    assert not await database.read(knows_secret)

    await database.write(lambda c: claim_secret(c, FIRST))

    assert await database.read(knows_secret)
    await database.write(lambda c: claim_secret(c, FIRST))
    for refuse in (claim_secret, check_secret):
        with pytest.raises(WrongSecret, match="PARLEY_SECRET"):
            await database.write(lambda c, refuse=refuse: refuse(c, OTHER))  # type: ignore[misc]  # bound now
    await database.read(lambda c: check_secret(c, FIRST))


async def test_of_processes_that_start_together_one_secret_wins(postgres_url: str) -> None:
    first, other = open_database(postgres_url), open_database(postgres_url)

    outcomes = await asyncio.gather(
        first.write(lambda c: claim_secret(c, FIRST)),
        other.write(lambda c: claim_secret(c, OTHER)),
        return_exceptions=True,
    )

    assert sorted(type(one).__name__ for one in outcomes) == ["NoneType", "WrongSecret"]
    await first.close()
    await other.close()
