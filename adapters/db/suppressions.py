"""Addresses that an owner's mail does not go to: asked before each attempt, listed, lifted."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql  # its upsert compiles for SQLite as well

from adapters.db.schema import suppressions
from domain.outbox.model import Suppression, SuppressionReason, SuppressionScope

_new = postgresql.insert(suppressions)
_SUPPRESS = _new.on_conflict_do_update(
    index_elements=["owner", "folded_address", "scope"],
    set_={
        **{
            name: _new.excluded[name]
            for name in ("address", "reason", "detail", "message", "created_at", "until")
        },
        "lifted_at": sa.null(),
    },
).returning(suppressions.c.id)


def suppress(
    c: sa.Connection,
    owner: str,
    address: str,
    scope: SuppressionScope,
    reason: SuppressionReason,
    at: datetime,
    *,
    until: datetime | None = None,
    detail: str = "",
    message: int | None = None,
) -> int:
    """Send no more mail of `scope` to `address` for `owner`; the newest reason replaces an
    earlier one. Returns the id of the suppression."""
    row: dict[str, Any] = {
        "owner": owner,
        "folded_address": address.casefold(),
        "address": address,
        "scope": scope.value,
        "reason": reason.value,
        "detail": detail,
        "message": message,
        "created_at": at,
        "until": until,
    }
    return int(c.execute(_SUPPRESS, row).scalar_one())


_IS_LIVE = (
    suppressions.c.lifted_at.is_(None),
    sa.or_(suppressions.c.until.is_(None), suppressions.c.until > sa.bindparam("now")),
)
_COLUMNS = tuple(suppressions.c[name] for name in Suppression.model_fields)
_OF_ADDRESSES = sa.select(*_COLUMNS).where(
    suppressions.c.folded_address.in_(sa.bindparam("folded", expanding=True)), *_IS_LIVE
)


def living(
    c: sa.Connection, addresses: Iterable[str], now: datetime
) -> dict[tuple[str, str], list[Suppression]]:
    """The suppressions in force at `now` for any of `addresses`, by (owner, folded address)."""
    folded = sorted({address.casefold() for address in addresses})
    found: dict[tuple[str, str], list[Suppression]] = {}
    if not folded:
        return found
    for row in c.execute(_OF_ADDRESSES, {"folded": folded, "now": now}).mappings():
        one = Suppression(**row)
        found.setdefault((one.owner, one.address.casefold()), []).append(one)
    return found
