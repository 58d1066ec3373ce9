"""What operators read about the dispatchers in Temporal's web interface."""

from collections.abc import Mapping
from datetime import datetime

from domain.outbox.messages import Progress, Staffing, Turn

_LIVE = "What each does now: *Pending Activities*, heartbeat details."


def details(staffing: Staffing, offered: Mapping[int, datetime], turns: Mapping[int, Turn]) -> str:
    """Markdown. `offered` says since when each share has been offered to workers, `turns` how the
    last dispatcher that had it ended."""
    count = staffing.dispatchers
    noun = "dispatcher" if count == 1 else "dispatchers"
    head = f"**{count} {noun}** wanted since {_clock(staffing.said_at)}. {_LIVE}"
    lines = [_line(number, since, turns.get(number)) for number, since in sorted(offered.items())]
    return "\n".join([head, "", *lines])


def _line(number: int, since: datetime, turn: Turn | None) -> str:
    before = "" if turn is None else f" Before that: {told(turn)}"
    return f"- share {number}: offered at {_clock(since)}.{before}"


def told(turn: Turn) -> str:
    """One turn in a sentence or two."""
    lost = "" if turn.lost is None else f" It had been lost by {_told(turn.lost)}"
    return f"{turn.ending.value} by {_told(turn.progress)}{lost}"


def _told(it: Progress) -> str:
    counts = f"{it.accepted} accepted, {it.deferred} deferred, {it.refused} refused"
    doubts = f", {it.unknown} unknown" if it.unknown else ""
    where = f"process {it.process} on {it.host} (since {_clock(it.since)})"
    fault = "" if it.last_fault is None else f"; last fault {it.last_fault}{_at(it.last_fault_at)}"
    held = "" if it.held_back is None else f"; held back: {it.held_back}"
    return f"{where}: {counts}{doubts}{fault}{held}."


def _at(instant: datetime | None) -> str:
    return "" if instant is None else f" at {_clock(instant)}"


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
