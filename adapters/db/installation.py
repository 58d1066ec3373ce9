"""The identity of an installation, the secret it goes with, and what keeps its journal
positions growing."""

import hashlib
import hmac
import uuid
from datetime import UTC, datetime

import sqlalchemy as sa

from adapters.db.schema import installation
from domain.errors import BadInput


class WrongSecret(BadInput):
    """The secret is not the one that the database's addresses and links were made with."""

    def __init__(self) -> None:
        super().__init__(
            "The secret is not the one that this database was used with, so no address or link "
            "that was mailed would work. Give every process the same PARLEY_SECRET; without one, "
            "put the file `secret` back into the data directory, from a backup."
        )


def settle(c: sa.Connection) -> None:
    """Give a new database its identity. On PostgreSQL also keep journal positions growing when
    the data was restored into a cluster with lower transaction ids. Safe to run at every start.
    """
    if c.execute(sa.select(installation.c.id)).first() is None:
        now = datetime.now(UTC)
        c.execute(sa.insert(installation).values(id=str(uuid.uuid4()), created_at=now))
    if c.dialect.name == "postgresql":
        c.execute(_OUTGROW)


_OUTGROW = sa.text(
    """
    UPDATE installation SET transaction_offset = last.tick + 1 - pg_current_xact_id()::text::bigint
    FROM (SELECT max(position) >> 16 AS tick FROM journal) AS last
    WHERE last.tick >= pg_current_xact_id()::text::bigint + transaction_offset
    """
)


def knows_secret(c: sa.Connection) -> bool:
    """Whether the database has been used with a secret."""
    return c.execute(sa.select(installation.c.secret_fingerprint)).scalar_one() is not None


def check_secret(c: sa.Connection, secret: bytes) -> None:
    """Raises `WrongSecret` when the database has been used with another secret."""
    row = c.execute(sa.select(installation.c.id, installation.c.secret_fingerprint)).one()
    known = row.secret_fingerprint
    if known is not None and not hmac.compare_digest(known, _fingerprint(secret, row.id)):
        raise WrongSecret


def claim_secret(c: sa.Connection, secret: bytes) -> None:
    """Make `secret` the one of this database, unless it has one. Raises `WrongSecret` when that
    is another. Of processes that start together the first one's counts: the rest wait for it.
    """
    mine = _fingerprint(secret, installation_id(c))
    unclaimed = installation.c.secret_fingerprint.is_(None)
    c.execute(sa.update(installation).where(unclaimed).values(secret_fingerprint=mine))
    check_secret(c, secret)


def _fingerprint(secret: bytes, installation: str) -> str:
    """Says nothing about the secret, nor about those of other installations with the same one.
    No capability is claimed in these words, so it is no token either."""
    return hmac.new(secret, f"installation\n{installation}".encode(), hashlib.sha256).hexdigest()


def installation_id(c: sa.Connection) -> str:
    """The random id a database was given when it was created; a copy has the same one."""
    return str(c.execute(sa.select(installation.c.id)).scalar_one())
