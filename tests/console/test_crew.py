"""Promises of a process's crew: an ordered stop, and no process that lives on half dead."""

import asyncio
import os

import pytest

from console.crew import Crew, PartDied, announce_ready


async def for_ever() -> None:
    await asyncio.Event().wait()


async def test_the_part_added_last_stops_first() -> None:
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
