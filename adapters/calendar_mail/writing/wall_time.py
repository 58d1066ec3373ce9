"""Times in words, as people read them on a wall: weekday, date, clock and the zone's name.

English and written out here, because `strftime` follows the locale of whatever machine runs it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from domain.values import Slot, in_zone

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


@dataclass(frozen=True)
class SlotWords:
    """A slot in one reader's zone, with the same in UTC below it."""

    when: str  # Monday, 1 March 2027, 09:00–10:00
    zone: str  # Europe/Lisbon (WET, UTC+00:00)
    utc: str  # Monday, 1 March 2027, 09:00–10:00 UTC


def slot_words(slot: Slot, zone: str) -> SlotWords:
    """`slot` as somebody in the IANA zone `zone` would say it."""
    start, end = in_zone(slot.start, zone), in_zone(slot.end, zone)
    utc = f"{_span(slot.start.astimezone(UTC), slot.end.astimezone(UTC))} UTC"
    return SlotWords(when=_span(start, end), zone=_zone_words(start, end, zone), utc=utc)


def instant_words(instant: datetime, zone: str) -> str:
    """`Thursday, 4 March 2027, 17:30 (Europe/Lisbon, UTC+00:00)`."""
    local = in_zone(instant, zone)
    return f"{day_words(local)}, {_clock(local)} ({zone}, {_offset(local)})"


def short_words(slot: Slot, zone: str) -> str:
    """`Mon 1 Mar 2027, 09:00 (UTC+00:00)`, short enough for a subject line."""
    local = in_zone(slot.start, zone)
    day, month = _DAYS[local.weekday()][:3], _MONTHS[local.month - 1][:3]
    return f"{day} {local.day} {month} {local.year}, {_clock(local)} ({_offset(local)})"


def day_words(local: datetime) -> str:
    return f"{_DAYS[local.weekday()]}, {local.day} {_MONTHS[local.month - 1]} {local.year}"


def _span(start: datetime, end: datetime) -> str:
    """Both ends; each carries its own offset when the clocks change between them, since
    01:30–01:30 would say nothing."""
    first, last = _clock(start), _clock(end)
    if start.utcoffset() != end.utcoffset():
        first, last = f"{first} ({_offset(start)})", f"{last} ({_offset(end)})"
    if start.date() == end.date():
        return f"{day_words(start)}, {first}–{last}"
    return f"{day_words(start)}, {first} – {day_words(end)}, {last}"


def _zone_words(start: datetime, end: datetime, zone: str) -> str:
    if start.utcoffset() == end.utcoffset():
        return f"{zone} ({_abbreviated(start)})"
    return f"{zone} ({_abbreviated(start)}, then {_abbreviated(end)}: the clocks change)"


def _abbreviated(local: datetime) -> str:
    """`WET, UTC+00:00`; zones without an abbreviation give `-03` for one, which says nothing."""
    name = local.tzname() or ""
    return f"{name}, {_offset(local)}" if name.isalpha() and name != "UTC" else _offset(local)


def _clock(local: datetime) -> str:
    shown = f"{local.hour:02}:{local.minute:02}"
    return f"{shown}:{local.second:02}" if local.second else shown


def _offset(local: datetime) -> str:
    offset = local.utcoffset()
    minutes = round(offset.total_seconds() / 60) if offset is not None else 0
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}"
