"""What is forgotten, and what is not."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from adapters.db import commands, raw_mail
from adapters.db import outbox as outbox_store
from adapters.db.database import Database
from adapters.db.schema import deliveries, inbox, outbox, outbox_lanes, outbox_raw, quarantine
from adapters.retention import DELIVERIES_FOR, KEYS_FOR, LANES_FOR, RAW_FOR, Retention
from domain.outbox.model import MessageState
from domain.outbox.pacing import Lane
from tests.adapters.db.orders import NOW
from tests.adapters.outbox_rows import NOON, draft


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


async def test_lanes_are_forgotten_that_were_free_for_a_day(database: Database) -> None:
    hour = timedelta(hours=1)
    kept = [
        Lane(name="domain/struck.example", strikes=3, backs_off_until=NOON + hour),
        Lane(name="domain/listed.example", listed_to=NOON + hour),
        Lane(name="all", free_at=NOON + hour),
    ]
    idle = [
        Lane(name="domain/new.example"),
        Lane(name="domain/used.example", free_at=NOON, listed_to=NOON),
        Lane(name="domain/gone.example", strikes=9, backs_off_until=NOON),
    ]
    rows = [one.model_dump() for one in (*kept, *idle)]
    await database.write(lambda c: c.execute(sa.insert(outbox_lanes), rows))

    forgotten = await Retention(database, now=lambda: NOON + LANES_FOR + hour / 2).forget()

    left = await database.read(lambda c: c.execute(sa.select(outbox_lanes.c.name)).scalars().all())
    assert set(left) == {one.name for one in kept}
    assert forgotten == len(idle)


async def test_the_bytes_of_old_mails_are_forgotten_in_batches(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.retention.RAW_AT_ONCE", 2)
    old, young = NOW - RAW_FOR - timedelta(seconds=1), NOW - RAW_FOR
    states = [*MessageState]
    mails = [
        *(_mail(f"old{n}", old, read_at=NOW) for n in range(5)),
        _mail("unread", old, read_at=None),
        _mail("young", young, read_at=NOW),
    ]
    stray = {"source": "imap", "reason": "nobody", "mail_from": "", "recipient": "", "raw": b"x"}
    strays = [
        {**stray, "key": f"{state}{at}", "state": state, "received_at": old, "settled_at": at}
        for state, at in (("kept", None), ("replayed", old), ("discarded", NOW))
    ]
    strays.append({**strays[0], "key": "young", "received_at": young})
    drafts = [draft(number) for number, _ in enumerate(states)]

    def given(c: sa.Connection) -> None:
        c.execute(sa.insert(inbox), mails)
        c.execute(sa.insert(quarantine), strays)
        for letter, state in zip(drafts, states, strict=True):
            row = outbox_store.enqueue(c, "main", letter, old)
            c.execute(sa.update(outbox).where(outbox.c.id == row).values(state=state.value))

    await database.write(given)
    done = [await Retention(database, now=lambda: NOW).forget() for _ in range(2)]

    kept_states = {"queued", "claimed", "sending", "retry", "held", "uncertain"}
    over = len(states) - len(kept_states)
    assert done == [5 + 3 + over, 0]
    assert await _with_bytes(database, inbox, inbox.c.key) == {"unread", "young"}
    assert await _states_with_bytes(database) == kept_states
    assert await _with_bytes(database, quarantine, quarantine.c.key) == {"young"}


def _mail(key: str, at: datetime, read_at: datetime | None) -> dict[str, object]:
    return {
        "key": key,
        "stream": "meeting/1",
        "party": 1,
        "purpose": "r",
        "mail_from": "",
        "source": "smtp",
        "raw": b"x",
        "received_at": at,
        "read_at": read_at,
    }


async def test_a_mail_is_forgotten_when_nobodys_bytes_of_it_are_kept(database: Database) -> None:
    """One mail lies in as many rows as it has recipients."""
    gone = {"raw": b"", "raw_forgotten_at": NOW}
    stray = {
        "source": "imap", "reason": "nobody", "mail_from": "", "recipient": "", "state": "kept",
        "received_at": NOW, "key": "stray",
    }  # fmt: skip

    def given(c: sa.Connection) -> None:
        for key, raw in (("a", gone), ("b", gone), ("kept", {})):
            c.execute(sa.insert(inbox), {**_mail(key, NOW, read_at=NOW), **raw})
        c.execute(sa.insert(quarantine), {**stray, **gone})

    await database.write(given)

    async def is_forgotten(*keys: str) -> bool:
        return await database.read(lambda c: raw_mail.is_forgotten(c, keys))

    assert await is_forgotten("a", "b", "stray", "unknown")
    assert await is_forgotten("stray")
    assert not await is_forgotten("a", "kept")
    assert not await is_forgotten("unknown")


async def _states_with_bytes(database: Database) -> set[str]:
    """Of the messages that still have their bytes; the others say since when they have not."""
    query = sa.select(outbox.c.state, outbox_raw.c.raw, outbox.c.raw_forgotten_at).outerjoin(
        outbox_raw, outbox_raw.c.message_id == outbox.c.id
    )
    rows = await database.read(lambda c: c.execute(query).all())
    assert all((raw is None) is (forgotten is not None) for _, raw, forgotten in rows)
    return {state for state, raw, _ in rows if raw is not None}


async def _with_bytes(database: Database, table: sa.Table, name: sa.Column[str]) -> set[str]:
    """What still has its bytes; the others say since when they have not."""
    query = sa.select(name, table.c.raw, table.c.raw_forgotten_at)
    rows = await database.read(lambda c: c.execute(query).all())
    assert all(bool(raw) is (forgotten is None) for _, raw, forgotten in rows)
    return {row[0] for row in rows if row[1]}
