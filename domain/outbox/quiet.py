"""Quiet hours: when mail that can wait does not disturb its recipient."""

import re
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.errors import BadInput, UnknownZone
from domain.values import Frozen, as_zone, in_zone

LONGEST = timedelta(hours=16)
"""Quiet hours beyond this are refused: mail would hardly leave any more."""


class QuietHours(Frozen):
    """From `start` up to `end` on the recipient's clocks; `end` may lie on the next day."""

    start: time
    end: time

    def covers(self, wall: time) -> bool:
        if self.start <= self.end:
            return self.start <= wall < self.end
        return wall >= self.start or wall < self.end


_FORM = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


def read_quiet_hours(text: str) -> QuietHours | None:
    """The quiet hours that a text like `22:00-07:00` names; None for an empty one.

    Raises `BadInput`.
    """
    if not text.strip():
        return None
    parts = _FORM.fullmatch(text.strip())
    if parts is None:
        raise BadInput(f"Quiet hours look like 22:00-07:00, not like {text!r}.")
    from_hour, from_minute, to_hour, to_minute = (int(part) for part in parts.groups())
    hours = QuietHours(start=time(from_hour, from_minute), end=time(to_hour, to_minute))
    minutes = (60 * to_hour + to_minute - 60 * from_hour - from_minute) % (24 * 60)
    if not timedelta(0) < timedelta(minutes=minutes) <= LONGEST:
        raise BadInput(f"Quiet hours last from a minute to 16 hours; {text!r} do not.")
    return hours


def quiet_until(hours: QuietHours, zone: str | None, now: datetime) -> datetime | None:
    """When the quiet hours that `now` lies in are over in `zone`; None outside of them, and where
    the zone is not known.

    Clocks that go back may repeat the end of the quiet hours: then it is the later one that
    counts once the first is past. An end that the clocks skip is moved on with them.
    """
    name = _known(zone)
    if name is None:
        return None
    local = in_zone(now, name)
    wall = local.time()
    if not hours.covers(wall):
        return None
    day = local.date() if wall < hours.end else local.date() + timedelta(days=1)
    end = datetime.combine(day, hours.end, tzinfo=ZoneInfo(name))
    first = end.astimezone(UTC)
    return first if first > now else end.replace(fold=1).astimezone(UTC)


def _known(zone: str | None) -> str | None:
    try:
        return None if zone is None else as_zone(zone)
    except UnknownZone:
        return None
