"""Mails that stay in their folder for now, while those behind them are taken."""

from enum import StrEnum

from domain.values import Frozen, Instant

LONGEST_PAUSE = 900.0
"""Seconds between attempts, however often a mail was tried."""


class Trouble(StrEnum):
    """Why a mail is not done with."""

    FETCH = "not-given"  # its server does not give it
    KEEP = "not-kept"  # we could not keep it
    FULL = "must-wait"  # one of its addresses has no room at present
    SETTLE = "not-moved"  # it was kept; its server refuses to move or mark it


class Postponed(Frozen):
    """A mail that is tried again at `next_at`, after so many attempts with the same trouble."""

    uid: int
    trouble: Trouble
    attempts: int
    next_at: Instant


def pause_after(attempts: int, first: float) -> float:
    """Seconds until the next attempt: `first`, then twice as many each time."""
    return min(first * 2.0 ** min(attempts - 1, 30), LONGEST_PAUSE)
