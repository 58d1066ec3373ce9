"""How much the relay bears, as the attempts of this process have it: whether it can be reached,
and by how many connections at once."""

import logging
import time
from collections.abc import Callable
from enum import Enum, auto

from domain.outbox.model import Report
from domain.outbox.rules import is_about_the_relay

_ALIVE_FOR = 60.0
"""Seconds after which a message that got through says nothing of the relay any more."""

_ALL_AGAIN = 5.0
"""Seconds in which the number of senders would grow from none to all."""

_MOST_DOUBLINGS = 4
_log = logging.getLogger(__name__)


class Heard(Enum):
    """What a report changes for the others. `CROWDED`: this one connection was too many, others
    get through. `LOST`: it is known only now that none does."""

    NOTHING = auto()
    CROWDED = auto()
    LOST = auto()


class RelayWatch:
    """A relay that refuses one connection while others get through has enough of them: half the
    senders go on, and more by and by (additive increase, multiplicative decrease). It is down
    when none gets through: then one message at a time is tried, and the others wait in the queue
    rather than each finding out for itself.

    `fault` is what the last attempt met while it is down. `clock` is in seconds, monotonic.
    """

    def __init__(self, senders: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.fault: str | None = None
        self._senders = senders
        self._clock = clock
        self._size = float(senders)
        self._lowered = self._reached = self._lost = float("-inf")
        self._said_no = 0
        self._is_crowd_known = False

    @property
    def is_down(self) -> bool:
        return self.fault is not None

    @property
    def at_once(self) -> int:
        """How many messages may be under way now."""
        return max(int(self._grown()), 1)

    def probe_after(self, seconds: float) -> float:
        """How long to wait before the next look at a relay that is down, given how long at
        first: a relay that answers, and has had enough, is asked more and more seldom."""
        return seconds * float(1 << min(self._said_no, _MOST_DOUBLINGS))

    def begin(self) -> float:
        """The instant at which an attempt begins, for `note`."""
        return self._clock()

    def note(self, report: Report, begun: float, in_use: int) -> Heard:
        """Take in what an attempt came to, which was `begun` then; `in_use`: how many others
        wait for the reply to their final dot."""
        if not is_about_the_relay(report):
            self._note_reached()
            return Heard.NOTHING
        if not self.is_down and begun < self._lowered:  # it began when more were under way
            return Heard.CROWDED
        if not self.is_down and self._may_bear_some(report, in_use):
            self._lower(_words(report))
            return Heard.CROWDED
        return self._note_down(report, begun)

    def _may_bear_some(self, report: Report, in_use: int) -> bool:
        """Whether others get through, or may with fewer of them: a relay that says no is there."""
        if in_use:
            return True
        is_there = report.code is not None or self._clock() - self._reached < _ALIVE_FOR
        return is_there and self._grown() >= 2

    def _grown(self) -> float:
        if self._size >= self._senders:
            return self._size
        growth = (self._clock() - self._lowered) * self._senders / _ALL_AGAIN
        return min(self._size + growth, float(self._senders))

    def _lower(self, words: str) -> None:
        self._size = max(self._grown() / 2, 1.0)
        self._lowered = self._clock()
        if not self._is_crowd_known:
            _log.warning("outbox: fewer connections to the relay at once: %s", words)
        self._is_crowd_known = True

    def _note_reached(self) -> None:
        if self.is_down:
            _log.warning("outbox: the relay can be reached again")
        self.fault = None
        self._said_no = 0
        self._reached = self._clock()

    def _note_down(self, report: Report, begun: float) -> Heard:
        was_down = self.is_down
        self.fault = _words(report)
        if was_down:
            if begun >= self._lost:  # not one that was under way already
                self._said_no = 0 if report.code is None else self._said_no + 1
            return Heard.NOTHING
        self._lost = self._clock()
        _log.warning("outbox: the relay cannot be reached: %s", self.fault)
        return Heard.LOST


def _words(report: Report) -> str:
    return f"{report.code or ''} {report.reply}".strip() or "no answer"
