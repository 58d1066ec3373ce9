"""API keys: made once, kept as a hash, found by the id within their text."""

import secrets
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from adapters.db.bell import ring_after_commit
from adapters.db.database import Database
from adapters.db.schema import api_keys
from domain.access import (
    KEY_ENTROPY,
    ApiKey,
    NewKey,
    Principal,
    Scope,
    make_key,
    open_key,
    read_key,
)
from domain.errors import NotFound, Refused, Unavailable

MOST_LIVE_KEYS = 100
"""Keys of one owner that are neither revoked nor expired."""

_FIND = sa.select(api_keys).where(api_keys.c.id == sa.bindparam("key_id"))
_LIST = (
    sa.select(api_keys)
    .where(api_keys.c.owner == sa.bindparam("owner"))
    .order_by(api_keys.c.created_at, api_keys.c.id)
)
_LIVE = (
    sa.select(sa.func.count())
    .select_from(api_keys)
    .where(api_keys.c.owner == sa.bindparam("owner"))
    .where(api_keys.c.revoked_at.is_(None))
    .where(
        sa.or_(
            api_keys.c.expires_at.is_(None),
            api_keys.c.expires_at > sa.bindparam("at", type_=api_keys.c.created_at.type),
        )
    )
)
_TOUCH = (
    sa.update(api_keys)
    .where(api_keys.c.id == sa.bindparam("key_id"))
    .values(last_used_at=sa.bindparam("at"))
)


def create(
    c: sa.Connection,
    *,
    owner: str,
    name: str,
    scopes: Iterable[Scope],
    at: datetime,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, NewKey]:
    """Make a key; its text is in the `NewKey` and nowhere else.

    Raises `Refused` when the owner has `MOST_LIVE_KEYS` already.
    """
    if c.execute(_LIVE, {"owner": owner, "at": at}).scalar_one() >= MOST_LIVE_KEYS:
        raise Refused(f"There are {MOST_LIVE_KEYS} keys already; revoke one first.")
    new = make_key(secrets.token_bytes(KEY_ENTROPY))
    key = ApiKey(
        id=new.id,
        owner=owner,
        name=name,
        scopes=frozenset(scopes),
        secret_hash=new.secret_hash,
        created_at=at,
        expires_at=expires_at,
    )
    c.execute(sa.insert(api_keys), key.model_dump() | {"scopes": sorted(key.scopes)})
    return key, new


def find(c: sa.Connection, key_id: str) -> ApiKey | None:
    """The stored key, revoked or not, or None."""
    row = c.execute(_FIND, {"key_id": key_id}).one_or_none()
    return None if row is None else _key(row)


def get(c: sa.Connection, owner: str, key_id: str) -> ApiKey:
    """Raises `NotFound`, also for another owner's key."""
    key = find(c, key_id)
    if key is None or key.owner != owner:
        raise NotFound("There is no such key.")
    return key


def list_of(c: sa.Connection, owner: str) -> list[ApiKey]:
    """The owner's keys, revoked ones too, oldest first."""
    return [_key(row) for row in c.execute(_LIST, {"owner": owner})]


def revoke(c: sa.Connection, owner: str, key_id: str, at: datetime) -> ApiKey:
    """Make a key open nothing from now on; a second call changes nothing. Raises `NotFound`."""
    key = get(c, owner, key_id)
    if key.revoked_at is not None:
        return key
    c.execute(sa.update(api_keys).where(api_keys.c.id == key_id).values(revoked_at=at))
    ring_after_commit(c, "keys")
    return key.model_copy(update={"revoked_at": at})


def touch(c: sa.Connection, key_id: str, at: datetime) -> None:
    """Remember that a key was used."""
    c.execute(_TOUCH, {"key_id": key_id, "at": at})


def _key(row: sa.Row[Any]) -> ApiKey:
    return ApiKey.model_validate(dict(row._mapping))


class _Seen(NamedTuple):
    """A key as the database had it at an instant, when so many revocations were known."""

    key: ApiKey
    at: datetime
    rung: int


REMEMBERED = timedelta(seconds=1)
"""How long a key is not looked up again."""


def _is_fresh(seen_at: datetime, now: datetime) -> bool:
    """Not when the clock was put back either."""
    return timedelta(0) <= now - seen_at < REMEMBERED


class SqlKeys:
    """The keys of a database, as the API needs them."""

    FRESHNESS = timedelta(minutes=1)
    """How exact `last_used_at` is: a write for every request would cost more than the request."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: dict[str, _Seen] = {}  # bounded by the keys there are

    async def principal(self, key: str, at: datetime) -> Principal:
        """Who calls with `key` at `at` (aware UTC). Raises `WrongKey`.

        A key that another process revoked may open for `REMEMBERED` more; one that was revoked
        in this process opens nothing at once.
        """
        key_id = read_key(key)
        stored = await self._find(key_id, at)
        principal = open_key(stored, key, at)
        if stored is not None and _is_stale(stored.last_used_at, at, self.FRESHNESS):
            await self._touch(stored, at)
        return principal

    async def is_live(self, key_id: str, at: datetime) -> bool:
        """Whether the key still opens anything at `at` (aware UTC)."""
        stored = await self._find(key_id, at)
        return stored is not None and stored.is_live(at)

    async def _find(self, key_id: str, at: datetime) -> ApiKey | None:
        rung = self._database.bell.rung("keys")  # before the look, or a revocation could slip by
        seen = self._seen.get(key_id)
        if seen is not None and seen.rung == rung and _is_fresh(seen.at, at):
            return seen.key
        stored = await self._database.read(lambda c: find(c, key_id))
        if stored is not None:
            self._seen[key_id] = _Seen(stored, at, rung)
        return stored

    async def _touch(self, stored: ApiKey, at: datetime) -> None:
        # Before the write, so that requests beside this one do not write as well.
        if (seen := self._seen.get(stored.id)) is not None:
            touched = seen.key.model_copy(update={"last_used_at": at})
            self._seen[stored.id] = seen._replace(key=touched)
        # A read must not fail because the note that it happened could not be written.
        with suppress(Unavailable):
            await self._database.write(lambda c: touch(c, stored.id, at))

    async def create(
        self,
        owner: str,
        name: str,
        scopes: Iterable[Scope],
        at: datetime,
        expires_at: datetime | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key and its text, which cannot be had again. Raises `Refused`."""
        wanted = frozenset(scopes)
        key, new = await self._database.write(
            lambda c: create(c, owner=owner, name=name, scopes=wanted, at=at, expires_at=expires_at)
        )
        return key, new.text

    async def get(self, owner: str, key_id: str) -> ApiKey:
        """Raises `NotFound`."""
        return await self._database.read(lambda c: get(c, owner, key_id))

    async def list_of(self, owner: str) -> list[ApiKey]:
        """The owner's keys, revoked ones too, oldest first."""
        return await self._database.read(lambda c: list_of(c, owner))

    async def revoke(self, owner: str, key_id: str, at: datetime) -> ApiKey:
        """Raises `NotFound`."""
        return await self._database.write(lambda c: revoke(c, owner, key_id, at))


def _is_stale(last_used_at: datetime | None, at: datetime, freshness: timedelta) -> bool:
    return last_used_at is None or at - last_used_at >= freshness
