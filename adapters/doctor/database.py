"""Whether the database can be written to, and has the schema this version works with."""

from pathlib import Path

import sqlalchemy as sa

from adapters.db.database import Database
from adapters.db.faults import DatabaseDown
from adapters.db.guard import DatabaseInUse
from adapters.db.installation import WrongSecret, check_secret, knows_secret
from adapters.db.opening import SchemaOutdated, open_database
from adapters.doctor.finding import Finding, fault, fine, skipped
from adapters.secret import installation_secret
from domain.errors import ParleyError
from settings import Settings

_MIGRATE = "Run `parley migrate`; it changes all or nothing. Back up first."


async def check_database(settings: Settings) -> list[Finding]:
    """Opens the database as a process of its own would. A SQLite file that a running Parley
    has is not touched: its own readiness says how it is."""
    url = settings.database
    if _is_missing_file(url):
        return [fault("database", "There is none yet.", "Start Parley once: `parley up`.")]
    try:
        database = open_database(url)
    except DatabaseInUse as busy:
        return [
            fine("database", f"Served by process {busy.pid}."),
            skipped("migrations", "The process that has the database checked them at its start."),
            skipped("secret", "The process that has the database checked it at its start."),
        ]
    except SchemaOutdated as old:
        return [fine("database", "Answers."), fault("migrations", str(old), _MIGRATE)]
    except ParleyError as refusal:
        advice = "Check PARLEY_DATABASE_URL, that the server runs, and the rights of this user."
        return [fault("database", _reason(refusal), advice)]
    try:
        migrations = fine("migrations", "The schema is up to date.")
        return [await _writes(database), migrations, await _secret(database, settings)]
    finally:
        await database.close()


def _is_missing_file(url: str) -> bool:
    """Whether `url` names a SQLite file that does not exist; looking must not create it."""
    target = sa.make_url(url)
    return target.get_backend_name() == "sqlite" and not Path(target.database or "").exists()


async def _writes(database: Database) -> Finding:
    """A write that changes nothing still needs the disk and the rights."""
    statement = sa.text("UPDATE installation SET transaction_offset = transaction_offset")
    try:
        await database.write(lambda c: c.execute(statement).rowcount)
    except (sa.exc.DBAPIError, ParleyError) as refusal:
        said = f"Cannot be written to: {_reason(refusal)}"
        return fault("database", said, "Check space and rights.")
    return fine("database", f"Takes writes ({database.dialect}).")


async def _secret(database: Database, settings: Settings) -> Finding:
    """Whether the secret is the one that was used so far; looking makes none."""
    try:
        is_known = await database.read(knows_secret)
        if not is_known and settings.is_embedded:
            return skipped("secret", "The first start settles it.")
        secret = installation_secret(settings, is_new=False)
        await database.read(lambda c: check_secret(c, secret))
    except WrongSecret as wrong:
        return fault("secret", str(wrong), "Find the secret before you start anything.")
    except ParleyError as refusal:
        return fault("secret", _reason(refusal), "Nothing that needs the database will start.")
    return fine("secret", "The one that was used so far." if is_known else "Can be used.")


def _reason(refusal: Exception) -> str:
    """What operators may know of it."""
    return refusal.reason if isinstance(refusal, DatabaseDown) else str(refusal)
