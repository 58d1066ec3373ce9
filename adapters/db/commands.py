"""Commands and the idempotency keys they came under."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from adapters.db.bell import ring_after_commit
from adapters.db.schema import commands, idempotency_keys
from adapters.db.statements import insert_if_new
from domain.commands import Command, CommandState, Outcome
from domain.errors import KeyReused, NotFound

_INSERT = sa.insert(commands)
_INSERT_KEY = insert_if_new(idempotency_keys, ["principal", "route", "key"]).returning(
    idempotency_keys.c.command_id
)
_BY_KEY = (
    sa.select(idempotency_keys.c.fingerprint, idempotency_keys.c.command_id)
    .where(idempotency_keys.c.principal == sa.bindparam("principal"))
    .where(idempotency_keys.c.route == sa.bindparam("route"))
    .where(idempotency_keys.c.key == sa.bindparam("key"))
)
_GET = (
    sa.select(commands)
    .where(commands.c.id == sa.bindparam("id"))
    .where(commands.c.owner == sa.bindparam("owner"))
)
_FINISH = (
    sa.update(commands)
    .where(commands.c.id == sa.bindparam("of"))
    .where(commands.c.state == CommandState.ACCEPTED.value)
    .values(
        state=sa.bindparam("new_state"),
        outcome=sa.bindparam("new_outcome"),
        finished_at=sa.bindparam("finished"),
    )
)
_FORGET = sa.delete(idempotency_keys).where(idempotency_keys.c.created_at < sa.bindparam("before"))

Idempotency = tuple[str, str, str, str]
"""Principal, route, key, and the fingerprint of the body."""


def accept(
    c: sa.Connection,
    *,
    id: str,
    owner: str,
    kind: str,
    stream: str,
    data: dict[str, Any],
    at: datetime,
    idempotency: Idempotency | None,
) -> tuple[Command, bool]:
    """Keep a command; returns it and whether it was there before (a replay).

    Two requests racing with one key agree on one command: on PostgreSQL the second waits for
    the first to commit. Raises `KeyReused` for one key with two bodies.
    """
    if idempotency is not None:
        earlier = _claim(c, id, idempotency, at)
        if earlier is not None:
            return get(c, earlier, owner), True
    command = Command(
        id=id,
        owner=owner,
        kind=kind,
        stream=stream,
        state=CommandState.ACCEPTED,
        data=data,
        accepted_at=at,
    )
    c.execute(_INSERT, command.model_dump())
    return command, False


def _claim(c: sa.Connection, id: str, idempotency: Idempotency, at: datetime) -> str | None:
    """The command that holds the key already, None when `id` got it."""
    principal, route, key, fingerprint = idempotency
    row = {"principal": principal, "route": route, "key": key, "fingerprint": fingerprint}
    new = c.execute(_INSERT_KEY, {**row, "command_id": id, "created_at": at}).scalar()
    return _holder(c, idempotency) if new is None else None


def _holder(c: sa.Connection, idempotency: Idempotency) -> str | None:
    """The command that holds the key. Raises `KeyReused` when its body was another."""
    principal, route, key, fingerprint = idempotency
    held = c.execute(_BY_KEY, {"principal": principal, "route": route, "key": key}).first()
    if held is None:
        return None
    if held.fingerprint != fingerprint:
        raise KeyReused("This idempotency key was used for another request; send a new one.")
    return str(held.command_id)


def earlier(c: sa.Connection, idempotency: Idempotency) -> Command | None:
    """The command that came under this key, whose principal is its owner, before.

    Raises `KeyReused` when its body was another.
    """
    holder = _holder(c, idempotency)
    return None if holder is None else get(c, holder, idempotency[0])


def finish(c: sa.Connection, id: str, state: CommandState, outcome: Outcome, at: datetime) -> None:
    """Record how a command ended; the first ending stays."""
    c.execute(
        _FINISH,
        {
            "of": id,
            "new_state": state.value,
            "new_outcome": outcome.model_dump(mode="json"),
            "finished": at,
        },
    )
    ring_after_commit(c, "journal")  # whoever waits for a command waits for this


def get(c: sa.Connection, id: str, owner: str) -> Command:
    """Raises `NotFound`, also for another owner's command."""
    row = c.execute(_GET, {"id": id, "owner": owner}).first()
    if row is None:
        raise NotFound("There is no such command.")
    return Command.model_validate(dict(row._mapping))


def forget_keys(c: sa.Connection, before: datetime) -> int:
    """Drop idempotency keys made before that instant; the commands stay. Returns how many."""
    return int(c.execute(_FORGET, {"before": before}).rowcount)
