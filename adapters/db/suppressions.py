"""Addresses that an owner's mail does not go to: asked before each attempt, listed, lifted."""

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql  # its upsert compiles for SQLite as well

from adapters.db.schema import suppressions
from domain.errors import NotFound
from domain.outbox.model import Suppression, SuppressionReason, SuppressionScope
from domain.outbox.suppression import Measure, is_disproved

_UNIQUE = ("folded_address", "owner", "scope", "reason")
_new = postgresql.insert(suppressions)
_SUPPRESS = _new.on_conflict_do_update(
    index_elements=list(_UNIQUE),
    set_={
        **{
            name: _new.excluded[name]
            for name in ("address", "detail", "message", "created_at", "until")
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
    """Send no more mail of `scope` to `address` for `owner`; returns the id of the suppression.

    It replaces an earlier one for the same reason. Other reasons stand beside it, each until it
    ends or whoever may lift it does.
    """
    row = {
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
_OF_ADDRESSES = (
    sa.select(*_COLUMNS)
    .where(suppressions.c.folded_address.in_(sa.bindparam("folded", expanding=True)), *_IS_LIVE)
    .order_by(suppressions.c.id)
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


def impose(
    c: sa.Connection,
    owner: str,
    address: str,
    measure: Measure,
    at: datetime,
    *,
    detail: str = "",
    message: int | None = None,
) -> int:
    """`suppress` by what the rules say; `message` is the one that it came of."""
    return suppress(
        c,
        owner,
        address,
        measure.scope,
        measure.reason,
        at,
        until=measure.until,
        detail=detail,
        message=message,
    )


def of_address(c: sa.Connection, owner: str, address: str, now: datetime) -> list[Suppression]:
    """What is in force at `now` for one address of an owner's mail; at most one of each scope
    and reason."""
    return living(c, [address], now).get((owner, address.casefold()), [])


_OWN = sa.select(*_COLUMNS).where(suppressions.c.owner == sa.bindparam("of_owner"))
_PAGE = (
    _OWN.where(*_IS_LIVE, suppressions.c.id < sa.bindparam("below"))
    .order_by(suppressions.c.id.desc())
    .limit(sa.bindparam("most"))
)
_PAGE_OF_ADDRESS = _PAGE.where(suppressions.c.folded_address == sa.bindparam("folded"))
_ONE = _OWN.where(suppressions.c.id == sa.bindparam("wanted"), *_IS_LIVE)
_LIFT = (
    sa.update(suppressions)
    .where(suppressions.c.id.in_(sa.bindparam("ids", expanding=True)))
    .where(suppressions.c.lifted_at.is_(None))
    .values(lifted_at=sa.bindparam("at"))
)
_NEWEST = 2**62


def list_page(
    c: sa.Connection,
    owner: str,
    now: datetime,
    *,
    address: str | None = None,
    below: int | None = None,
    limit: int = 50,
) -> list[Suppression]:
    """What is in force at `now` for an owner, the newest first; of one `address` only, whatever
    its case. The next page is that below the last id of this one."""
    values: dict[str, object] = {"of_owner": owner, "now": now, "most": limit}
    values["below"] = _NEWEST if below is None else below
    if address is None:
        rows = c.execute(_PAGE, values)
    else:
        rows = c.execute(_PAGE_OF_ADDRESS, values | {"folded": address.casefold()})
    return [Suppression(**row) for row in rows.mappings()]


def get(c: sa.Connection, owner: str, id: int, now: datetime) -> Suppression:
    """Raises `NotFound` for what is not in force, and for another owner's."""
    row = c.execute(_ONE, {"of_owner": owner, "wanted": id, "now": now}).mappings().first()
    if row is None:
        raise NotFound("There is no such suppression in force.")
    return Suppression(**row)


def lift(c: sa.Connection, owner: str, id: int, at: datetime) -> Suppression:
    """Let mail go to the address again, and return what was in force. Raises `NotFound`."""
    found = get(c, owner, id, at)
    c.execute(_LIFT, {"ids": [id], "at": at})
    return found


def lift_unsubscribed(
    c: sa.Connection, owner: str, address: str, at: datetime, *, but: int | None = None
) -> None:
    """The recipient's earlier wishes are over, but for the one with the id `but`; what was not
    their own wish stands."""
    wishes = [
        one.id
        for one in of_address(c, owner, address, at)
        if one.reason is SuppressionReason.UNSUBSCRIBED and one.id != but
    ]
    _lift_all(c, wishes, at)


def lift_disproved(c: sa.Connection, owner: str, address: str, at: datetime) -> list[int]:
    """Mail to `address` was delivered, or answered, at `at`: ends what that disproves."""
    wrong = [one.id for one in of_address(c, owner, address, at) if is_disproved(one, at)]
    _lift_all(c, wrong, at)
    return wrong


def _lift_all(c: sa.Connection, ids: list[int], at: datetime) -> None:
    if ids:
        c.execute(_LIFT, {"ids": ids, "at": at})
