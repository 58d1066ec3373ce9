"""Wall-clock times as people write them, turned into instants, and back into words.

A wall time names one instant, or none (the clock skipped it), or two (the clock went back over
it): the caller has to ask the person which one was meant (calendar-mail G3).
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from domain.errors import BadTimes
from domain.values import Slot, as_instant, in_zone

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def instants(local: datetime, zone: str) -> tuple[datetime, ...]:
    """The instants (aware UTC, earliest first) at which clocks in `zone` show `local`.

    None in the hour skipped in spring, two in the hour repeated in autumn, else one. `local`
    is naive; its own `fold` is ignored. Raises `BadTimes` outside 1970 to 2100.
    """
    candidates = {_at_fold(local, zone, fold) for fold in (0, 1)}
    shown = (instant for instant in candidates if _wall(instant, zone) == local.replace(fold=0))
    return tuple(sorted(shown))


def after_gap(local: datetime, zone: str) -> datetime:
    """The wall time that `local`, skipped in `zone`, becomes when the clock jumps over it."""
    return _wall(_at_fold(local, zone, 0), zone)


def offset_words(instant: datetime, zone: str) -> str:
    """The offset of `zone` at `instant`, written `UTC+01:00`."""
    offset = in_zone(instant, zone).utcoffset() or timedelta(0)
    sign = "-" if offset < timedelta(0) else "+"
    hours, minutes = divmod(abs(offset) // timedelta(minutes=1), 60)
    return f"UTC{sign}{hours:02}:{minutes:02}"


def day_words(instant: datetime, zone: str) -> str:
    """The day of `instant` in `zone`: `Monday 1 March 2027`. Independent of any locale."""
    local = in_zone(instant, zone)
    return f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]} {local.year}"


def clock_words(instant: datetime, zone: str) -> str:
    """The time of day of `instant` in `zone`, on a 24-hour clock: `09:30`."""
    return f"{in_zone(instant, zone):%H:%M}"


def slot_words(slot: Slot, zone: str) -> str:
    """`Monday 1 March 2027, 09:30–10:00 (Europe/Lisbon)`; a second day is written out."""
    start, end = slot.start, slot.end
    same_day = in_zone(start, zone).date() == in_zone(end, zone).date()
    until = clock_words(end, zone) if same_day else instant_words(end, zone, named=False)
    return f"{day_words(start, zone)}, {clock_words(start, zone)}–{until} ({zone})"


def instant_words(instant: datetime, zone: str, *, named: bool = True) -> str:
    """`Monday 1 March 2027, 09:30 (Europe/Lisbon)`; without the zone when not `named`."""
    name = f" ({zone})" if named else ""
    return f"{day_words(instant, zone)}, {clock_words(instant, zone)}{name}"


def length_words(length: timedelta) -> str:
    """A length of time in days, hours and minutes: `1 hour 30 minutes`."""
    minutes = length // timedelta(minutes=1)
    days, rest = divmod(minutes, 24 * 60)
    counted = (("day", days), ("hour", rest // 60), ("minute", rest % 60))
    parts = [f"{count} {unit}{'' if count == 1 else 's'}" for unit, count in counted if count]
    return " ".join(parts) or "0 minutes"


def _at_fold(local: datetime, zone: str, fold: int) -> datetime:
    try:
        moment = local.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)
    except OverflowError:
        raise BadTimes("A time must lie between 1970 and 2100.") from None
    return as_instant(moment)


def _wall(instant: datetime, zone: str) -> datetime:
    return in_zone(instant, zone).replace(tzinfo=None, fold=0)
