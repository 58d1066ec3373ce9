"""What the engines' own errors mean to a caller: something is down, or the work was wrong."""

import logging
import sqlite3
from typing import NoReturn

from sqlalchemy import exc

from domain.errors import Unavailable

_DOWN = (
    "SQLITE_BUSY",
    "SQLITE_CANTOPEN",
    "SQLITE_CORRUPT",
    "SQLITE_FULL",
    "SQLITE_IOERR",
    "SQLITE_LOCKED",
    "SQLITE_NOTADB",
    "SQLITE_READONLY",
)


_log = logging.getLogger(__name__)


class DatabaseDown(Unavailable):
    """The database cannot be used. What callers are told says nothing about it: they may be
    anybody. `reason` is the engine's own sentence, for operators."""

    def __init__(self, reason: str) -> None:
        super().__init__("The database does not answer; try again.")
        self.reason = reason


class TryAgain(Exception):
    """The work lost a race that a new transaction will not see: run it again in one."""


def explained(error: BaseException) -> BaseException:
    """`error` as callers should see it: `DatabaseDown` when the database is to blame (the cause
    goes to the log: failures of activities are kept with theirs), itself otherwise.
    StopIteration, which no awaitable may carry, becomes RuntimeError."""
    if isinstance(error, StopIteration):
        return _caused(RuntimeError("work raised StopIteration"), error)
    if isinstance(error, TryAgain):
        return _caused(Unavailable("Too many writers at once; try again."), error)
    if isinstance(error, exc.TimeoutError):
        return _caused(Unavailable("Every database connection is in use; try again."), error)
    if isinstance(error, exc.DBAPIError) and is_down(error):
        return down(error)
    return error


def down(error: exc.DBAPIError) -> DatabaseDown:
    """The refusal for `error`, which is logged."""
    reason = reason_of(error)
    _log.warning("the database does not answer: %s", reason)
    return DatabaseDown(reason)


def reason_of(error: exc.DBAPIError) -> str:
    """What the engine said, for operators only: it may name hosts, users and files."""
    return (str(error.orig).strip().splitlines() or ["connection lost"])[0]


def raise_explained(error: BaseException) -> NoReturn:
    """Raises what `explained` says, keeping its cause."""
    cause = explained(error)
    raise cause from cause.__cause__


def is_down(error: exc.DBAPIError) -> bool:
    """Whether the store, not the statement, made `error`."""
    if isinstance(error.orig, sqlite3.Error):
        name: str = getattr(error.orig, "sqlite_errorname", "")
        return name.startswith(_DOWN)
    return error.connection_invalidated or isinstance(
        error, (exc.OperationalError, exc.InterfaceError)
    )


def _caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error
