"""Opening a database by its URL, and bringing its schema up to date."""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import exc

from adapters.db import migrating, sqlite
from adapters.db.database import Database
from adapters.db.guard import FileGuard
from adapters.db.installation import settle
from domain.errors import BadInput, Unavailable


class SchemaOutdated(Unavailable):
    """The database has another schema than this version of Parley works with."""

    def __init__(self, found: str | None, needed: str) -> None:
        has = "no schema yet" if found is None else f"schema {found}"
        super().__init__(f"The database has {has}, this Parley needs {needed}; migrate it first.")


def open_database(url: str, *, migrate: bool = False) -> Database:
    """The database behind a SQLAlchemy URL: `sqlite:////path/file.db` or `postgresql://…`.

    With `migrate` its schema is brought up to date first, else it must be so already.
    Raises `BadInput` for a URL it cannot serve, `DatabaseInUse` when another process has the
    SQLite file, `SchemaOutdated`, and `Unavailable` when the server does not answer.
    """
    target = _target(url)
    return _open_file(target, migrate)


def migrate(url: str) -> None:
    """Bring the schema behind `url` up to date, all or nothing; a second call does nothing.

    Raises as `open_database` does.
    """
    target = _target(url)
    guard = _guarded(target)
    try:
        _prepare(sqlite.engine(_path(target)), migrate=True)
    finally:
        guard.release()


def _open_file(url: sa.URL, migrate: bool) -> Database:
    guard = _guarded(url)
    try:
        _prepare(sqlite.engine(_path(url)), migrate)
        return sqlite.SqliteDatabase(_path(url), guard)
    except BaseException:
        guard.release()
        raise


def _prepare(engine: sa.Engine, migrate: bool) -> None:
    try:
        with engine.begin() as connection:
            if migrate:
                migrating.upgrade(connection)
            _check(connection)
            settle(connection)
    finally:
        engine.dispose()


def _check(connection: sa.Connection) -> None:
    found = migrating.version_of(connection)
    if found != migrating.NEWEST:
        raise SchemaOutdated(found, migrating.NEWEST)


def _target(url: str) -> sa.URL:
    try:
        target = sa.make_url(url)
    except exc.ArgumentError as error:
        raise BadInput("The database URL cannot be read.", field="database_url") from error
    if target.get_backend_name() == "sqlite" and target.database not in (None, "", ":memory:"):
        return target
    raise BadInput(
        "The database URL must name a SQLite file (sqlite:////var/lib/parley/parley.db) or a "
        "PostgreSQL database (postgresql://user@host/name).",
        field="database_url",
    )


def _path(url: sa.URL) -> Path:
    return Path(url.database or "").resolve()


def _guarded(url: sa.URL) -> FileGuard:
    path = _path(url)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        guard = FileGuard(path)
        path.touch(mode=0o600)  # names and addresses are in it
    except OSError as error:
        raise Unavailable(f"{path} cannot be opened: {error.strerror}.") from error
    return guard
