"""Migrations lead exactly where the code's schema is, and nothing works half migrated."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from adapters.db import installation, migrating, outbox_claims
from adapters.db.faults import DatabaseDown
from adapters.db.opening import SchemaOutdated, migrate, open_database, schema_version
from adapters.db.schema import inbox, metadata, outbox
from domain.errors import BadInput, Unavailable
from tests.adapters.outbox_rows import NOON
from tests.postgres import PostgresServer

_SQLITE_LOOKS = "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'alembic%'"
_POSTGRES_LOOKS = """
    SELECT table_name || '.' || column_name,
           concat_ws(' ', data_type, is_nullable, column_default, is_identity)
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name <> 'alembic_version'
    UNION ALL
    SELECT indexname, indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""


def looks(url: str, query: str) -> dict[str, str]:
    """Every table and index of a database in the words of its engine, layout aside."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as c:
        found = {name: sql for name, sql in c.exec_driver_sql(query) if sql}
    engine.dispose()
    return {name: _parts(sql) for name, sql in found.items()}


def _parts(sql: str) -> str:
    lines = sql.replace('"', "").replace(", ", ",").split(",")
    return ",".join(sorted(" ".join(line.split()) for line in lines))


def create_directly(url: str) -> None:
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    metadata.create_all(engine)
    engine.dispose()


def test_migrations_lead_to_the_schema_on_sqlite(sqlite_url: str, tmp_path: Path) -> None:
    direct = f"sqlite:///{tmp_path / 'direct.db'}"
    create_directly(direct)

    migrated = looks(sqlite_url, _SQLITE_LOOKS)

    assert migrated == looks(direct, _SQLITE_LOOKS)
    assert "CREATE TABLE journal" in str(migrated)


def test_migrations_lead_to_the_schema_on_postgresql(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    direct = postgres_server.create()
    create_directly(postgres_server.url(direct))

    migrated = looks(postgres_url, _POSTGRES_LOOKS)

    assert migrated == looks(postgres_server.url(direct), _POSTGRES_LOOKS)
    assert "journal.position" in migrated
    postgres_server.drop(direct)


def test_the_code_works_with_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrating.__file__).parent / "migrations"))

    assert ScriptDirectory.from_config(config).get_current_head() == migrating.NEWEST


async def test_opening_may_migrate(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'parley.db'}"

    database = open_database(url, migrate=True)

    assert await database.read(migrating.version_of) == migrating.NEWEST
    await database.close()


async def test_migrating_again_changes_nothing(database_url: str) -> None:
    migrate(database_url)

    database = open_database(database_url, migrate=True)
    first = await database.read(installation.installation_id)
    await database.close()
    again = open_database(database_url)
    assert await again.read(installation.installation_id) == first
    await again.close()


def test_a_database_without_schema_is_refused(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    bare = postgres_server.create()
    for url in (f"sqlite:///{tmp_path / 'bare.db'}", postgres_server.url(bare)):
        assert schema_version(url) is None
        with pytest.raises(SchemaOutdated, match="no schema yet"):
            open_database(url)
        migrate(url)  # the refusal left nothing in the way
        assert schema_version(url) == migrating.NEWEST
    postgres_server.drop(bare)


def test_a_newer_schema_is_refused(sqlite_url: str) -> None:
    engine = sa.create_engine(sqlite_url)
    with engine.begin() as c:
        c.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()

    with pytest.raises(SchemaOutdated, match="9999"):
        open_database(sqlite_url)


async def test_the_version_can_be_asked_while_the_database_is_open(sqlite_url: str) -> None:
    database = open_database(sqlite_url)

    assert schema_version(sqlite_url) == migrating.NEWEST
    await database.close()


@pytest.mark.parametrize("url", ["", "sqlite://", "sqlite:///:memory:", "mysql://host/x", "parley"])
def test_a_url_it_cannot_serve_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(BadInput, match="sqlite:////var/lib"):
        open_database(url)


def test_a_place_it_cannot_use_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(Unavailable, match="cannot be opened"):
        open_database(f"sqlite:///{tmp_path / 'file' / 'parley.db'}", migrate=True)


def test_a_file_that_is_no_database_is_said_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "parley.db"
    path.write_bytes(b"not a database, but longer than a header of one hundred bytes" * 20)

    with pytest.raises(DatabaseDown) as refused:
        open_database(f"sqlite:///{path}")

    assert "not a database" in refused.value.reason


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(
    request: pytest.FixtureRequest, tmp_path: Path, postgres_server: PostgresServer
) -> Iterator[str]:
    """The URL of a database without a schema."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'old.db'}"
        return
    name = postgres_server.create()
    yield postgres_server.url(name)
    postgres_server.drop(name)


def _migrate_to(url: str, revision: str) -> sa.Engine:
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    config = Config()
    config.set_main_option("script_location", str(Path(migrating.__file__).parent / "migrations"))
    with engine.begin() as c:
        config.attributes["connection"] = c
        command.upgrade(config, revision)
    return engine


_OLD_ROW = sa.text(
    """
    INSERT INTO outbox (kind, subject, occasion, recipient, party, owner, mail_from, message_id,
                        raw, state, attempts, next_at, token, created_at, sent_at)
    VALUES ('meeting.invitation', 'meeting/7f3a', :state, 'Ana@Example.org', 1, 'main',
            'b+x@parley.example', :state, :raw, :state, :attempts, 5, :attempts, 5, :sent)
    """
)


async def test_mail_of_a_database_of_the_ground_floor_goes_on_as_it_was(empty: str) -> None:
    old = _migrate_to(empty, "0001")
    states = {"queued": 0, "retry": 2, "sent": 1, "failed": 1, "uncertain": 1}
    with old.begin() as c:
        for state, attempts in states.items():
            sent = 7 if state == "sent" else None
            c.execute(_OLD_ROW, {"state": state, "attempts": attempts, "raw": b"x", "sent": sent})
    old.dispose()

    migrate(empty)

    database = open_database(empty)
    claims = await database.write(
        lambda c: outbox_claims.claim(c, "one", 10, NOON, NOON + timedelta(minutes=5))
    )
    rows = await database.read(lambda c: c.execute(sa.select(outbox).order_by(outbox.c.id)).all())
    await database.close()
    assert [one.attempt for one in claims] == [1, 3]
    assert [one.raw for one in claims] == [b"x", b"x"]
    assert [one.on_unknown for one in claims] == ["hold", "hold"]  # as they were promised
    assert {one.domain for one in claims} == {"example.org"}
    assert [row.state for row in rows] == ["claimed", "claimed", "sent", "failed", "uncertain"]
    assert [row.proof for row in rows] == [None, None, "reply", None, None]
    assert {row.folded_recipient for row in rows} == {"ana@example.org"}


_OLD_MEETING = sa.text(
    """
    INSERT INTO meetings (id, owner, title, description, location, organizer, terms, status,
                          sequence, version, created_at, updated_at)
    VALUES ('7f3a', 'shop', 'Tea', '', '', '', '{}', 'negotiating', 0, 1, 5, 5)
    """
)
_OLD_MAIL = sa.text(
    """
    INSERT INTO inbox (key, stream, party, purpose, mail_from, source, raw, received_at)
    VALUES (:stream, :stream, 1, 'r', '', 'smtp', :raw, 5)
    """
)
_OLD_TOKEN = sa.text(
    """
    INSERT INTO capabilities (token_hash, purpose, stream, party, generation, created_at)
    VALUES (:hash, 'r', 'meeting/7f3a', 1, :generation, :at)
    """
)


async def test_mail_that_came_before_is_its_owners(empty: str) -> None:
    old = _migrate_to(empty, "0002")
    streams = ("meeting/7f3a", "external/club/order/7", "recipient/club/5e", "probe/1")
    with old.begin() as c:
        c.execute(_OLD_MEETING)
        for stream in streams:
            c.execute(_OLD_MAIL, {"stream": stream, "raw": b"x"})
        for generation, at in ((1, 1), (2, 4), (3, 6)):
            c.execute(_OLD_TOKEN, {"hash": f"{at}", "generation": generation, "at": at})
    old.dispose()

    migrate(empty)

    database = open_database(empty)
    query = sa.select(inbox.c.owner, inbox.c.generation).order_by(inbox.c.id)
    rows = await database.read(lambda c: c.execute(query).all())
    await database.close()
    assert [row.owner for row in rows] == ["shop", "club", "club", "main"]
    assert [row.generation for row in rows] == [2, 1, 1, 1]  # the newest when it came
