"""Promises of `/readyz`: it notices what stands still, and asking costs next to nothing."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from adapters.db import backlog, inbox, inputs, outbox
from adapters.db.backlog import Backlog
from adapters.db.database import Database
from adapters.db.schema import inbox as inbox_table
from api.health import Notice
from console.crew import Crew
from console.ground import Ground, ground
from console.readiness import LATE, Kept, checks, lateness
from domain.access import Capability, Purpose
from domain.meetings.messages import Effect, InputOutcome
from settings import Settings
from tests.adapters.outbox_rows import NOON, draft, enqueue

LATER = NOON + timedelta(minutes=1)


async def accept_mail(database: Database, name: str, at: datetime = NOON) -> int:
    capability = Capability(purpose=Purpose.REPLY, stream=f"meeting/{name}", party=1)
    id, _ = await database.write(
        lambda c: inbox.accept(
            c,
            key=name,
            capability=capability,
            mail_from="ana@example.org",
            source="smtp",
            raw=b"yes",
            received_at=at,
        )
    )
    return id


async def read_mail(database: Database, id: int) -> None:
    done = sa.update(inbox_table).where(inbox_table.c.id == id).values(read_at=LATER)
    await database.write(lambda c: c.execute(done).rowcount)


async def accept_input(database: Database, name: str, at: datetime = NOON) -> int:
    body = {"kind": "opening"}
    id, _ = await database.write(
        lambda c: inputs.accept(c, stream=f"meeting/{name}", key=name, body=body, received_at=at)
    )
    return id


async def take(database: Database, id: int) -> None:
    outcome = InputOutcome(input_id=id, effect=Effect.APPLIED, code="x", detail="")
    await database.write(lambda c: inputs.record_outcome(c, outcome, LATER))


async def test_unread_mail_is_known_by_how_long_it_waits(database: Database) -> None:
    assert await database.read(backlog.unread_mail) == Backlog(None, None)

    first = await accept_mail(database, "one")
    second = await accept_mail(database, "two", LATER)
    assert await database.read(backlog.unread_mail) == Backlog(NOON, NOON)

    await read_mail(database, second)
    assert await database.read(backlog.unread_mail) == Backlog(NOON, None)

    await read_mail(database, first)
    assert await database.read(backlog.unread_mail) == Backlog(None, None)


async def test_untaken_inputs_are_known_by_how_long_they_wait(database: Database) -> None:
    await accept_mail(database, "unread")  # the reader's business, not a saga's
    assert await database.read(backlog.untaken_inputs) == Backlog(None, None)

    first = await accept_input(database, "one")
    second = await accept_input(database, "two", LATER)
    await take(database, first)
    assert await database.read(backlog.untaken_inputs) == Backlog(LATER, LATER)

    await take(database, second)
    assert await database.read(backlog.untaken_inputs) == Backlog(None, None)


@pytest.mark.parametrize(
    ("found", "is_fault", "is_notice"),
    [
        (Backlog(None, None), False, False),
        (Backlog(NOON - LATE, NOON - LATE), False, False),  # busy
        (Backlog(NOON - 2 * LATE, NOON - 2 * LATE), True, False),  # nothing moves
        (Backlog(NOON - 2 * LATE, NOON), False, True),  # one was left behind
        (Backlog(NOON - 2 * LATE, None), False, True),
    ],
)
def test_only_what_stands_still_is_a_fault(found: Backlog, is_fault: bool, is_notice: bool) -> None:
    said = lateness(found, "mail unread", NOON)

    assert isinstance(said, Notice) == is_notice
    assert (said is not None and not is_notice) == is_fault


@pytest.fixture
async def g(tmp_path: Path) -> AsyncIterator[Ground]:
    settings = Settings(data_dir=tmp_path, temporal_address="127.0.0.1:9")
    async with ground(settings, Crew()) as g:
        yield g


async def test_mail_and_inputs_that_wait_for_long_make_a_process_unready(g: Ground) -> None:
    await accept_mail(g.database, "one", NOON.replace(year=2020))
    await accept_input(g.database, "two", NOON.replace(year=2020))
    found = checks(g)

    assert "mail unread since 2020-03-01T12:00:00Z" in str(await found["reader"]())
    assert "an input untaken since 2020-03-01T12:00:00Z" in str(await found["inputs"]())


async def test_mail_that_does_not_leave_is_worth_a_notice_and_no_more(g: Ground) -> None:
    await enqueue(g.database, draft(), at=NOON.replace(year=2020))
    said = await checks(g)["outbox"]()

    assert isinstance(said, Notice)
    assert "2020-03-01T12:00:00Z" in said


async def test_a_message_that_will_be_tried_again_is_not_late(g: Ground) -> None:
    await enqueue(g.database, draft(), at=NOON.replace(year=2100))

    assert await checks(g)["outbox"]() is None
    assert await g.database.read(outbox.next_due) is not None


async def test_sagas_that_cannot_be_poked_make_a_process_unready(g: Ground) -> None:
    g.relay.is_down = True

    assert await checks(g)["pokes"]() is not None


async def test_a_database_that_is_closed_makes_a_process_unready(g: Ground) -> None:
    check = checks(g)["database"]
    await g.database.close()

    assert "must be started again" in str(await check())


async def test_asking_often_writes_once(g: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[object] = []
    write = type(g.database).write

    async def counted(self: Database, work: object) -> object:
        writes.append(work)
        return await write(g.database, work)  # type: ignore[arg-type]  # any work

    monkeypatch.setattr(type(g.database), "write", counted)
    check = checks(g)["database"]

    assert [await check() for _ in range(50)] == [None] * 50
    assert len(writes) == 1


class Clock:
    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


async def test_a_finding_is_shared_while_it_is_young() -> None:
    asked, clock = 0, Clock()

    async def check() -> str | None:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return None

    kept = Kept(check, 60.0, clock)

    await asyncio.gather(*(kept() for _ in range(20)))
    assert asked == 1
    clock.at += 61
    await kept()
    assert asked == 2


async def test_a_fault_is_looked_at_again_soon() -> None:
    findings: list[str | None] = ["disk full", None]
    clock = Clock()

    async def check() -> str | None:
        return findings.pop(0)

    kept = Kept(check, 60.0, clock)

    assert await kept() == "disk full"
    assert await kept() == "disk full"
    clock.at += 3
    assert await kept() is None


async def test_who_loses_patience_leaves_the_finding_to_others() -> None:
    answer = asyncio.Event()

    async def check() -> str | None:
        await answer.wait()
        return "found"

    kept = Kept(check, 60.0)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(kept(), 0.01)
    waiting = asyncio.create_task(kept())
    answer.set()

    assert await waiting == "found"
