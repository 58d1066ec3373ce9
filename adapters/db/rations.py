"""How much mail recipients had lately: what the cap for one address in a day is counted from."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from adapters.db.outbox import is_in
from adapters.db.schema import outbox
from domain.outbox.gate import DAY, Ration
from domain.outbox.model import MessageState

_c = outbox.c
_SINCE = sa.bindparam("since", type_=_c.sent_at.type)
_HAD = (
    sa.select(_c.folded_recipient, sa.func.count())
    .where(_c.folded_recipient.in_(sa.bindparam("folded", expanding=True)), _c.sent_at > _SINCE)
    .group_by(_c.folded_recipient)
)
_NEWEST = (
    sa.select(_c.sent_at)
    .where(_c.folded_recipient == sa.bindparam("recipient"), _c.sent_at > _SINCE)
    .order_by(_c.sent_at.desc())
    .limit(sa.bindparam("most"))
)
# Of all recipients: these are few, while one recipient may have very many that were sent.
_UNDER_WAY = sa.union_all(
    sa.select(_c.folded_recipient).where(is_in(MessageState.CLAIMED, MessageState.SENDING)),
    sa.select(_c.folded_recipient).where(
        sa.text("state = 'uncertain'"), sa.func.coalesce(_c.tried_at, _c.created_at) > _SINCE
    ),
).subquery()
_COUNTED = sa.select(_UNDER_WAY.c.folded_recipient, sa.func.count()).group_by(
    _UNDER_WAY.c.folded_recipient
)


def of_recipients(
    c: sa.Connection, folded: Collection[str], cap: int, now: datetime
) -> dict[str, Ration]:
    """What each of these recipients (folded addresses) had in the day before `now`.

    Two dispatchers on PostgreSQL that claim at the same moment do not see each other's claims, so
    the cap may be overshot by what one of them takes at a time.
    """
    if not folded or not cap:
        return {}
    since = now - DAY
    counted = c.execute(_HAD, {"folded": sorted(folded), "since": since})
    had: dict[str, int] = {one: count for one, count in counted}
    counted = c.execute(_COUNTED, {"since": since})
    under_way: dict[str, int] = {one: count for one, count in counted}
    rations = {one: Ration(had.get(one, 0), under_way.get(one, 0)) for one in folded}
    for one, ration in rations.items():
        if ration.had and ration.had + ration.under_way + len(folded) >= cap:
            asked = {"recipient": one, "since": since, "most": cap}
            newest = c.execute(_NEWEST, asked).scalars().all()
            rations[one] = ration._replace(newest=newest)
    return rations
