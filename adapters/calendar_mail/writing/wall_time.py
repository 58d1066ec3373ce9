"""Times in words, in the reader's own zone, with the zone's name and the same in UTC.

Strangers in two zones read one mail each: a time without its zone is the commonest complaint
about invitations (calendar-mail §9).
"""

from dataclasses import dataclass
from datetime import datetime

from domain.meetings.civil import clock_words, day_words, offset_words
from domain.values import Slot, in_zone


@dataclass(frozen=True)
class SlotWords:
    """A slot in one reader's zone, with the same in UTC below it."""

    when: str  # Monday 1 March 2027, 09:00–10:00
    zone: str  # Europe/Lisbon (WET, UTC+00:00)
    utc: str  # Monday 1 March 2027, 09:00–10:00 UTC


def slot_words(slot: Slot, zone: str) -> SlotWords:
    """`slot` as somebody in the IANA zone `zone` would say it."""
    return SlotWords(
        when=_span(slot, zone), zone=_zone_words(slot, zone), utc=f"{_span(slot, 'UTC')} UTC"
    )


def instant_words(instant: datetime, zone: str) -> str:
    """`Thursday 4 March 2027, 17:30 (Europe/Lisbon, UTC+00:00)`."""
    day, clock = day_words(instant, zone), clock_words(instant, zone)
    return f"{day}, {clock} ({zone}, {offset_words(instant, zone)})"


def short_words(slot: Slot, zone: str) -> str:
    """`Mon 1 Mar 2027, 09:00 (UTC+00:00)`, short enough for a subject line."""
    weekday, day, month, year = day_words(slot.start, zone).split()
    clock, offset = clock_words(slot.start, zone), offset_words(slot.start, zone)
    return f"{weekday[:3]} {day} {month[:3]} {year}, {clock} ({offset})"


def _span(slot: Slot, zone: str) -> str:
    """Both ends; each carries its own offset when the clocks change between them, since
    01:30–01:30 would say nothing."""
    first, last = clock_words(slot.start, zone), clock_words(slot.end, zone)
    if _clocks_change(slot, zone):
        first += f" ({offset_words(slot.start, zone)})"
        last += f" ({offset_words(slot.end, zone)})"
    first_day, last_day = day_words(slot.start, zone), day_words(slot.end, zone)
    if first_day == last_day:
        return f"{first_day}, {first}–{last}"
    return f"{first_day}, {first} – {last_day}, {last}"


def _clocks_change(slot: Slot, zone: str) -> bool:
    return offset_words(slot.start, zone) != offset_words(slot.end, zone)


def _zone_words(slot: Slot, zone: str) -> str:
    before, after = _abbreviated(slot.start, zone), _abbreviated(slot.end, zone)
    if not _clocks_change(slot, zone):
        return f"{zone} ({before})"
    return f"{zone} ({before}, then {after}: the clocks change in between)"


def _abbreviated(instant: datetime, zone: str) -> str:
    """`WET, UTC+00:00`; zones without an abbreviation give `-03` for one, which says nothing."""
    name, offset = in_zone(instant, zone).tzname() or "", offset_words(instant, zone)
    return f"{name}, {offset}" if name.isalpha() and name != "UTC" else offset
