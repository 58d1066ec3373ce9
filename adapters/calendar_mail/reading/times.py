"""Dates, times and durations as calendars write them, and as they should not have
(RFC 5545 §3.3.4 to §3.3.6)."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

from domain.errors import BadTimes
from domain.values import as_instant

_DATE_TIME = re.compile(
    r"(?P<year>\d{4})-?(?P<month>\d\d)-?(?P<day>\d\d)"
    r"(?:[Tt ](?P<hour>\d\d):?(?P<minute>\d\d):?(?P<second>\d\d)?(?P<more>[.,]?\d*)"
    r"\s*(?P<zone>[Zz]|UTC|GMT|[+-]\d\d:?\d\d)?)?\s*\Z"
)
_AS_IT_SHOULD_BE = re.compile(r"\d{8}(T\d{6}Z?)?")
_DURATION = re.compile(
    r"([+-])?P(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?"
)


@dataclass(frozen=True)
class WrittenTime:
    """A date or time as written: `wall` is naive unless the value itself says its offset.

    `is_odd` tells that it was not written as RFC 5545 wants.
    """

    wall: datetime
    is_date: bool = False
    is_odd: bool = False

    @property
    def has_offset(self) -> bool:
        return self.wall.tzinfo is not None


def written_time(value: str) -> WrittenTime | None:
    """Reads a DATE or DATE-TIME; None for what is neither."""
    value = value.strip(" \t'\"").split(",")[0].split("/")[0]
    found = _DATE_TIME.match(value)
    if found is None:
        return None
    is_odd = _AS_IT_SHOULD_BE.fullmatch(value) is None
    try:
        day = date(int(found["year"]), int(found["month"]), int(found["day"]))
        if found["hour"] is None:
            return WrittenTime(datetime(day.year, day.month, day.day), True, is_odd)  # noqa: DTZ001
        wall = datetime(day.year, day.month, day.day) + _time_of_day(found)  # noqa: DTZ001
        return WrittenTime(wall.replace(tzinfo=_offset(found["zone"])), False, is_odd)
    except (ValueError, OverflowError):
        return None


def _time_of_day(found: "re.Match[str]") -> timedelta:
    """Hour 24 is the next midnight, a leap second the second before it."""
    hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    if hour > 24 or minute > 59 or second > 60:
        raise ValueError("no time of day")
    return timedelta(hours=hour, minutes=minute, seconds=min(second, 59))


def _offset(zone: str | None) -> timezone | None:
    if not zone:
        return None
    if zone[0] not in "+-":
        return UTC
    digits = zone[1:].replace(":", "")
    length = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-length if zone[0] == "-" else length)


@dataclass(frozen=True)
class WrittenDuration:
    """A DURATION: `days` are those of the calendar, 23 to 25 hours long, and come first, `exact`
    is elapsed time (RFC 5545 §3.3.6)."""

    days: int
    exact: timedelta

    @property
    def usual(self) -> timedelta:
        """How long it is where no clock is changed."""
        return timedelta(days=self.days) + self.exact


def written_duration(value: str) -> WrittenDuration | None:
    """Reads a DURATION; None for what is none, or is not positive."""
    found = _DURATION.fullmatch(value.strip().upper())
    if found is None or found[1] == "-":
        return None
    weeks, days, hours, minutes, seconds = (int(number or 0) for number in found.groups()[1:])
    exact = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    length = WrittenDuration(weeks * 7 + days, exact)
    return length if length.days or length.exact else None


def instant_or_none(moment: datetime) -> datetime | None:
    """An aware `moment` in UTC; None outside the years Parley deals with."""
    try:
        return as_instant(moment)
    except BadTimes:
        return None
