"""Opening a database by its URL, and bringing its schema up to date."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import exc

from adapters.db import migrating, postgres, sqlite
from adapters.db.database import Database
from adapters.db.faults import raise_explained
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
    SQLite file, `SchemaOutdated`, and `Unavailable` when the database cannot be reached.
    """
    target = _target(url)
    if target.get_backend_name() == "sqlite":
        return _open_file(_path(target), migrate)
    _prepare(postgres.engine(target, connections=1), migrate)
    return postgres.PostgresDatabase(target)


def migrate(url: str) -> None:
    """Bring the schema behind `url` up to date, all or nothing; a second call does nothing.

    Raises as `open_database` does.
    """
    target = _target(url)
    if target.get_backend_name() == "postgresql":
        _prepare(postgres.engine(target, connections=1), migrate=True)
        return
    guard = _guarded(_path(target))
    try:
        _prepare(sqlite.engine(_path(target)), migrate=True)
    finally:
        guard.release()


def schema_version(url: str) -> str | None:
    """The schema version of the database behind `url`, None when it has none yet or there is no
    such file. Only looks, so it may be asked while another process has the file.

    Raises `BadInput`, `Unavailable`.
    """
    target = _target(url)
    if target.get_backend_name() == "postgresql":
        engine = postgres.engine(target, connections=1)
    elif _path(target).exists():
        engine = sqlite.engine(_path(target), begin="BEGIN")
    else:
        return None
    with _working(engine) as connection:
        return migrating.version_of(connection)


def _open_file(path: Path, migrate: bool) -> Database:
    guard = _guarded(path)
    try:
        _prepare(sqlite.engine(path), migrate)
        return sqlite.SqliteDatabase(path, guard)
    except BaseException:
        guard.release()
        raise


def _prepare(engine: sa.Engine, migrate: bool) -> None:
    with _working(engine) as connection:
        if migrate:
            migrating.upgrade(connection)
        found = migrating.version_of(connection)
        if found != migrating.NEWEST:
            raise SchemaOutdated(found, migrating.NEWEST)
        settle(connection)


@contextmanager
def _working(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction on an engine that is used for nothing else."""
    try:
        with engine.begin() as connection:
            yield connection
    except exc.DBAPIError as error:
        raise_explained(error)
    finally:
        engine.dispose()


def _target(url: str) -> sa.URL:
    """`url` with the driver Parley uses. The URL may hold a password: no message repeats it."""
    try:
        target = sa.make_url(url.replace("postgres://", "postgresql://", 1))
    except (exc.ArgumentError, ValueError):
        raise _bad_url() from None
    if target.get_backend_name() == "postgresql":
        return target.set(drivername="postgresql+psycopg")
    if target.get_backend_name() == "sqlite" and target.database not in (None, "", ":memory:"):
        return target
    raise _bad_url()


def _bad_url() -> BadInput:
    return BadInput(
        "The database URL must name a SQLite file (sqlite:////var/lib/parley/parley.db) or a "
        "PostgreSQL database (postgresql://user@host/name).",
        field="database_url",
    )


def _path(url: sa.URL) -> Path:
    return Path(url.database or "").resolve()


def _guarded(path: Path) -> FileGuard:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        guard = FileGuard(path)
        path.touch(mode=0o600)  # names and addresses are in it
    except OSError as error:
        raise Unavailable(f"{path} cannot be opened: {error.strerror}.") from error
    return guard
