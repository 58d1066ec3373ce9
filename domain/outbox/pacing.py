"""How fast mail goes through a lane: all of it, that to a domain, that of a kind.

A lane is one row, so a limit holds for all dispatchers together. It knows when the next message
may go (`free_at`, the virtual schedule of the GCRA, ITU-T I.371) and how far its waiting list
reaches (`listed_to`). A message that finds its lane full is put on the list: it is not due again
before its turn, so it holds up nobody else, and at its turn it asks once more. So a limit is
never exceeded, also not by what fell due while the relay was away.
"""

from datetime import datetime, timedelta

from domain.outbox.model import Report
from domain.outbox.rules import asks_to_wait, is_about_the_relay
from domain.values import EARLIEST, Frozen, Instant

AHEAD = timedelta(seconds=1)
"""How far ahead of its schedule a lane lets messages go: what one second allows may go at once."""

LONGEST_TURN = timedelta(minutes=15)
"""No turn is further away, so that a limit that was raised, or a list that was emptied, is soon
noticed by those at its end."""

TROUBLED = timedelta(seconds=1)
"""Between two messages through a lane that backed off, until one of them is taken."""

_LIST_STEP = timedelta(milliseconds=10)
_LONGEST_SPREAD = timedelta(seconds=60)
_FIRST_BACK_OFF = timedelta(seconds=30)
_LONGEST_BACK_OFF = timedelta(hours=1)


class Lane(Frozen):
    """What is known of a lane. `strikes`: how often in a row the other side asked for less mail;
    until `backs_off_until` it gets none."""

    name: str
    free_at: Instant = EARLIEST
    listed_to: Instant = EARLIEST
    strikes: int = 0
    backs_off_until: Instant | None = None
    because: str | None = None


def may_pass(
    lane: Lane, interval: timedelta | None, now: datetime, *, has_waited: bool, is_urgent: bool
) -> bool:
    """Whether a message may go through `lane` now, which lets one pass in every `interval`
    (None: as many as come).

    Those on the list go before those that come along, unless these are urgent.
    """
    if lane.backs_off_until is not None and lane.backs_off_until > now:
        return False
    step = _step(lane, interval)
    if step is None:
        return True
    if lane.free_at > now + AHEAD:
        return False
    return has_waited or is_urgent or lane.listed_to <= now + AHEAD


def passed(lane: Lane, interval: timedelta | None, now: datetime) -> Lane:
    """The lane after a message has gone through it."""
    step = _step(lane, interval)
    if step is None:
        return lane
    return lane.model_copy(update={"free_at": max(lane.free_at, now) + step})


def listed(lane: Lane, interval: timedelta | None, now: datetime) -> Lane:
    """The lane after a message has been put on its list; its turn is at `turn_of`."""
    turn = turn_of(lane, interval, now)
    after = turn + (interval or _LIST_STEP)
    return lane.model_copy(update={"listed_to": min(after, now + LONGEST_TURN)})


def turn_of(lane: Lane, interval: timedelta | None, now: datetime) -> datetime:
    """When a message that may not pass now shall ask again.

    What waits for a lane without a limit, which backs off, or is full of this dispatcher's own
    connections, is spread over a minute: it may all go once the reason is over.
    """
    opens = max(now + _LIST_STEP, lane.backs_off_until or now)
    if interval is None:
        return min(max(opens, lane.listed_to), opens + _LONGEST_SPREAD)
    return min(max(opens, lane.free_at, lane.listed_to), max(opens, now + LONGEST_TURN))


def struck(lane: Lane, now: datetime, because: str) -> Lane:
    """The lane after the other side asked for less mail: 30 s without any, then twice as long
    each time, an hour at most. What was under way already when it asked is no new strike."""
    if lane.backs_off_until is not None and lane.backs_off_until > now:
        return lane
    strikes = min(lane.strikes + 1, 100)
    wait = min(_FIRST_BACK_OFF * (1 << min(strikes - 1, 10)), _LONGEST_BACK_OFF)
    until = now + wait
    return lane.model_copy(
        update={"strikes": strikes, "backs_off_until": until, "because": because}
    )


def recovered(lane: Lane) -> Lane:
    """The lane after a message went through that was taken."""
    return lane.model_copy(update={"strikes": 0, "backs_off_until": None, "because": None})


def asks_for_less(report: Report) -> str | None:
    """Why mail to the same domain should be slowed down: somebody asks to wait who has heard
    whom the mail is for. None for everything else, and for what the relay says of itself."""
    if is_about_the_relay(report) or not asks_to_wait(report):
        return None
    return f"{report.code} {report.reply}".strip()


def _step(lane: Lane, interval: timedelta | None) -> timedelta | None:
    if not lane.strikes:
        return interval
    return TROUBLED if interval is None else max(interval, TROUBLED)
