"""Keys are kept as hashes, open until they are revoked, and belong to one owner."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from adapters.db import keys
from adapters.db.database import Database
from adapters.db.keys import REMEMBERED, SqlKeys
from adapters.db.schema import api_keys
from domain.access import Scope
from domain.errors import NotFound, Refused, Unavailable, WrongKey

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)


async def test_a_new_key_opens_for_its_owner_with_its_scopes(database: Database) -> None:
    store = SqlKeys(database)
    key, text = await store.create("main", "site", [Scope.PEOPLE, Scope.WEBHOOKS], NOW)

    principal = await store.principal(text, NOW)

    assert principal.key_id == key.id
    assert principal.owner == "main"
    assert principal.scopes == {Scope.PEOPLE, Scope.WEBHOOKS}


async def test_a_key_revoked_in_this_process_opens_nothing_at_once(database: Database) -> None:
    store, elsewhere = SqlKeys(database), SqlKeys(database)
    key, text = await store.create("main", "site", [Scope.ADMIN], NOW)
    await store.principal(text, NOW)

    await elsewhere.revoke("main", key.id, NOW)

    assert not await store.is_live(key.id, NOW)
    with pytest.raises(WrongKey):
        await store.principal(text, NOW)


async def test_a_key_revoked_by_another_process_opens_nothing_after_a_second(
    database: Database,
) -> None:
    store = SqlKeys(database)
    key, text = await store.create("main", "site", [Scope.ADMIN], NOW)
    await store.principal(text, NOW)
    revoked = sa.update(api_keys).where(api_keys.c.id == key.id).values(revoked_at=NOW)

    await database.write(lambda c: c.execute(revoked).rowcount)  # no bell rings here

    assert (await store.principal(text, NOW + REMEMBERED / 2)).key_id == key.id
    with pytest.raises(WrongKey):
        await store.principal(text, NOW + REMEMBERED)
    with pytest.raises(WrongKey):
        await store.principal(text, NOW - REMEMBERED)  # the clock was put back


async def test_a_remembered_key_expires_on_time(database: Database) -> None:
    store, end = SqlKeys(database), NOW + REMEMBERED / 2
    _, text = await store.create("main", "site", [Scope.ADMIN], NOW, end)
    await store.principal(text, NOW)

    with pytest.raises(WrongKey):
        await store.principal(text, end)


async def test_the_database_holds_no_key(database: Database) -> None:
    _, text = await SqlKeys(database).create("main", "site", [Scope.ADMIN], NOW)

    rows = await database.read(lambda c: c.execute(sa.select(api_keys)).all())

    secret = text.split("_")[2]
    assert secret not in str(rows)
    assert secret[:20] not in str(rows)


async def test_another_secret_under_a_known_id_opens_nothing(database: Database) -> None:
    store = SqlKeys(database)
    _, one = await store.create("main", "one", [Scope.ADMIN], NOW)
    await store.create("main", "two", [Scope.ADMIN], NOW)
    await database.write(
        lambda c: c.execute(sa.update(api_keys).values(secret_hash="0" * 64)).rowcount
    )

    with pytest.raises(WrongKey):
        await store.principal(one, NOW)


async def test_a_revoked_key_opens_nothing_at_once(database: Database) -> None:
    store = SqlKeys(database)
    key, text = await store.create("main", "site", [Scope.ADMIN], NOW)
    await store.principal(text, NOW)

    revoked = await store.revoke("main", key.id, NOW)
    again = await store.revoke("main", key.id, NOW + timedelta(days=1))

    assert revoked.revoked_at == again.revoked_at == NOW
    with pytest.raises(WrongKey):
        await store.principal(text, NOW)


async def test_a_key_expires_at_its_instant(database: Database) -> None:
    store = SqlKeys(database)
    until = NOW + timedelta(days=1)
    _, text = await store.create("main", "site", [Scope.ADMIN], NOW, until)

    assert await store.principal(text, until - timedelta(microseconds=1))
    with pytest.raises(WrongKey):
        await store.principal(text, until)


async def test_use_is_noted_once_a_minute(database: Database) -> None:
    store = SqlKeys(database)
    key, text = await store.create("main", "site", [Scope.ADMIN], NOW)
    seen = []
    for seconds in (0, 59, 60):
        await store.principal(text, NOW + timedelta(seconds=seconds))
        seen.append((await store.get("main", key.id)).last_used_at)

    assert seen == [NOW, NOW, NOW + timedelta(seconds=60)]


class ReadOnly:
    """A database that can be read but not written for now."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.dialect = database.dialect
        self.bell = database.bell
        self.read = database.read
        self.close = database.close

    async def write(self, work: object) -> None:
        raise Unavailable("The disk is full.")


async def test_a_key_opens_even_when_its_use_cannot_be_noted(database: Database) -> None:
    _, text = await SqlKeys(database).create("main", "site", [Scope.ADMIN], NOW)

    principal = await SqlKeys(ReadOnly(database)).principal(text, NOW)  # type: ignore[arg-type]  # its write never returns

    assert principal.owner == "main"


async def test_keys_of_another_owner_are_not_there(database: Database) -> None:
    store = SqlKeys(database)
    key, text = await store.create("main", "site", [Scope.ADMIN], NOW)

    with pytest.raises(NotFound):
        await store.get("other", key.id)
    with pytest.raises(NotFound):
        await store.revoke("other", key.id, NOW)

    assert await store.list_of("other") == []
    assert await store.principal(text, NOW)


async def test_keys_are_listed_oldest_first_revoked_ones_too(database: Database) -> None:
    store = SqlKeys(database)
    made = [
        (await store.create("main", f"key {n}", [Scope.ADMIN], NOW + timedelta(seconds=n)))[0]
        for n in range(3)
    ]
    await store.revoke("main", made[1].id, NOW)

    listed = await store.list_of("main")

    assert [key.id for key in listed] == [key.id for key in made]
    assert [key.revoked_at for key in listed] == [None, NOW, None]


async def test_an_owner_has_a_bounded_number_of_live_keys(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "MOST_LIVE_KEYS", 2)
    store = SqlKeys(database)
    first, _ = await store.create("main", "one", [Scope.ADMIN], NOW)
    await store.create("main", "two", [Scope.ADMIN], NOW)

    with pytest.raises(Refused, match="revoke one first"):
        await store.create("main", "three", [Scope.ADMIN], NOW)

    await store.revoke("main", first.id, NOW)
    assert await store.create("main", "three", [Scope.ADMIN], NOW, NOW + timedelta(hours=1))
    assert await store.create("main", "four", [Scope.ADMIN], NOW + timedelta(hours=1))
