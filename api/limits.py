"""How much one caller may ask of this process, counted in its memory.

The limits keep one runaway client from crowding out the others and make guessing pointless; they
are no accounting. With several processes each counts for itself.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from domain.errors import ParleyError, Unavailable

MOST_NAMES = 10_000
"""Callers a rate remembers; the one unheard of for longest is forgotten first."""

GUESSES_AT_ONCE = 100
GUESSES_PER_SECOND = 1.0
STREAMS_PER_KEY = 20
LARGE_MAILS = 4
"""Mails of more than a common body's size that are in memory at once. Each takes some five times
its size until it is kept."""

LARGE_MAILS_OF_ONE = 2
LARGE_MAILS_OF_KNOWN = 4
"""As above, beside those: of senders who have shown that they know the secret before they send."""

SECONDS_AT_ONCE = 2
"""How many seconds' worth of requests a key may send in a burst."""


class TooMany(ParleyError):
    """More than the caller may ask now. `retry_after` is in whole seconds."""

    code = "too-many-requests"

    def __init__(self, message: str, wait: float) -> None:
        super().__init__(message)
        self.retry_after = max(1, math.ceil(wait))


class Rate:
    """A bucket of tokens for each name: `at_once` in it at first, `per_second` more each second.

    Of a bucket only the instant is kept at which it would be full again (the generic cell rate
    algorithm). `clock` gives seconds and never goes back.
    """

    def __init__(self, at_once: float, per_second: float, clock: Callable[[], float]) -> None:
        self._each = 1 / per_second
        self._capacity = at_once / per_second
        self._clock = clock
        self._full_at: dict[str, float] = {}

    def check(self, name: str) -> None:
        """Raises `TooMany` when the bucket of `name` is empty; takes nothing."""
        self._after_one_more(name)

    def take(self, name: str) -> None:
        """Take one token of `name`. Raises `TooMany`, and takes nothing, when there is none."""
        full_at = self._after_one_more(name)
        self._full_at.pop(name, None)
        self._full_at[name] = full_at
        if len(self._full_at) > MOST_NAMES:
            del self._full_at[next(iter(self._full_at))]

    def _after_one_more(self, name: str) -> float:
        now = self._clock()
        full_at = max(self._full_at.get(name, now), now) + self._each
        missing = full_at - now - self._capacity
        if missing > self._each * 1e-6:  # rounding is not a token
            raise TooMany("Too many requests; wait as long as `Retry-After` says.", missing)
        return full_at


class Places:
    """What each caller may hold open: `most` at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: Counter[str | None] = Counter()

    def check(self, name: str | None) -> None:
        """Raises `TooMany` when `name` has all its places; takes none."""
        if self._held[name] >= self._most:
            raise TooMany(f"{self._most} streams are open with this key; close one first.", 15)

    @contextmanager
    def held(self, name: str | None) -> Iterator[None]:
        """Hold one place of `name` meanwhile. Raises what `check` does."""
        self.check(name)
        self._held[name] += 1
        try:
            yield
        finally:
            self._held[name] -= 1
            if not self._held[name]:
                del self._held[name]


class Room(Places):
    """Places for what takes much memory: `in_all` of them, and `each` for one caller, so that
    nobody takes all. A caller of None may."""

    def __init__(self, in_all: int, each: int) -> None:
        super().__init__(each)
        self._in_all = in_all

    @property
    def is_empty(self) -> bool:
        return not self._held

    def check(self, name: str | None) -> None:
        """Raises `Unavailable` when there is no place for `name`; takes none."""
        is_full = self._held.total() >= self._in_all
        if is_full or (name is not None and self._held[name] >= self._most):
            raise Unavailable("Many large mails are just coming in; send this one again soon.")


@dataclass(frozen=True)
class Limits:
    """All of them: requests by key, wrong guesses by what is guessed and peer, streams by key,
    mails over HTTP by peer (None: any number), and large ones at once, from anybody and from known
    senders, whose mail nobody else can keep out."""

    requests: Rate
    guesses: Rate
    streams: Places
    mails: Rate | None
    large_mails: Room
    large_mails_of_known: Room


def limits_for(
    requests_per_second: float, clock: Callable[[], float], mails_per_minute: float = 0
) -> Limits:
    """The limits of one process; 0 mails are any number."""
    each_second = mails_per_minute / 60
    return Limits(
        requests=Rate(SECONDS_AT_ONCE * requests_per_second, requests_per_second, clock),
        guesses=Rate(GUESSES_AT_ONCE, GUESSES_PER_SECOND, clock),
        streams=Places(STREAMS_PER_KEY),
        mails=Rate(max(mails_per_minute, 1.0), each_second, clock) if mails_per_minute else None,
        large_mails=Room(LARGE_MAILS, LARGE_MAILS_OF_ONE),
        large_mails_of_known=Room(LARGE_MAILS_OF_KNOWN, LARGE_MAILS_OF_KNOWN),
    )
