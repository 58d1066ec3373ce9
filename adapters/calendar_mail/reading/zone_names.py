"""Zones that are told by nothing but their name: offsets and lists of cities.

Exchange and Outlook for Mac write display names as TZID ("(UTC+01:00) Amsterdam, Berlin, Bern,
Rome", "Sarajevo, Skopje, Warsaw, Zagreb"), Lotus shortens Windows names ("Romance").
"""

import re
from datetime import datetime, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

_PREFIX = re.compile(r"\(?(?:UTC|GMT)\s*([+-]\d{1,2}(?:[:.]?\d{2})?)?\s*\)?\s*", re.IGNORECASE)
_OFFSET = re.compile(r"(?:UTC|GMT)?\s*([+-])(\d{1,2})(?:[:.]?(\d{2}))?", re.IGNORECASE)
_AREAS = re.compile("(Africa|America|Asia|Atlantic|Australia|Europe|Indian|Pacific)/")
_DISPLAYED = {  # Windows display names that list no city of the IANA database
    "eastern time (us & canada)": "America/New_York",
    "central time (us & canada)": "America/Chicago",
    "mountain time (us & canada)": "America/Denver",
    "pacific time (us & canada)": "America/Los_Angeles",
    "atlantic time (canada)": "America/Halifax",
    "indiana (east)": "America/Indianapolis",
    "arizona": "America/Phoenix",
    "alaska": "America/Anchorage",
    "hawaii": "Pacific/Honolulu",
    "newfoundland": "America/St_Johns",
    "west central africa": "Africa/Lagos",
    "brasilia": "America/Sao_Paulo",
    "chennai, kolkata, mumbai, new delhi": "Asia/Kolkata",
    "beijing, chongqing, hong kong, urumqi": "Asia/Shanghai",
    "coordinated universal time": "UTC",
    "greenwich mean time": "UTC",
}


@cache
def _zones_by_city() -> dict[str, str]:
    names = sorted(name for name in available_timezones() if _AREAS.match(name))
    return {name.rpartition("/")[2].replace("_", " ").lower(): name for name in names}


@cache
def _shortened_windows_names() -> dict[str, str]:
    end = " Standard Time"
    return {
        name.removesuffix(end).lower(): zone
        for name, zone in WINDOWS_TO_OLSON.items()
        if name.endswith(end)
    }


def zone_told_by_name(name: str, wall: datetime) -> tzinfo | None:
    """The zone that `name` describes, if it can mean but one at naive `wall`; else None."""
    name = name.strip().strip('"').replace("\\", "").replace("_", " ")[:200]
    if offset := _OFFSET.fullmatch(name):
        return _fixed(offset)
    prefix = _PREFIX.match(name)
    places = name[prefix.end() :] if prefix else name
    zone = _of_places(places, wall)
    if zone is None or not prefix or not prefix[1]:
        return zone
    offset = _OFFSET.fullmatch(prefix[1])
    return zone if offset and _agrees(zone, offset, wall) else None


def _fixed(offset: "re.Match[str]") -> timezone | None:
    length = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
    if length > timedelta(hours=14):
        return None
    return timezone(-length if offset[1] == "-" else length)


def _agrees(zone: tzinfo, offset: "re.Match[str]", wall: datetime) -> bool:
    """Whether the zone's standard time is the offset that the name begins with."""
    fixed = _fixed(offset)
    winter = (wall.replace(month=month, day=1) for month in (1, 7))
    return fixed is not None and fixed.utcoffset(None) in {
        day.replace(tzinfo=zone).utcoffset() for day in winter
    }


def _of_places(places: str, wall: datetime) -> ZoneInfo | None:
    lowered = places.strip().lower()
    known = _DISPLAYED.get(lowered) or _shortened_windows_names().get(lowered)
    if known:
        return ZoneInfo(known)
    cities = [part.strip(" .") for part in re.split(r"[,/;]| and ", lowered)]
    names = [_zones_by_city()[city] for city in cities if city in _zones_by_city()]
    zones = [ZoneInfo(name) for name in names[:10]]
    offsets = {wall.replace(tzinfo=zone).utcoffset() for zone in zones}
    return zones[0] if len(offsets) == 1 else None
