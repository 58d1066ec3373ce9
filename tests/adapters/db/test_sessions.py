"""Desk sessions in the database, on both engines."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from adapters.db import keys
from adapters.db.database import Database
from adapters.db.schema import ended_sessions
from adapters.db.sessions import SqlSessions
from adapters.retention import Retention
from domain.access import Scope
from domain.errors import WrongKey
from tests.adapters.db.orders import NOW

HOUR = timedelta(hours=1)


async def key_of(database: Database) -> str:
    """The id of a key that may read meetings for an hour."""
    made, _ = await database.write(
        lambda c: keys.create(
            c,
            owner="main",
            name="desk",
            scopes=[Scope.MEETINGS_READ],
            at=NOW,
            expires_at=NOW + HOUR,
        )
    )
    return made.id


async def test_a_session_is_worth_what_its_key_is_worth_now(database: Database) -> None:
    key_id, sessions = await key_of(database), SqlSessions(database)

    principal = await sessions.principal_of(key_id, "mine", NOW)

    assert (principal.owner, principal.scopes) == ("main", frozenset([Scope.MEETINGS_READ]))
    with pytest.raises(WrongKey):
        await sessions.principal_of(key_id, "mine", NOW + HOUR)
    with pytest.raises(WrongKey):
        await sessions.principal_of("unknown", "mine", NOW)


async def test_an_ended_session_is_over_and_no_other(database: Database) -> None:
    key_id, sessions = await key_of(database), SqlSessions(database)

    for _ in range(2):
        await sessions.end("mine", NOW + HOUR)

    with pytest.raises(WrongKey):
        await sessions.principal_of(key_id, "mine", NOW)
    assert (await sessions.principal_of(key_id, "another", NOW)).key_id == key_id


async def test_an_ended_session_is_remembered_until_it_would_have_expired(
    database: Database,
) -> None:
    await SqlSessions(database).end("mine", NOW + HOUR)
    rows = sa.select(ended_sessions.c.session_hash)

    await Retention(database, now=lambda: NOW + HOUR).forget()
    kept = await database.read(lambda c: c.execute(rows).all())
    await Retention(database, now=lambda: NOW + HOUR + timedelta(seconds=1)).forget()
    left = await database.read(lambda c: c.execute(rows).all())

    assert (len(kept), len(left)) == (1, 0)
