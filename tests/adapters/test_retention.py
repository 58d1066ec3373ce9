"""What is forgotten, and what is not."""

from datetime import timedelta

import sqlalchemy as sa

from adapters.db import commands
from adapters.db.database import Database
from adapters.db.schema import deliveries
from adapters.retention import DELIVERIES_FOR, KEYS_FOR, Retention
from tests.adapters.db.orders import NOW


def _accept(c: sa.Connection, id: str) -> str:
    key = ("main", "POST /meetings", "key", "body")
    command, _ = commands.accept(
        c, id=id, owner="main", kind="k", stream="meeting/1", data={}, at=NOW, idempotency=key
    )
    return command.id


def _delivery(id: str, state: str, position: int) -> dict[str, object]:
    return {
        "id": id,
        "webhook_id": "w",
        "position": position,
        "type": "SlotOffered",
        "state": state,
        "next_at": NOW,
        "created_at": NOW,
        "delivered_at": NOW if state == "delivered" else None,
    }


async def test_a_key_answers_for_three_days_and_its_command_for_ever(database: Database) -> None:
    await database.write(lambda c: _accept(c, "first"))

    await Retention(database, now=lambda: NOW + KEYS_FOR).forget()
    assert await database.write(lambda c: _accept(c, "second")) == "first"
    await Retention(database, now=lambda: NOW + KEYS_FOR + timedelta(seconds=1)).forget()

    assert await database.write(lambda c: _accept(c, "third")) == "third"
    assert (await database.read(lambda c: commands.get(c, "first", "main"))).id == "first"


async def test_only_delivered_webhooks_are_forgotten(database: Database) -> None:
    rows = [
        _delivery("d", "delivered", 1),
        _delivery("p", "pending", 2),
        _delivery("f", "failed", 3),
    ]
    await database.write(lambda c: c.execute(sa.insert(deliveries), rows).rowcount)

    later = NOW + DELIVERIES_FOR + timedelta(seconds=1)
    await Retention(database, now=lambda: later).forget()

    left = await database.read(lambda c: c.execute(sa.select(deliveries.c.id)).scalars().all())
    assert sorted(left) == ["f", "p"]
