"""Something that fails again and again is said once, and once more when it is over."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from domain.errors import Unavailable


class Outage:
    """Keeps the log of a loop that tries until it succeeds from growing with every attempt.

    `what` begins the sentence, as in "outbox: claiming". Where a fault may quote what people
    wrote, `traces` is False and only its type is named.
    """

    def __init__(self, log: logging.Logger, what: str, *, traces: bool = True) -> None:
        self._log = log
        self._what = what
        self._traces = traces
        self._met: set[type[Exception]] = set()

    def note(self, fault: Exception) -> None:
        """An attempt failed; every type of fault is said once until `over`."""
        if type(fault) in self._met:
            return
        self._met.add(type(fault))
        # That something is down explains itself; anything else is a fault of ours to be found.
        trace = fault if self._traces and not isinstance(fault, Unavailable) else None
        said = "%s: %s; trying again until it succeeds"
        self._log.error(said, self._what, type(fault).__name__, exc_info=trace)

    def over(self) -> None:
        """An attempt succeeded."""
        if self._met:
            self._met.clear()
            self._log.warning("%s: going on again", self._what)

    async def outlast(self, step: Callable[[], Awaitable[object]], pause: float = 1.0) -> None:
        """Run `step` until it succeeds, with `pause` seconds between: a database that is down for
        a while is no reason to end."""
        while True:
            try:
                await step()
            except Exception as fault:
                self.note(fault)
                await asyncio.sleep(pause)
            else:
                return self.over()
