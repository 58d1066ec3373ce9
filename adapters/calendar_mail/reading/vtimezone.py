"""The offset that a VTIMEZONE of the message itself gives a wall time (RFC 5545 §3.6.5).

Evaluated here for two reasons: `icalendar` keeps the first definition of a name for the whole
process, and a rule with FREQ=SECONDLY from 1970 never ends (calendar-mail section 7,
mail-safety section 8). Only yearly rules by month, day and weekday are taken, which is all that
time zones are made of; each costs a look at two years.
"""

import re
from calendar import monthrange
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from adapters.calendar_mail.reading import limits
from adapters.calendar_mail.reading.components import Component
from adapters.calendar_mail.reading.problems import Problems
from adapters.calendar_mail.reading.times import written_time

_OFFSET = re.compile(r"([+-]?)(\d{1,2}):?(\d{2})(?::?(\d{2}))?")
_DAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_USED_IN_ZONES = {"FREQ", "INTERVAL", "BYMONTH", "BYDAY", "BYMONTHDAY", "UNTIL", "COUNT", "WKST"}
_TIMES_OF_DAY = ("BYHOUR", "BYMINUTE", "BYSECOND")


class RefusedRule(Exception):
    """A recurrence that no time zone needs."""


@dataclass(frozen=True)
class _Yearly:
    """When in a year an observance begins, and until when it does so at all."""

    months: tuple[int, ...]
    weekdays: tuple[tuple[int | None, int], ...]
    days: tuple[int, ...]
    last: datetime | None
    last_year: int

    def in_year(self, year: int) -> Iterator[date]:
        if year <= self.last_year:
            for month in self.months:
                for day in range(1, monthrange(year, month)[1] + 1):
                    if self._falls_on(date(year, month, day)):
                        yield date(year, month, day)

    def _falls_on(self, day: date) -> bool:
        length = monthrange(day.year, day.month)[1]
        if self.days and not {day.day, day.day - length - 1} & set(self.days):
            return False
        if not self.weekdays:
            return True
        from_start, from_end = (day.day + 6) // 7, -((length - day.day) // 7 + 1)
        return any(
            weekday == day.weekday() and ordinal in (None, from_start, from_end)
            for ordinal, weekday in self.weekdays
        )


@dataclass(frozen=True)
class _Observance:
    """STANDARD or DAYLIGHT: from when (wall time before the change), and the offsets."""

    start: datetime
    before: timedelta
    after: timedelta
    rule: _Yearly | None
    extra: tuple[datetime, ...]

    @property
    def skipped(self) -> timedelta:
        """By how much clocks are put forward; negative when they are put back."""
        return self.after - self.before

    def latest_onset(self, wall: datetime) -> datetime | None:
        """The last time at or before `wall` at which this observance began."""
        onsets = [onset for onset in self._onsets(wall.year) if onset <= wall]
        return max(onsets, default=None)

    def _onsets(self, year: int) -> Iterator[datetime]:
        yield self.start
        yield from self.extra
        if self.rule is None:
            return
        newest = min(year, self.rule.last_year)
        for candidate in (newest, newest - 1):
            for day in self.rule.in_year(candidate) if candidate >= self.start.year else ():
                onset = datetime.combine(day, self.start.time())
                if onset >= self.start and (not self.rule.last or onset <= self.rule.last):
                    yield onset


@dataclass(frozen=True)
class OwnZone:
    """A time zone as the message defines it."""

    observances: tuple[_Observance, ...]

    def offset_at(self, wall: datetime) -> timedelta:
        """The offset of naive `wall`. In a gap the offset before it counts, in an overlap the
        first of the two (RFC 5545 §3.3.5)."""
        reached = self._reached(wall)
        if reached is None:
            return min(self.observances, key=lambda observance: observance.start).before
        onset, observance = reached
        return observance.before if wall < onset + observance.skipped else observance.after

    def is_skipped(self, wall: datetime) -> bool:
        """Whether clocks go past naive `wall` without showing it."""
        reached = self._reached(wall)
        return reached is not None and wall < reached[0] + reached[1].skipped

    def is_repeated(self, wall: datetime) -> bool:
        """Whether clocks show naive `wall` twice."""
        for observance in self.observances:
            if observance.skipped < timedelta(0):
                onset = observance.latest_onset(wall - observance.skipped)
                if onset is not None and onset + observance.skipped <= wall < onset:
                    return True
        return False

    def _reached(self, wall: datetime) -> tuple[datetime, _Observance] | None:
        """The last change at or before `wall`."""
        reached = [
            (onset, observance)
            for observance in self.observances
            if (onset := observance.latest_onset(wall)) is not None
        ]
        return max(reached, key=lambda pair: pair[0], default=None)


def own_zone(component: Component, problems: Problems) -> OwnZone | None:
    """The zone that a VTIMEZONE defines; None, with the reason named, when it defines none."""
    name = component.value("TZID") or "without a name"
    parts = component.inner("STANDARD", "DAYLIGHT")[: limits.OBSERVANCES]
    try:
        observances = tuple(_observances(parts, name, problems))
    except RefusedRule as refused:
        problems.say(f"the VTIMEZONE {name!r} was refused: {refused}")
        return None
    if not observances:
        problems.say(f"the VTIMEZONE {name!r} defines no offset; left out")
        return None
    return OwnZone(observances)


def _observances(
    parts: Iterable[Component], name: str, problems: Problems
) -> Iterator[_Observance]:
    for part in parts:
        after = _offset(part.value("TZOFFSETTO"))
        before = _offset(part.value("TZOFFSETFROM"))
        start = written_time(part.value("DTSTART") or "")
        if after is None:
            problems.say(f"the VTIMEZONE {name!r} is damaged: {part.name} has no TZOFFSETTO")
            continue
        if before is None or start is None:
            problems.say(f"the VTIMEZONE {name!r} is damaged: TZOFFSETFROM or DTSTART missing")
        wall = start.wall.replace(tzinfo=None) if start else datetime(1970, 1, 1)  # noqa: DTZ001
        extra = tuple(_dates(part, wall))
        before = _other_offset(part, parts, after) if before is None else before
        yield _Observance(wall, before, after, _rule(part, wall, before), extra)


def _other_offset(part: Component, parts: Iterable[Component], after: timedelta) -> timedelta:
    """What the clock showed before `part` began: what the other observance set it to."""
    others = (_offset(other.value("TZOFFSETTO")) for other in parts if other.name != part.name)
    return next((offset for offset in others if offset is not None), after)


def _offset(value: str | None) -> timedelta | None:
    found = _OFFSET.fullmatch((value or "").strip())
    if found is None:
        return None
    length = timedelta(hours=int(found[2]), minutes=int(found[3]), seconds=int(found[4] or 0))
    if length >= timedelta(hours=24):
        return None
    return -length if found[1] == "-" else length


def _dates(part: Component, start: datetime) -> Iterator[datetime]:
    for line in part.all("RDATE"):
        for value in line.value.split(",")[: limits.OBSERVANCES]:
            written = written_time(value)
            if written:
                yield written.wall.replace(tzinfo=None)


def _rule(part: Component, start: datetime, before: timedelta) -> _Yearly | None:
    value = part.value("RRULE")
    if not value:
        return None
    rule = dict(piece.strip().upper().split("=", 1) for piece in value.split(";") if "=" in piece)
    if rule.get("FREQ") != "YEARLY":
        raise RefusedRule(f"FREQ={rule.get('FREQ', '')}")
    rule = {key: value for key, value in rule.items() if not _repeats_time(key, value, start)}
    if set(rule) - _USED_IN_ZONES or rule.get("INTERVAL", "1").strip("0 ") != "1":
        raise RefusedRule("its rule is none a time zone needs")
    until = written_time(rule.get("UNTIL", ""))
    last_year = until.wall.year if until else 9999
    if rule.get("COUNT"):
        last_year = min(last_year, start.year + _number(rule["COUNT"], 1, 9999) - 1)
    last = _local(until.wall, before) if until else None
    has_days = "BYDAY" in rule or "BYMONTHDAY" in rule
    return _Yearly(
        tuple(_number(month, 1, 12) for month in rule.get("BYMONTH", str(start.month)).split(",")),
        tuple(_weekday(day) for day in rule["BYDAY"].split(",")) if "BYDAY" in rule else (),
        _days(rule["BYMONTHDAY"] if "BYMONTHDAY" in rule else "" if has_days else str(start.day)),
        last,
        last_year,
    )


def _repeats_time(key: str, value: str, start: datetime) -> bool:
    """Lotus says the time of day of DTSTART again in the rule; another one is refused."""
    if key not in _TIMES_OF_DAY or not re.fullmatch(r"\s*\d{1,2}\s*", value):
        return False
    shown = (start.hour, start.minute, start.second)
    return int(value) == shown[_TIMES_OF_DAY.index(key)]


def _local(until: datetime, before: timedelta) -> datetime:
    """UNTIL is in UTC, onsets are wall time before the change (RFC 5545 §3.8.5.3)."""
    if until.tzinfo is None:
        return until
    try:
        return until.astimezone(UTC).replace(tzinfo=None) + before
    except OverflowError:
        return until.replace(tzinfo=None)


def _days(value: str) -> tuple[int, ...]:
    return tuple(_number(day, -31, 31) for day in value.split(",")) if value else ()


def _weekday(value: str) -> tuple[int | None, int]:
    found = _DAY.fullmatch(value.strip())
    if found is None:
        raise RefusedRule("its BYDAY cannot be read")
    return (int(found[1]) if found[1] else None), _WEEKDAYS.index(found[2])


def _number(value: str, least: int, most: int) -> int:
    value = value.strip()
    if not re.fullmatch(r"[+-]?\d{1,5}", value) or not least <= int(value) <= most:
        raise RefusedRule("a number in its rule is out of range")
    return int(value)
