"""Journal events of integrators' own messages, in the transaction of what they tell.

The row of a message is written, and so locked, before its event: two writers never append to one
message's stream at once.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from adapters.db import journal
from adapters.db.schema import outbox
from domain.journal import NewEvent
from domain.outbox.events import (
    MessageEvent,
    event_of_state,
    is_external,
    stream_of,
    told,
)
from domain.outbox.model import MessageState

_ABOUT = sa.select(
    *(outbox.c[name] for name in ("id", "owner", "kind", "subject", "occasion", "proof")),
    *(outbox.c[name] for name in ("held_because", "next_at", "merged_into")),
).where(outbox.c.id.in_(sa.bindparam("ids", expanding=True)))


def record(
    c: sa.Connection,
    message: int,
    type: MessageEvent,
    at: datetime,
    *,
    command: str | None = None,
    **more: Any,
) -> None:
    """Tell of `message`, if it is an integrator's own; `more` names nobody."""
    for row in c.execute(_ABOUT, {"ids": [message]}).mappings():
        if is_external(row["subject"]):
            stream = stream_of(row["id"])
            journal.append(
                c,
                owner=row["owner"],
                stream=stream,
                expected_version=journal.version_of(c, stream),
                events=[_fact(type, row, more)],
                at=at,
                command=command,
            )


def tell_owners(c: sa.Connection, states: Iterable[tuple[int, MessageState]], at: datetime) -> None:
    """Tell of messages that came to these states at `at`; what is simply on its way is not told
    of, nor are messages that are not an integrator's own."""
    telling = {
        message: event for message, state in states if (event := event_of_state(state)) is not None
    }
    if not telling:
        return
    by_owner: dict[str, dict[str, NewEvent]] = defaultdict(dict)
    for row in c.execute(_ABOUT, {"ids": sorted(telling)}).mappings().all():
        if is_external(row["subject"]):
            event = telling[row["id"]]
            by_owner[row["owner"]][stream_of(row["id"])] = _fact(event, row, _details(event, row))
    for owner, facts in by_owner.items():
        _append(c, owner, facts, at)


def _append(c: sa.Connection, owner: str, facts: dict[str, NewEvent], at: datetime) -> None:
    """Appends each fact, unless it is the last that was told: a result may be written twice."""
    present = journal.heads(c, list(facts))
    new = {
        stream: fact
        for stream, fact in facts.items()
        if stream not in present
        or (present[stream].type, present[stream].data) != (fact.type, fact.data)
    }
    if new:
        heads = {stream: head for stream, head in present.items() if stream in new}
        journal.append_to_each(c, owner=owner, facts=new, present=heads, at=at)


def _fact(event: MessageEvent, row: sa.RowMapping, more: Mapping[str, Any]) -> NewEvent:
    return told(event, row["kind"], row["subject"], row["occasion"], **more)


def _details(event: MessageEvent, row: sa.RowMapping) -> dict[str, Any]:
    match event:
        case MessageEvent.SENT:
            return {"proof": row["proof"]}
        case MessageEvent.HELD:
            until: datetime = row["next_at"]
            return {"because": row["held_because"], "until": until.isoformat()}
        case MessageEvent.MERGED:
            return {"merged_into": row["merged_into"]}
        case _:
            return {}
