"""What every test may use: databases of both engines, and a clean way out."""

import os
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from adapters.db.database import Database
from adapters.db.opening import migrate, open_database
from tests.postgres import PostgresServer, find_binaries

_NO_POSTGRES = (
    "PostgreSQL is not installed (initdb neither on PATH nor in /usr/lib/postgresql): "
    "what is promised for PostgreSQL was NOT tested. On Debian: apt-get install postgresql."
)
_was_skipped = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_cmdline_main(config: pytest.Config) -> Iterator[None]:
    """Leave without interpreter finalisation after success: Temporal's native core may crash
    in it (SIGABRT or SIGSEGV) though every test passed, as in temporalio/sdk-python."""
    status = yield
    if status == 0 and "PYTEST_XDIST_WORKER" not in os.environ:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    return status


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if terminalreporter.config.stash.get(_was_skipped, False):
        terminalreporter.section("half of the database tests did not run", red=True)
        terminalreporter.write_line(_NO_POSTGRES, red=True)


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """A running server for the whole session; skips loudly without one, fails in CI."""
    binaries = find_binaries()
    if binaries is None:
        if os.environ.get("CI") == "true":
            pytest.fail(_NO_POSTGRES)
        request.config.stash[_was_skipped] = True
        pytest.skip(_NO_POSTGRES)
    server = PostgresServer(binaries)
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: PostgresServer) -> str:
    """The name of a migrated database to copy."""
    name = postgres_server.create()
    migrate(postgres_server.url(name))
    return name


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy."""
    path = tmp_path_factory.mktemp("migrated") / "parley.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """A fresh, migrated SQLite database that nobody has opened."""
    return f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'parley.db')}"


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, migrated_postgres: str) -> Iterator[str]:
    """A fresh, migrated PostgreSQL database."""
    name = postgres_server.create(template=migrated_postgres)
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh, migrated database; the test runs once on each engine."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open, empty database; the test runs once on each engine."""
    opened = open_database(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite_database(sqlite_url: str) -> AsyncIterator[Database]:
    """An open, empty SQLite database, for tests where the engine does not matter."""
    opened = open_database(sqlite_url)
    yield opened
    await opened.close()
