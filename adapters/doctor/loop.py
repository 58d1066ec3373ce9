"""The true round trip: a mail out through the relay must come back in through the intake."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from adapters.doctor.finding import Finding, fault, fine
from domain.errors import ParleyError
from domain.inbox.probes import Probe

Look = Callable[[], Awaitable[Probe]]
"""What became of the probe so far."""

_PAUSE = 0.2  # seconds between looks


async def wait_for_probe(look: Look, sent_at: datetime, within: float) -> Finding | None:
    """How long the loop took; None when the mail did not come back within so many seconds.

    A look that fails ends the waiting as a fault of its own.
    """
    try:
        async with asyncio.timeout(within):
            probe = await _arrived(look)
    except TimeoutError:
        return None
    except ParleyError as failure:
        return fault("round trip", f"It cannot be seen what came in: {failure}", _LOOK_AT_LOGS)
    took = max((probe.arrived_at - sent_at).total_seconds(), 0.0) if probe.arrived_at else 0.0
    return fine("round trip", f"The mail came back in by {probe.source} after {took:.1f} s.")


async def _arrived(look: Look) -> Probe:
    """Asks again and again, since it may be another process that is told."""
    while True:
        if (probe := await look()).arrived_at is not None:
            return probe
        await asyncio.sleep(_PAUSE)


_LOOK_AT_LOGS = "Look at the findings above, and at the logs in the data directory."


def never_came(within: float, way_back: Finding) -> Finding:
    """The loop stayed open; `way_back` is what was found at our door."""
    said = f"The relay took the mail, but it did not come back in within {within:g} s."
    if way_back.advice:
        return fault("round trip", said, f"{way_back.said} {way_back.advice}")
    return fault(
        "round trip",
        said,
        "The door is open, so the mail is stuck behind the relay: ask its operator what became "
        "of it, by the Message-ID in the dialogue; greylisting alone may take some minutes.",
    )
