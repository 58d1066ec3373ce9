"""Schema versions: which one a database has, and how it gets to the newest."""

from pathlib import Path

import sqlalchemy as sa

NEWEST = "0011"
"""The schema this code works with: the last revision in `migrations/versions`."""

_VERSIONS = sa.table("alembic_version", sa.column("version_num", sa.Text))


def version_of(c: sa.Connection) -> str | None:
    """The schema version of the database behind `c`, None before the first migration."""
    if not sa.inspect(c).has_table("alembic_version"):
        return None
    found: str | None = c.execute(sa.select(_VERSIONS.c.version_num)).scalar()
    return found


def upgrade(c: sa.Connection) -> None:
    """Run every migration still to come, in the transaction of `c`."""
    from alembic import command  # only a start that migrates pays for loading it
    from alembic.config import Config

    # Big tables take their time, but a lock that nobody gives back is not waited for.
    if c.dialect.name == "postgresql":  # two processes starting together migrate one by one
        c.execute(sa.text("SET LOCAL statement_timeout = 0"))
        c.execute(sa.text("SET LOCAL lock_timeout = '60s'"))
        c.execute(sa.text("SELECT pg_advisory_xact_lock(7203871)"))
    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    config.attributes["connection"] = c
    command.upgrade(config, "head")


def _scripts() -> Path:
    return Path(__file__).with_name("migrations")
