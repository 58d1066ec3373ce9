"""Capabilities: what the tokens in mail addresses and page links open. Only hashes are kept."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from adapters.db.schema import capabilities
from adapters.db.statements import insert_if_new
from domain.access import Capability, Purpose, derive_token, token_hash

_INSERT = insert_if_new(capabilities, ["token_hash"])
_FIND = (
    sa.select(capabilities)
    .where(capabilities.c.token_hash == sa.bindparam("hash"))
    .where(capabilities.c.revoked_at.is_(None))
)
_FIND_REVOKED = (
    sa.select(capabilities)
    .where(capabilities.c.token_hash == sa.bindparam("hash"))
    .where(capabilities.c.revoked_at.is_not(None))
)
_OF_STREAM = (
    sa.select(capabilities)
    .where(capabilities.c.stream == sa.bindparam("stream"))
    .order_by(capabilities.c.generation)
)
_REVOKE = (
    sa.update(capabilities)
    .where(capabilities.c.stream == sa.bindparam("of_stream"))
    .where(capabilities.c.party == sa.bindparam("of_party"))
    .where(capabilities.c.purpose == sa.bindparam("for_purpose"))
    .where(capabilities.c.revoked_at.is_(None))
    .values(
        revoked_at=sa.bindparam("at"),
        address=sa.func.coalesce(capabilities.c.address, sa.bindparam("whose", type_=sa.Text)),
    )
)


def grant(
    c: sa.Connection,
    secret: bytes,
    capability: Capability,
    at: datetime,
    *,
    address: str | None = None,
) -> str:
    """Make the token of `capability` known, and return it; a second call changes nothing.
    `address` is whose it is, where its stream does not tell."""
    token = derive_token(secret, capability)
    c.execute(_INSERT, {**_row(capability, token, at), "address": address})
    return token


def grant_all(c: sa.Connection, secret: bytes, granted: Sequence[Capability], at: datetime) -> None:
    """Make the tokens of many capabilities known by one statement."""
    rows = [_row(each, derive_token(secret, each), at) for each in granted]
    c.execute(_INSERT, rows)


def _row(capability: Capability, token: str, at: datetime) -> dict[str, object]:
    return {
        "token_hash": token_hash(capability.purpose, token),
        "purpose": capability.purpose.value,
        "stream": capability.stream,
        "party": capability.party,
        "generation": capability.generation,
        "created_at": at,
    }


def find(c: sa.Connection, purpose: Purpose, token: str) -> Capability | None:
    """What `token` opens for `purpose`; None for unknown and for revoked ones alike."""
    row = c.execute(_FIND, {"hash": token_hash(purpose, token)}).first()
    return None if row is None else _capability(row)


def find_revoked(c: sa.Connection, purpose: Purpose, token: str) -> Capability | None:
    """What `token` opened before it was revoked: it tells whose a mail is, and opens nothing."""
    row = c.execute(_FIND_REVOKED, {"hash": token_hash(purpose, token)}).first()
    return None if row is None else _capability(row)


def newest(c: sa.Connection, stream: str) -> dict[tuple[int, Purpose], Capability]:
    """The newest generation of each party's capabilities, revoked or not: what its mails carry."""
    found = (_capability(row) for row in c.execute(_OF_STREAM, {"stream": stream}))
    return {(one.party, one.purpose): one for one in found}


def revoke(
    c: sa.Connection,
    stream: str,
    party: int,
    purpose: Purpose,
    at: datetime,
    *,
    address: str | None = None,
) -> None:
    """Make every token of this capability unknown from now on; a second call changes nothing.
    `address` is whose they were, where the party has another one from now on."""
    values = {"of_stream": stream, "of_party": party, "for_purpose": purpose.value, "at": at}
    c.execute(_REVOKE, {**values, "whose": address})


def _capability(row: sa.Row[tuple[object, ...]]) -> Capability:
    return Capability(
        purpose=Purpose(row.purpose), stream=row.stream, party=row.party, generation=row.generation
    )
