"""Promises of a process's crew: an ordered stop, and no process that lives on half dead."""

import asyncio
import contextlib
import os
import re
from pathlib import Path

import pytest

from console.crew import STOP_WITHIN, Crew, PartDied, Stop, announce_ready
from console.up import part_plan
from settings import Settings


async def for_ever() -> None:
    await asyncio.Event().wait()


async def test_every_part_is_asked_before_any_is_waited_for() -> None:
    """Nobody goes on taking work while others finish theirs."""
    crew = Crew()
    asked: list[str] = []
    all_asked, leaving = asyncio.Event(), asyncio.Event()

    def ask(name: str) -> Stop:
        async def note() -> None:
            asked.append(name)
            if len(asked) == 3:
                all_asked.set()

        return note

    crew.add("outbox", leaving.wait(), stop=ask("outbox"))
    crew.keep("intake", ask("intake"), at_once=True)
    crew.add("api", leaving.wait(), stop=ask("api"))
    stopping = asyncio.create_task(crew.stop())
    await all_asked.wait()

    assert asked == ["api", "intake", "outbox"]
    assert not stopping.done()
    leaving.set()
    await stopping


async def test_what_parts_use_is_closed_after_all_of_them() -> None:
    crew = Crew()
    order: list[str] = []
    leaving = asyncio.Event()

    async def drain() -> None:
        await leaving.wait()
        await asyncio.sleep(0.01)
        order.append("outbox drained")

    async def ask() -> None:
        leaving.set()

    async def close() -> None:
        order.append("connections closed")

    crew.add("outbox", drain(), stop=ask)
    crew.keep("connections", close)

    await crew.stop()

    assert order == ["outbox drained", "connections closed"]


async def test_a_crew_stops_in_its_time_however_many_parts_do_not() -> None:
    crew = Crew(within=0.5)
    held = asyncio.Event()

    async def ignore() -> None:
        return

    async def hold_on() -> None:
        while not held.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await held.wait()

    async def never() -> None:
        await held.wait()

    for number in range(3):
        crew.add(f"deaf {number}", hold_on(), stop=ignore, within=60)
        crew.keep(f"stuck {number}", never, within=60)

    async with asyncio.timeout(5):
        await crew.stop()
    held.set()


def test_a_crew_has_stopped_before_it_is_ended_by_force() -> None:
    plan = part_plan("service", Settings())
    compose = (Path(__file__).parents[2] / "docker-compose.yml").read_text()
    [grace] = re.findall(r"stop_grace_period: (\d+)s", compose)

    assert plan.stop_within >= STOP_WITHIN + 5  # for what is closed after the crew
    assert int(grace) >= STOP_WITHIN + 5


async def test_a_failure_while_draining_is_said(caplog: pytest.LogCaptureFixture) -> None:
    crew, leaving = Crew(), asyncio.Event()

    async def work() -> None:
        await leaving.wait()
        raise OSError("disk full")

    async def ask() -> None:
        leaving.set()

    crew.add("outbox", work(), stop=ask)
    await crew.stop()

    assert "outbox failed while stopping" in caplog.text


async def test_what_is_kept_is_closed_in_the_reverse_of_its_order() -> None:
    order: list[str] = []
    crew = Crew()

    def stop(name: str) -> "asyncio.Future[None]":
        order.append(name)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    crew.keep("database", lambda: stop("database"))
    crew.keep("outbox", lambda: stop("outbox"))
    crew.keep("api", lambda: stop("api"))

    await crew.stop()

    assert order == ["api", "outbox", "database"]


async def test_a_part_that_dies_ends_the_process() -> None:
    async def break_down() -> None:
        raise OSError("disk full")

    crew = Crew()
    crew.add("relay", for_ever())
    crew.add("outbox", break_down())

    with pytest.raises(PartDied, match="outbox ended: OSError"):
        await crew.until(asyncio.Event())
    await crew.stop()


async def test_a_part_that_returns_unasked_ends_the_process() -> None:
    async def leave() -> None:
        return

    crew = Crew()
    crew.add("polling", leave())

    with pytest.raises(PartDied, match="polling ended"):
        await crew.until(asyncio.Event())


async def test_a_part_drains_before_it_is_gone() -> None:
    crew, leaving = Crew(), asyncio.Event()
    said: list[str] = []

    async def work() -> None:
        await leaving.wait()
        said.append("drained")

    async def ask() -> None:
        leaving.set()

    crew.add("worker", work(), stop=ask)

    await crew.stop()

    assert said == ["drained"]


async def test_a_part_that_does_not_stop_in_time_holds_up_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    crew = Crew()
    stopped = asyncio.Event()

    async def ignore() -> None:
        return

    async def note() -> None:
        stopped.set()

    crew.keep("first", note)
    crew.add("stubborn", for_ever(), stop=ignore, within=0.05)

    await crew.stop()

    assert stopped.is_set()
    assert "stubborn did not stop in 0.05 seconds" in caplog.text


async def test_one_parts_trouble_does_not_keep_the_others_from_stopping() -> None:
    crew = Crew()
    stopped = asyncio.Event()

    async def note() -> None:
        stopped.set()

    async def fail() -> None:
        raise OSError("broken pipe")

    crew.keep("first", note)
    crew.keep("second", fail)

    await crew.stop()

    assert stopped.is_set()


def test_readiness_is_said_once_over_the_given_descriptor() -> None:
    readable, writable = os.pipe()

    announce_ready(writable)

    assert os.read(readable, 10) == b"1"
    assert os.read(readable, 10) == b"", "closed, so that the supervisor sees our end"
    os.close(readable)
