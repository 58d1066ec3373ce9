"""The dispatchers of one process: they share it, and show what they do without showing people."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from adapters.db import outbox_claims
from adapters.db.database import Database
from adapters.dispatchers import Dispatchers, Watch, take_over
from domain.errors import Unavailable
from domain.outbox.model import Phase, Report
from tests.adapters.outbox_rows import draft, enqueue, states
from tests.fakes.dispatchers import FakeDispatcher, FakeDispatchers
from tests.fakes.smtp import FakeMailer

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)


def build(watch: Watch) -> FakeDispatcher:
    return FakeDispatcher(FakeDispatchers(), 1)


async def nobody(stream: str) -> None:
    """There is no saga to poke."""


async def claimed(database: Database) -> None:
    until = NOW + timedelta(minutes=5)
    await database.write(lambda c: outbox_claims.claim(c, "x", 1, NOW, until))


async def test_only_the_first_dispatcher_of_a_process_takes_over(database: Database) -> None:
    await enqueue(database, draft(1), draft(2), at=NOW)
    await claimed(database)
    dispatchers = Dispatchers(build, lambda: take_over(database, nobody, NOW))

    await dispatchers.engage()
    assert await states(database) == ["queued", "queued"]
    await claimed(database)
    await dispatchers.engage()

    assert await states(database) == ["claimed", "queued"], "a neighbour's claim was ended"


async def test_nobody_begins_before_the_past_is_taken_over() -> None:
    gate = asyncio.Event()
    dispatchers = Dispatchers(build, gate.wait)

    first, second = (asyncio.create_task(dispatchers.engage()) for _ in range(2))
    done, _ = await asyncio.wait([first, second], timeout=0.05)
    assert not done
    gate.set()

    await asyncio.gather(first, second)


async def test_taking_over_is_tried_again_after_it_failed() -> None:
    faults = [Unavailable("The database is down."), None]

    async def taking_over() -> None:
        if (fault := faults.pop(0)) is not None:
            raise fault

    dispatchers = Dispatchers(build, taking_over)
    with pytest.raises(Unavailable):
        await dispatchers.engage()
    await dispatchers.engage()
    await dispatchers.engage()

    assert not faults


async def test_progress_counts_and_names_no_one() -> None:
    words = "no such user ana@example.org"
    reports = [
        Report(phase=Phase.DONE, code=250, reply="ok"),
        Report(phase=Phase.DONE, code=451, reply=words),
        Report(phase=Phase.CONNECT, code=None, reply=words),
        Report(phase=Phase.RCPT, code=550, reply=words),
        Report(phase=Phase.DOT, code=None, reply=words),
    ]
    watch = Watch(lambda: NOW)
    mailer = watch.mailer(FakeMailer([*reports]))

    async def mark() -> bool:
        return True

    for _ in reports:
        await mailer.send("a@example.net", "ana@example.org", b"", mark)

    found = watch.progress
    counts = (found.accepted, found.deferred, found.refused, found.unknown)
    assert counts == (1, 2, 1, 1)
    assert (found.last_fault, found.last_fault_at) == ("no reply at dot", NOW)
    assert "ana" not in found.model_dump_json()


async def test_progress_says_why_nothing_leaves() -> None:
    reasons = ["this is a copy", None]

    async def may_send() -> str | None:
        return reasons.pop(0)

    watch = Watch(lambda: NOW)
    ask = watch.permission(may_send)

    assert await ask() == "this is a copy"
    assert watch.progress.held_back == "this is a copy"
    assert await ask() is None
    assert watch.progress.held_back is None
