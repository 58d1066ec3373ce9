"""How many mails one peer may bring, counted in the memory of this process: no accounting, but
enough that one runaway sender does not crowd out the others."""

import time
from collections.abc import Callable

MOST_PEERS = 10_000
"""Peers that are remembered; the one unheard of for longest is forgotten first."""


class PeerRate:
    """`per_minute` mails of each peer at once, and as many more in each further minute; 0 is no
    limit. A peer of None is never counted.

    Of a peer only the instant is kept at which it would have its whole minute again (the generic
    cell rate algorithm). `clock` gives seconds and never goes back.
    """

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._each = 60.0 / per_minute if per_minute > 0 else 0.0
        self._clock = clock
        self._full_at: dict[str, float] = {}

    def has_room(self, peer: str | None) -> bool:
        """Whether `take` would be granted; takes nothing."""
        return peer is None or not self._each or self._after_one_more(peer) is not None

    def take(self, peer: str | None) -> bool:
        """Count a mail of `peer`; False, and not counted, when it may bring none now."""
        if peer is None or not self._each:
            return True
        full_at = self._after_one_more(peer)
        if full_at is None:
            return False
        self._full_at.pop(peer, None)
        self._full_at[peer] = full_at
        if len(self._full_at) > MOST_PEERS:
            del self._full_at[next(iter(self._full_at))]
        return True

    def _after_one_more(self, peer: str) -> float | None:
        now = self._clock()
        full_at = max(self._full_at.get(peer, now), now) + self._each
        rounding = self._each * 1e-6
        return full_at if full_at - now <= max(60.0, self._each) + rounding else None
