"""The bell: wakes every waiter of its topic, from any thread, and loses no ring."""

import asyncio
import threading

from adapters.db.bell import LocalBell


async def test_a_ring_wakes_every_waiter_of_its_topic() -> None:
    bell = LocalBell()
    waiters = [asyncio.ensure_future(bell.wait("journal", timeout=30)) for _ in range(3)]
    other = asyncio.ensure_future(bell.wait("outbox", timeout=30))
    await asyncio.sleep(0)

    bell.ring("journal")
    await asyncio.gather(*waiters)

    assert not other.done()
    other.cancel()


async def test_another_thread_may_ring() -> None:
    bell = LocalBell()
    waiting = asyncio.ensure_future(bell.wait("journal", timeout=30))
    await asyncio.sleep(0)

    threading.Thread(target=bell.ring, args=("journal",)).start()

    await waiting


async def test_a_ring_between_looking_and_waiting_is_not_lost() -> None:
    bell = LocalBell()
    since = bell.rung("journal")
    bell.ring("journal")

    await bell.wait("journal", timeout=30, since=since)

    assert bell.rung("journal") == since + 1


async def test_waiting_ends_at_the_timeout() -> None:
    bell = LocalBell()

    await bell.wait("journal", timeout=0.01)


def test_ringing_for_a_loop_that_is_gone_is_harmless() -> None:
    bell = LocalBell()

    async def leave_waiting() -> None:
        waiting = asyncio.ensure_future(bell.wait("journal", timeout=30))
        await asyncio.sleep(0)
        kept.append(waiting)

    kept: list[object] = []
    asyncio.run(leave_waiting())

    bell.ring("journal")
