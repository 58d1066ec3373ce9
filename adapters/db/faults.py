"""What the engines' own errors mean to a caller: something is down, or the work was wrong."""

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


class TryAgain(Exception):
    """The work lost a race that a new transaction will not see: run it again in one."""


def explained(error: BaseException) -> BaseException:
    """`error` as callers should see it: `Unavailable` when the database is to blame (its cause
    in `__cause__`), itself otherwise. StopIteration, which no awaitable may carry, becomes
    RuntimeError."""
    if isinstance(error, StopIteration):
        return _caused(RuntimeError("work raised StopIteration"), error)
    if isinstance(error, TryAgain):
        return _caused(Unavailable("Too many writers at once; try again."), error)
    if isinstance(error, exc.TimeoutError):
        return _caused(Unavailable("Every database connection is in use; try again."), error)
    if isinstance(error, exc.DBAPIError) and is_down(error):
        return _caused(Unavailable(f"The database does not answer: {_first_line(error)}"), error)
    return error


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


def _first_line(error: exc.DBAPIError) -> str:
    return (str(error.orig).strip().splitlines() or ["connection lost"])[0]
