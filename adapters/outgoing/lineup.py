"""The messages a dispatcher has claimed and not yet begun to send."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from domain.outbox.model import Claim

_MOST_EACH = 32
"""Claims that wait for each sender at most."""

_LONG = 2.0
"""Seconds. Claims that wait longer are too many: more urgent mail would have to wait for them,
and other dispatchers may be idle."""

_LOOK_AGAIN = 0.25
"""Seconds after which senders that must wait for others look whether more of them may go on."""


class Waiting(NamedTuple):
    """A claim, until when it is ours, since when it waits (monotonic seconds), and how often it
    was tried on one connection too many."""

    claim: Claim
    until: datetime
    since: float
    tried: int = 0


class Lineup:
    """Hands claims to senders, the more urgent first, with no more senders busy with a domain
    than `at_once` says, where it is given, and no more in all than `in_all` says at that moment.
    It takes as many as are sent in a second or two."""

    def __init__(
        self,
        senders: int,
        at_once: Callable[[str], int | None] | None,
        in_all: Callable[[], int],
    ) -> None:
        self._at_once = at_once
        self._in_all = in_all
        self._least = 2 * senders
        self._most = _MOST_EACH * senders
        self._size = self._least
        self._waiting: deque[Waiting] = deque()
        self._busy: Counter[str] = Counter()  # without zeros: there are many domains
        self._busy_in_all = 0
        self._changed = asyncio.Event()
        self._is_over = False

    @property
    def room(self) -> int:
        """How many claims it would take now. What waits for its domain takes no room: others
        can be sent meanwhile."""
        if self._at_once is None:  # asked for at every message, so it should cost nothing
            return max(self._size - len(self._waiting), 0)
        ready = sum(self._is_free(one.claim.domain) for one in self._waiting)
        return max(self._size - ready, 0)

    @property
    def in_hand(self) -> int:
        return len(self._waiting) + self._busy_in_all

    def by_domain(self) -> Mapping[str, int]:
        """How many messages to each domain wait or are being sent."""
        return self._busy + Counter(one.claim.domain for one in self._waiting)

    def put(self, claims: Iterable[Claim], until: datetime) -> None:
        now = time.monotonic()
        self._waiting.extend(Waiting(claim, until, now) for claim in claims)
        self._sort()

    def put_back(self, taken: Waiting) -> None:
        """One that was tried on a connection too many, for another that is there already. Others
        of its priority go first: it may be the message that is refused."""
        again = taken._replace(since=time.monotonic(), tried=taken.tried + 1)
        self._waiting.append(again)
        self._sort()

    async def take(self) -> Waiting | None:
        """The next to be sent, when there is one; None once it is over. Each that is taken is to
        be `done` with."""
        while not self._is_over:
            found = self._next()
            if found is not None:
                self._waiting.remove(found)
                self._busy[found.claim.domain] += 1
                self._busy_in_all += 1
                self._adapt(found)
                self._wake()
                return found
            await self._change(_LOOK_AGAIN if self._is_full() else None)
        return None

    def done(self, claim: Claim) -> None:
        self._busy_in_all -= 1
        self._busy[claim.domain] -= 1
        if not self._busy[claim.domain]:
            del self._busy[claim.domain]
        self._wake()

    async def wait_for_room(self) -> None:
        """Until half of it is empty, so that claims are made many at a time."""
        while self.room * 2 < self._size:
            await self._change()

    def clear(self) -> list[Claim]:
        """Everything that waits, which it forgets."""
        cleared = [one.claim for one in self._waiting]
        self._waiting.clear()
        self._wake()
        return cleared

    def end(self) -> None:
        """Let every sender end after what it has in hand."""
        self._is_over = True
        self._wake()

    def _sort(self) -> None:
        self._waiting = deque(sorted(self._waiting, key=lambda one: one.claim.priority))
        self._wake()

    def _is_full(self) -> bool:
        return self._busy_in_all >= self._in_all()

    def _next(self) -> Waiting | None:
        if not self._waiting or self._is_full():
            return None
        return next((one for one in self._waiting if self._is_free(one.claim.domain)), None)

    def _is_free(self, domain: str) -> bool:
        most = None if self._at_once is None else self._at_once(domain)
        return most is None or self._busy[domain] < most

    def _adapt(self, taken: Waiting) -> None:
        waited = time.monotonic() - taken.since
        if waited > _LONG:
            self._size = max(self._size // 2, self._least)
        elif waited < _LONG / 4:
            self._size = min(self._size + 1, self._most)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _change(self, within: float | None = None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._changed.wait()
