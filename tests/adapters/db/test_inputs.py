"""Inputs: kept once, taken in order, held back by unread mail, poked until taken."""

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from adapters.db import inputs
from adapters.db.database import Database
from domain.errors import NotFound
from domain.meetings.messages import Effect, InputOutcome, Refresh, Unintelligible
from tests.adapters.db.orders import NOW
from tests.patience import until

STREAM = "meeting/1"
BODY = Refresh(party=1).model_dump(mode="json")


def accept(
    c: sa.Connection, key: str, body: dict[str, Any] | None = BODY, **more: Any
) -> tuple[int, bool]:
    values = {"stream": STREAM, "received_at": NOW, **more}
    return inputs.accept(c, key=key, body=body, **values)


def outcome(input_id: int, code: str = "done") -> InputOutcome:
    return InputOutcome(input_id=input_id, effect=Effect.APPLIED, code=code, detail="")


async def taken(database: Database, limit: int = 10) -> list[int]:
    return [one.id for one in await database.read(lambda c: inputs.take(c, STREAM, limit))]


async def test_a_key_is_accepted_once_however_many_race(database: Database) -> None:
    answers = await asyncio.gather(
        *(database.write(lambda c: accept(c, "mail-1")) for _ in range(12))
    )

    assert len({id for id, _ in answers}) == 1
    assert sorted(is_new for _, is_new in answers) == [False] * 11 + [True]


async def test_inputs_are_taken_in_the_order_of_acceptance(database: Database) -> None:
    accepted = [(await database.write(partial(accept, key=f"{n}")))[0] for n in range(5)]
    await database.write(lambda c: accept(c, "elsewhere", stream="meeting/2"))

    assert await taken(database) == accepted
    assert await taken(database, limit=2) == accepted[:2]


async def test_an_unread_mail_holds_back_those_behind_it(database: Database) -> None:
    first, _ = await database.write(lambda c: accept(c, "first"))
    mail, _ = await database.write(lambda c: accept(c, "mail", None, inbox_id=7))
    last, _ = await database.write(lambda c: accept(c, "last"))
    assert await taken(database) == [first]

    await database.write(lambda c: inputs.fill(c, 7, BODY, {"text": "Hello"}))

    assert await taken(database) == [first, mail, last]
    assert await database.read(lambda c: inputs.words_of(c, [first, mail])) == {
        mail: {"text": "Hello"}
    }


@pytest.mark.parametrize(
    "body", [{"kind": "of-a-later-release"}, {"kind": "refresh", "party": 0}, {}, [1], "refresh"]
)
async def test_a_body_that_no_longer_fits_holds_nothing_back(database: Database, body: Any) -> None:
    misfit, _ = await database.write(lambda c: accept(c, "misfit", body))
    last, _ = await database.write(lambda c: accept(c, "last"))

    found = await database.read(lambda c: inputs.take(c, STREAM, 10))

    assert [(one.id, one.body) for one in found] == [
        (misfit, Unintelligible()),
        (last, Refresh(party=1)),
    ]


async def test_a_mail_is_filled_once(database: Database) -> None:
    mail, _ = await database.write(lambda c: accept(c, "mail", None, inbox_id=7))
    await database.write(lambda c: inputs.fill(c, 7, BODY, {"text": "Hello"}))

    await database.write(lambda c: inputs.fill(c, 7, {"kind": "opening"}, {"text": "Again"}))

    kept = await database.read(lambda c: inputs.get(c, mail))
    assert (kept.body, kept.words) == (BODY, {"text": "Hello"})


async def test_an_outcome_is_recorded_once_and_names_its_command(database: Database) -> None:
    id, _ = await database.write(lambda c: accept(c, "click", command_id="command-1"))

    first = await database.write(lambda c: inputs.record_outcome(c, outcome(id), NOW))
    second = await database.write(lambda c: inputs.record_outcome(c, outcome(id, "other"), NOW))

    kept = await database.read(lambda c: inputs.get(c, id))
    assert (first, second) == ("command-1", None)
    assert (kept.code, kept.effect, kept.taken_at) == ("done", "applied", NOW)
    assert await taken(database) == []


async def test_streams_are_poked_until_their_inputs_are_taken(database: Database) -> None:
    id, _ = await database.write(lambda c: accept(c, "one"))
    await database.write(lambda c: accept(c, "two", stream="meeting/2"))
    later = NOW + timedelta(minutes=1)

    async def due(since: Any) -> list[str]:
        return await database.read(lambda c: inputs.untaken_streams(c, since, 10))

    assert await due(NOW) == [STREAM, "meeting/2"]
    await database.write(lambda c: inputs.mark_poked(c, [id], NOW))
    assert await due(NOW) == ["meeting/2"]
    assert await due(later) == [STREAM, "meeting/2"]
    await database.write(lambda c: inputs.record_outcome(c, outcome(id), NOW))
    assert await due(later) == ["meeting/2"]


async def test_nobody_is_poked_for_a_mail_nobody_has_read(database: Database) -> None:
    await database.write(lambda c: accept(c, "mail", None, inbox_id=7))

    assert await database.read(lambda c: inputs.untaken_streams(c, NOW, 10)) == []


async def test_an_input_later_than_the_poke_is_not_poked_for(database: Database) -> None:
    """Its process may die before its own poke, and the saga may have looked before it came."""
    one, _ = await database.write(lambda c: accept(c, "one"))
    await database.write(lambda c: accept(c, "unread", None, inbox_id=7))
    seen = await database.read(lambda c: inputs.readable(c, STREAM, 10))

    await database.write(lambda c: accept(c, "late"))
    await database.write(lambda c: inputs.fill(c, 7, BODY, None))
    await database.write(lambda c: inputs.mark_poked(c, seen, NOW))

    assert seen == [one]
    assert await database.read(lambda c: inputs.untaken_streams(c, NOW, 10)) == [STREAM]


async def test_any_number_of_inputs_is_marked(database: Database) -> None:
    def accept_many(c: sa.Connection) -> list[int]:
        return [accept(c, f"{n}")[0] for n in range(1100)]

    ids = await database.write(accept_many)
    await database.write(lambda c: inputs.mark_poked(c, ids, NOW))

    assert await database.read(lambda c: inputs.untaken_streams(c, NOW, 10)) == []


async def test_inputs_of_a_stream_are_acknowledged_in_the_order_of_their_ids(
    postgres: Database,
) -> None:
    """Otherwise the later one could be taken before the earlier one can be seen."""
    has_id, may_commit = threading.Event(), threading.Event()
    seen: dict[int, list[int]] = {}

    def slowly(c: sa.Connection) -> tuple[int, bool]:
        accepted = accept(c, "first")
        has_id.set()
        may_commit.wait(10)
        return accepted

    async def acknowledge(work: Callable[[sa.Connection], tuple[int, bool]]) -> None:
        id, _ = await postgres.write(work)
        seen[id] = await taken(postgres)

    first = asyncio.create_task(acknowledge(slowly))
    await asyncio.to_thread(has_id.wait, 10)
    second = asyncio.create_task(acknowledge(partial(accept, key="second")))
    await postgres.write(partial(accept, key="elsewhere", stream="meeting/2"))
    await waiting_for_a_lock(postgres)
    may_commit.set()
    await asyncio.gather(first, second)

    earlier, later = sorted(seen)
    assert seen[later] == [earlier, later]


async def waiting_for_a_lock(database: Database) -> None:
    """Returns when a transaction waits for an advisory lock."""
    waits = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    await until(lambda: database.read(lambda c: c.execute(waits).scalar_one()))


async def test_an_unknown_input_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound):
        await database.read(lambda c: inputs.get(c, 1))
    assert await database.read(lambda c: inputs.words_of(c, [])) == {}
    await database.write(lambda c: inputs.mark_poked(c, [], NOW))
