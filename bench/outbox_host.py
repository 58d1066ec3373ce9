"""A process with dispatchers, as `parley service` or `parley worker` has them, to be killed:

    python -m bench.outbox_host EPOCH SPEED

Its clock, but not its patience, runs `SPEED` times faster from `EPOCH` on (seconds since 1970),
so that waits of hours between attempts pass in minutes, and leases in seconds.
"""

import asyncio
import dataclasses
import logging
import sys
import time
from datetime import UTC, datetime, timedelta

from adapters.dispatch import OutboxDispatcher
from adapters.dispatchers import Watch
from adapters.smtp import SmtpMailer
from adapters.smtp_relay import relay_of
from console import parts
from console.crew import Crew, stop_on_signals
from console.ground import ground
from settings import Settings

LEASE = 8.0
"""Seconds of real time that a claim, or a mark, lasts."""

PATIENCE = 2.0
"""Seconds of real time that the relay may take for a reply."""


class Clock:
    def __init__(self, epoch: float, speed: float) -> None:
        self._epoch = epoch
        self._speed = speed

    def __call__(self) -> datetime:
        passed = (time.time() - self._epoch) * self._speed
        return datetime.fromtimestamp(self._epoch, UTC) + timedelta(seconds=passed)

    def lasting(self, seconds: float) -> timedelta:
        """So long by this clock as `seconds` last."""
        return timedelta(seconds=seconds * self._speed)


async def run(settings: Settings, clock: Clock) -> None:
    stop = stop_on_signals()
    async with ground(settings, Crew()) as g:
        relay = dataclasses.replace(relay_of(settings), timeout=PATIENCE, dot_timeout=PATIENCE)

        def build(watch: Watch) -> OutboxDispatcher:
            return OutboxDispatcher(
                g.database,
                watch.mailer(SmtpMailer(relay)),
                g.poke,
                senders=settings.smtp_connections,
                poll=0.5,
                claim_lease=clock.lasting(LEASE),
                sending_lease=clock.lasting(LEASE),
                now=clock,
                may_send=watch.permission(g.fence.may_send),
            )

        parts.add_outbox(g, build)
        await g.crew.until(stop)


if __name__ == "__main__":
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(run(Settings(), Clock(float(sys.argv[1]), float(sys.argv[2]))))
