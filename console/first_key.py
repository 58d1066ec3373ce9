"""The first API key of an installation, so that a new one can be used at once."""

import secrets
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from adapters.db import keys
from adapters.db.database import Database
from adapters.db.schema import api_keys
from adapters.secret import kept_or_made
from domain.access import KEY_ENTROPY, OPERATOR, ApiKey, Scope, key_hash, make_key, read_key
from domain.errors import WrongKey


async def ensure_first_key(database: Database, path: Path, at: datetime) -> str:
    """The text of a live key with every right, kept in `path` (readable by its owner only).

    The file comes first and the row second, so a crash in between leaves a key that the next
    call makes good. A key that was revoked, or is damaged, is replaced by a new one.
    """
    text = kept_or_made(path, make_key(secrets.token_bytes(KEY_ENTROPY)).text)
    if await database.write(lambda c: _settle(c, text, at)):
        return text
    _discard(path)
    return await ensure_first_key(database, path, at)


def _discard(path: Path) -> None:
    path.unlink(missing_ok=True)


def _settle(c: sa.Connection, text: str, at: datetime) -> bool:
    """Make sure that the key is known; False when it can no longer be used."""
    try:
        key_id = read_key(text)
    except WrongKey:
        return False
    found = keys.find(c, key_id)
    if found is None:
        c.execute(sa.insert(api_keys), _row(key_id, text, at))
        return True
    return found.is_live(at) and found.secret_hash == key_hash(text)


def _row(key_id: str, text: str, at: datetime) -> dict[str, object]:
    key = ApiKey(
        id=key_id,
        owner=OPERATOR,
        name="first key",
        scopes=frozenset({Scope.ADMIN}),
        secret_hash=key_hash(text),
        created_at=at,
    )
    return key.model_dump() | {"scopes": sorted(key.scopes)}
