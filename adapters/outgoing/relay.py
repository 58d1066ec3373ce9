"""How much the relay bears, as the attempts of this process have it: whether it can be reached,
and by how many connections at once."""

import logging
import time
from collections.abc import Callable, Collection
from enum import Enum, auto
from typing import NamedTuple

from domain.outbox.model import Phase, Report
from domain.outbox.rules import is_about_the_relay

_ALIVE_FOR = 60.0
"""Seconds after which a message that got through says nothing of the relay any more."""

_ALL_AGAIN = 5.0
"""Seconds in which the number of senders would grow from none to all."""

_LATELY = 5.0
"""Seconds in which a message that was taken, or has its final dot, says that the relay goes on."""

_SEVERAL = 3
"""Messages refused at MAIL, and none taken, that tell of the relay; fewer tell of themselves."""

_PAUSE = 0.1
"""Seconds between two attempts of a sender while several are refused at MAIL."""

_MOST_DOUBLINGS = 4
_log = logging.getLogger(__name__)


class Heard(Enum):
    """What a report changes for the others. `CROWDED`: this one connection was too many, others
    get through. `LOST`: it is known only now that none does."""

    NOTHING = auto()
    CROWDED = auto()
    LOST = auto()


class Begun(NamedTuple):
    """An attempt: of which message, and since when (seconds of the watch's clock)."""

    message: int
    at: float


class RelayWatch:
    """A relay that refuses one connection while others get through has enough of them: half the
    senders go on, and more by and by (additive increase, multiplicative decrease). It is down
    when none gets through: then one message at a time is tried, and the others wait in the queue
    rather than each finding out for itself. A few messages refused at MAIL are neither.

    `fault` is what the last attempt met while it is down. `clock` is in seconds, monotonic.
    """

    def __init__(self, senders: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.fault: str | None = None
        self._senders = senders
        self._several = min(_SEVERAL, senders + 1)  # a lone sender has few in hand
        self._clock = clock
        self._size = float(senders)
        self._lowered = self._reached = self._lost = float("-inf")
        self._said_no = 0
        self._refused: set[int] = set()  # at MAIL, since one was taken
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

    @property
    def pause(self) -> float:
        """Seconds that one who was `CROWDED` waits before its next attempt."""
        return _PAUSE if len(self._refused) >= self._several else 0.0

    def begin(self, message: int) -> Begun:
        """An attempt that begins now, for `note`."""
        return Begun(message, self._clock())

    def note(self, report: Report, begun: Begun, dots: Collection[float]) -> Heard:
        """Take in what the attempt came to that was `begun` then; `dots`: when others, which wait
        for the reply, had their final dot."""
        if not is_about_the_relay(report):
            self._note_reached()
            return Heard.NOTHING
        if self.is_down:
            self._note_down(report, begun)
            return Heard.NOTHING
        if begun.at < self._lowered or self._may_be_the_message(report, begun):
            return Heard.CROWDED  # it began when more were under way, or is no news of the relay
        if self._may_bear_some(report, dots):
            self._lower(_words(report))
            return Heard.CROWDED
        self._note_lost(report)
        return Heard.LOST

    def _may_be_the_message(self, report: Report, begun: Begun) -> bool:
        if report.phase is not Phase.MAIL:
            return False
        self._refused.add(begun.message)
        return len(self._refused) < self._several

    def _may_bear_some(self, report: Report, dots: Collection[float]) -> bool:
        """Whether others get through, or may with fewer of them: a relay that says no is there."""
        now = self._clock()
        if any(now - dot < _LATELY for dot in dots):
            return True
        if report.code is None and now - self._reached >= _ALIVE_FOR:
            return False
        if self._reached > self._lowered:
            return True
        if report.phase is Phase.MAIL and now - self._reached < _LATELY:
            return True
        return self._grown() - len(dots) >= 2  # those that hang use connections, and prove nothing

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
        self._refused.clear()
        self._reached = self._clock()

    def _note_down(self, report: Report, begun: Begun) -> None:
        self.fault = _words(report)
        if begun.at >= self._lost:  # not one that was under way already
            self._said_no = 0 if report.code is None else self._said_no + 1

    def _note_lost(self, report: Report) -> None:
        self.fault = _words(report)
        self._lost = self._clock()
        _log.warning("outbox: the relay cannot be reached: %s", self.fault)


def _words(report: Report) -> str:
    return f"{report.code or ''} {report.reply}".strip() or "no answer"
