"""Which zone a TZID means, asked anew for every message (calendar-mail G1, G2).

In this order: a name of the IANA database is our own tzdata; a Windows name is CLDR's zone for
it; any other name is what the VTIMEZONE in this very message says; then what the name itself
tells. A name that none of these explain stays unknown: a time in it is no instant.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from adapters.calendar_mail.reading.components import Component
from adapters.calendar_mail.reading.problems import Problems
from adapters.calendar_mail.reading.times import WrittenTime, instant_or_none
from adapters.calendar_mail.reading.tokens import ContentLine
from adapters.calendar_mail.reading.vtimezone import OwnZone, own_zone
from adapters.calendar_mail.reading.zone_names import zone_told_by_name

_NO_ZONES = {"localtime", "factory", "posixrules"}
_CUSTOM = re.compile(r"customi[sz]ed time zone|tzone://microsoft/custom", re.IGNORECASE)


@cache
def iana_names() -> dict[str, str]:
    """Names of the IANA database by their lower-case form."""
    return {name.lower(): name for name in available_timezones() if name.lower() not in _NO_ZONES}


@cache
def _windows_names() -> dict[str, str]:
    return {name.lower(): zone for name, zone in WINDOWS_TO_OLSON.items()}


def named_zone(tzid: str) -> ZoneInfo | None:
    """The zone of an IANA or Windows name of any case, alone or behind a vendor's path
    (`/mozilla.org/20050126_1/Europe/Berlin`)."""
    name = tzid.strip().strip('"').replace("\\,", ",").lower()
    found = iana_names().get(name) or _windows_names().get(name)
    if found is None and "/" in name:
        parts = name.split("/")
        tails = ("/".join(parts[-count:]) for count in (3, 2))
        found = next((iana_names()[tail] for tail in tails if tail in iana_names()), None)
    if found is None and name in ("tzone://microsoft/utc", "z", "utc", "gmt"):
        found = "UTC"
    return ZoneInfo(found) if found else None


@dataclass(frozen=True)
class KnownZone:
    """A zone of our own tzdata, asked in the same words as `OwnZone`."""

    zone: tzinfo

    def offset_at(self, wall: datetime) -> timedelta:
        """The offset of naive `wall`; in a gap the one before it, in an overlap the first."""
        return self._offset(wall, 0)

    def is_skipped(self, wall: datetime) -> bool:
        """Whether clocks go past naive `wall` without showing it (PEP 495)."""
        return self._offset(wall, 0) < self._offset(wall, 1)

    def is_repeated(self, wall: datetime) -> bool:
        """Whether clocks show naive `wall` twice (PEP 495)."""
        return self._offset(wall, 0) > self._offset(wall, 1)

    def _offset(self, wall: datetime, fold: int) -> timedelta:
        return wall.replace(tzinfo=self.zone, fold=fold).utcoffset() or timedelta(0)


class Zones:
    """The zones of one message, and of no other."""

    def __init__(self, calendar: Component, problems: Problems) -> None:
        self._problems = problems
        self._own: dict[str, Component] = {}
        for component in calendar.inner("VTIMEZONE"):
            self._own.setdefault((component.value("TZID") or "").strip('"').lower(), component)
        self._evaluated: dict[str, OwnZone | None] = {}
        self._default = calendar.value("X-WR-TIMEZONE")

    def instant(self, line: ContentLine, written: WrittenTime) -> datetime | None:
        """The instant that `written`, the value of `line`, names, in UTC; None, with the reason
        named, when its zone is unknown, when it has none, or when it is out of range.

        A time that clocks skip is read with the offset before the change, of two equal ones the
        first is taken (RFC 5545 §3.3.5); both are named."""
        if written.has_offset:
            return self._in_range(line.name, written.wall)
        zone = self._zone_of(line, written.wall)
        if zone is None:
            return None
        offset = timezone(zone.offset_at(written.wall))
        instant = self._in_range(line.name, written.wall.replace(tzinfo=offset))
        if instant is not None:
            self._name_change(line, written.wall, zone)
        return instant

    def is_skipped(self, line: ContentLine, written: WrittenTime) -> bool:
        """Whether clocks in the zone of `line` never show `written`, its value, because they are
        put forward then."""
        zone = None if written.has_offset else self._zone_of(line, written.wall)
        return zone is not None and zone.is_skipped(written.wall)

    def _zone_of(self, line: ContentLine, wall: datetime) -> KnownZone | OwnZone | None:
        tzid = line.params.get("TZID", "").strip()
        if not tzid:
            return self._default_zone(line.name, wall)
        zone = self._zone(tzid, wall)
        if zone is None:
            self._problems.say(f"{line.name}: the zone {tzid!r} is unknown; the time is not known")
        return zone

    def _name_change(self, line: ContentLine, wall: datetime, zone: KnownZone | OwnZone) -> None:
        shown = f"{line.name} {wall:%Y-%m-%d %H:%M} in {line.params.get('TZID', self._default)!r}"
        if zone.is_skipped(wall):
            self._problems.say(
                f"{shown} does not exist, clocks go forward then; read with the offset before that"
            )
        elif zone.is_repeated(wall):
            self._problems.say(f"{shown} comes twice, clocks go back then; the first was taken")

    def _in_range(self, name: str, moment: datetime) -> datetime | None:
        instant = instant_or_none(moment)
        if instant is None:
            self._problems.say(f"{name} lies outside the years 1970 to 2100; left out")
        return instant

    def _default_zone(self, name: str, wall: datetime) -> KnownZone | OwnZone | None:
        zone = self._zone(self._default, wall) if self._default else None
        if zone is None:
            self._problems.say(f"{name} names no zone; the time is not known")
        else:
            self._problems.say(f"{name} names no zone; read in the calendar's {self._default!r}")
        return zone

    def _zone(self, tzid: str, wall: datetime) -> KnownZone | OwnZone | None:
        """What `tzid` means at naive `wall`; None for an unknown zone."""
        named = named_zone(tzid)
        own = self._own_zone(tzid)
        if named is None:
            return own or self._told_by_name(tzid, wall)
        zone = KnownZone(named)
        if own is not None and own.offset_at(wall) != zone.offset_at(wall):
            self._problems.say(f"the VTIMEZONE {tzid!r} contradicts that zone; not used")
        return zone

    def _own_zone(self, tzid: str) -> OwnZone | None:
        key = tzid.strip('"').lower()
        if key not in self._evaluated:
            component = self._own.get(key)
            self._evaluated[key] = own_zone(component, self._problems) if component else None
        return self._evaluated[key]

    def _told_by_name(self, tzid: str, wall: datetime) -> KnownZone | None:
        if _CUSTOM.search(tzid):
            return None
        zone = zone_told_by_name(tzid, wall)
        if zone is None:
            return None
        self._problems.say(f"the zone {tzid!r} is not defined; read as {zone}")
        return KnownZone(zone)


def read_as_utc(written: WrittenTime) -> datetime | None:
    """A stamp that should have been in UTC and does not say its offset."""
    if written.has_offset:
        return instant_or_none(written.wall)
    return instant_or_none(written.wall.replace(tzinfo=UTC))


def plus(moment: datetime, length: timedelta) -> datetime | None:
    """`moment` plus `length` of exact time; None when that leaves the calendar."""
    try:
        return instant_or_none(moment + length)
    except OverflowError:
        return None
