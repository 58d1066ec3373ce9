"""Promises of the first key: there is always one that works, and a crash loses nothing."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.db.database import Database
from adapters.db.keys import SqlKeys
from adapters.db.opening import open_database
from console.first_key import ensure_first_key
from domain.access import OPERATOR, Scope, read_key

NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)


async def test_the_first_key_stays_the_same_and_may_do_everything(
    sqlite_database: Database, tmp_path: Path
) -> None:
    first = await ensure_first_key(sqlite_database, tmp_path / "api-key", NOW)
    again = await ensure_first_key(sqlite_database, tmp_path / "api-key", NOW)

    assert first == again
    principal = await SqlKeys(sqlite_database).principal(first, NOW)
    assert (principal.owner, principal.may(Scope.MEETINGS_WRITE)) == (OPERATOR, True)


async def test_a_key_whose_row_was_lost_in_a_crash_is_made_good(
    sqlite_database: Database, tmp_path: Path
) -> None:
    elsewhere = open_database(f"sqlite:///{tmp_path / 'other.db'}", migrate=True)
    text = await ensure_first_key(elsewhere, tmp_path / "api-key", NOW)
    await elsewhere.close()

    assert await ensure_first_key(sqlite_database, tmp_path / "api-key", NOW) == text
    await SqlKeys(sqlite_database).principal(text, NOW)


@pytest.mark.parametrize("damage", ["revoked", "garbled"])
async def test_a_key_that_no_longer_works_is_replaced(
    sqlite_database: Database, tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "api-key"
    first = await ensure_first_key(sqlite_database, path, NOW)
    if damage == "revoked":
        await SqlKeys(sqlite_database).revoke(OPERATOR, read_key(first), NOW)
    else:
        path.write_text(first[:-3])

    second = await ensure_first_key(sqlite_database, path, NOW)

    assert second != first
    await SqlKeys(sqlite_database).principal(second, NOW)
