"""The time picker: date, time and length as a form gives them, in one zone, made into a slot.

A time that the clocks skip or repeat is never guessed: the person is asked again, with a message
that says why, and for a repeated time with the two instants to choose from.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta

from domain.errors import BadTimes
from domain.meetings.civil import (
    after_gap,
    clock_words,
    day_words,
    instants,
    length_words,
    offset_words,
)
from domain.values import Frozen, Slot, in_zone

_LONGEST = timedelta(hours=24)


class Picked(Frozen):
    """What the picker shows: the fields as typed, and for a repeated time the instants it may
    mean (`occurrence` 1 or 2 says which)."""

    date: str = ""
    time: str = ""
    minutes: str = ""
    occurrence: str = ""
    occurrences: tuple[tuple[str, str], ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.date and not self.time


class PickerFault(BadTimes):
    """A picker that has to be filled in again, as `picked`; `row` counts from 0."""

    def __init__(self, message: str, field: str, picked: Picked, row: int = 0) -> None:
        super().__init__(message, field=field)
        self.picked = picked
        self.row = row


def picked_from(fields: Mapping[str, str], row: int = 0) -> Picked:
    """The picker's fields of a posted form, cut to a sane length; rows past the first have
    their number in the field's name."""
    suffix = str(row) if row else ""
    names = ("date", "time", "minutes", "occurrence")
    return Picked(**{name: fields.get(name + suffix, "").strip()[:20] for name in names})


def picked_for(slot: Slot, zone: str) -> Picked:
    """The picker as it is first shown: the present time in the reader's zone."""
    local = in_zone(slot.start, zone)
    minutes = slot.length // timedelta(minutes=1)
    return Picked(date=local.date().isoformat(), time=f"{local:%H:%M}", minutes=str(minutes))


def slot_of(picked: Picked, zone: str, row: int = 0) -> Slot:
    """The slot that `picked` means in `zone`.

    Raises `PickerFault` with the field to look at; for a repeated time its `picked` asks which
    one is meant.
    """
    try:
        length = _length(picked.minutes)
        start = _instant(datetime.combine(_date(picked.date), _time(picked.time)), zone, picked)
        return Slot(start=start, end=start + length)
    except PickerFault as fault:
        raise PickerFault(str(fault), fault.field or "", fault.picked, row) from None
    except BadTimes as fault:
        raise PickerFault(str(fault), fault.field or "date", picked, row) from None


def slots_of(rows: Sequence[Picked], zone: str) -> tuple[Slot, ...]:
    """The slots of several pickers in order; empty ones are left out.

    Raises `PickerFault`, also when all are empty.
    """
    filled = [(row, picked) for row, picked in enumerate(rows) if not picked.is_empty]
    if not filled:
        raise PickerFault("Offer at least one time.", "date", Picked())
    return tuple(slot_of(picked, zone, row) for row, picked in filled)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadTimes("Choose a day, for instance 2027-03-01.", field="date") from None


def _time(text: str) -> time:
    try:
        chosen = time.fromisoformat(text)
    except ValueError:
        raise BadTimes("Choose a time of day, for instance 09:30.", field="time") from None
    if chosen.tzinfo is not None:
        raise BadTimes("Write the time of day without an offset.", field="time")
    return chosen.replace(microsecond=0)


def _length(text: str) -> timedelta:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 24 * 60:
        longest = length_words(_LONGEST)
        raise BadTimes(f"Give the length in minutes, up to {longest}.", field="minutes")
    return timedelta(minutes=int(text))


def _instant(local: datetime, zone: str, picked: Picked) -> datetime:
    found = instants(local, zone)
    if not found:
        raise BadTimes(_skipped(local, zone), field="time")
    if len(found) == 1:
        return found[0]
    if picked.occurrence in ("1", "2"):
        return found[int(picked.occurrence) - 1]
    raise PickerFault(_repeated(found, zone), "occurrence", _asking(picked, found, zone))


def _skipped(local: datetime, zone: str) -> str:
    return (
        f"On that day the clocks in {zone} go forward and skip {local:%H:%M}; "
        f"it would be {after_gap(local, zone):%H:%M}. Please choose a time that exists."
    )


def _repeated(found: tuple[datetime, ...], zone: str) -> str:
    return (
        f"On {day_words(found[0], zone)} the clocks in {zone} go back, so "
        f"{clock_words(found[0], zone)} comes twice. Please say which one you mean."
    )


def _asking(picked: Picked, found: tuple[datetime, ...], zone: str) -> Picked:
    labels = ("the first time", "the second time")
    asked = tuple(
        (str(n), f"{clock_words(at, zone)} {label} ({offset_words(at, zone)})")
        for n, (at, label) in enumerate(zip(found, labels, strict=True), start=1)
    )
    return picked.model_copy(update={"occurrences": asked})
