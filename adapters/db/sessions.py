"""Desk sessions: the keys behind them, and those that were ended before their time."""

from datetime import datetime

import sqlalchemy as sa

from adapters.db import keys
from adapters.db.database import Database
from adapters.db.schema import ended_sessions
from adapters.db.statements import insert_if_new
from domain.access import Principal
from domain.errors import WrongKey

_END = insert_if_new(ended_sessions, ["session_hash"])
_IS_ENDED = sa.select(ended_sessions.c.session_hash).where(
    ended_sessions.c.session_hash == sa.bindparam("session")
)
_FORGET = sa.delete(ended_sessions).where(ended_sessions.c.until < sa.bindparam("now"))


def end(c: sa.Connection, session_hash: str, until: datetime) -> None:
    """Let the session open nothing more. `until` is when its cookie expires by itself; a second
    call changes nothing."""
    c.execute(_END, {"session_hash": session_hash, "until": until})


def is_ended(c: sa.Connection, session_hash: str) -> bool:
    return c.execute(_IS_ENDED, {"session": session_hash}).first() is not None


def forget_expired(c: sa.Connection, now: datetime) -> int:
    """Drop what has expired at `now` anyhow. Returns how many."""
    return int(c.execute(_FORGET, {"now": now}).rowcount)


class SqlSessions:
    """Sessions as the pages ask for them, looked up at every request."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def principal_of(self, key_id: str, session_hash: str, at: datetime) -> Principal:
        """Who that session of this key is. Raises `WrongKey` once the session was ended, or its
        key revoked or expired."""

        def look(c: sa.Connection) -> Principal:
            key = keys.find(c, key_id)
            if key is None or not key.is_live(at) or is_ended(c, session_hash):
                raise WrongKey("Sign in again: this session is over.")
            return key.principal

        return await self._database.read(look)

    async def end(self, session_hash: str, until: datetime) -> None:
        """Remember, durably, that the session is over before `until`, when it would be anyhow."""
        await self._database.write(lambda c: end(c, session_hash, until))
