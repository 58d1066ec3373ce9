"""The one normaliser for "another time" (calendar-mail section 3).

Shapes 1 to 3 are a METHOD:COUNTER (RFC 5546 §3.2.7), whatever the part is labelled; Exchange
2003 sends its shape as a REPLY with X-MS-OLK-ORIGINALSTART; shape 4 is the iOS parameter on a
REPLY. Shapes 5 and 6 are words: a hint for people, never a time that moves a meeting.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from adapters.calendar_mail.reading.components import Component
from adapters.calendar_mail.reading.problems import Problems
from adapters.calendar_mail.reading.times import (
    WrittenDuration,
    WrittenTime,
    written_duration,
    written_time,
)
from adapters.calendar_mail.reading.tokens import ContentLine, taken_apart
from adapters.calendar_mail.reading.zones import Zones, plus
from domain.inbox.model import ProposedSlot

_IOS = "TO-ALL-PROPOSED-NEW-TIME"
_OPEN = frozenset({"", "PENDING", "NEEDS-ACTION", "PROPOSED"})


@dataclass(frozen=True)
class Times:
    """The times a message shows: where its event stands (`start`, `end`) and, from Outlook,
    where it stood before. None for what is absent or cannot be told; `is_day` for all-day."""

    start: datetime | None
    end: datetime | None
    length: timedelta | None
    is_day: bool
    original_start: datetime | None
    original_end: datetime | None

    @property
    def original_length(self) -> timedelta | None:
        if self.original_start is None or self.original_end is None:
            return None
        length = self.original_end - self.original_start
        return length if length > timedelta(0) else None


@dataclass(frozen=True)
class Proposal:
    """Whether a new time is offered at all, and which, if it can be told for certain."""

    offered: bool = False
    slot: ProposedSlot | None = None


def times_of(event: Component, zones: Zones, problems: Problems) -> Times:
    """The times of `event`; what is wrong with them is named."""
    start_line = event.get("DTSTART")
    written = _written(start_line, problems)
    start = _instant(start_line, written, zones)
    duration = event.value("DURATION")
    length = written_duration(duration) if duration else None
    if duration and length is None:
        problems.say(f"DURATION {duration!r} cannot be read; left out")
    end = _end(event, start, zones, problems)
    if start and end is None and length:
        end = _after(start_line, written, start, length, zones)
    return Times(
        start=start,
        end=end,
        length=end - start if start and end else length.usual if length else None,
        is_day=bool(written and written.is_date),
        original_start=_original(event, "X-MS-OLK-ORIGINALSTART", zones, problems),
        original_end=_original(event, "X-MS-OLK-ORIGINALEND", zones, problems),
    )


def proposal_of(
    event: Component, method: str | None, times: Times, zones: Zones, problems: Problems
) -> Proposal:
    """The new time that `event` offers, in whatever shape."""
    if method == "COUNTER":
        return _countered(event, times, problems)
    if method != "REPLY":
        return Proposal()
    offers = (line.params.get(_IOS, "").strip() for line in event.all("ATTENDEE"))
    if parameter := next(filter(None, offers), ""):
        return _from_ios(parameter, times, zones, problems)
    if event.get("X-MS-OLK-ORIGINALSTART") is not None and not _is_unmoved(event, times):
        problems.say("a REPLY that shows another original time; read as the proposal it is")
        return _countered(event, times, problems)
    return Proposal()


def _is_unmoved(event: Component, times: Times) -> bool:
    """Whether the event stands, as far as it shows, where Outlook says that it stood."""
    start, before = event.get("DTSTART"), event.get("X-MS-OLK-ORIGINALSTART")
    if start is None or before is None:
        return True
    if (start.value, start.params) != (before.value, before.params) and (
        times.start is None or times.start != times.original_start
    ):
        return False
    return times.end is None or times.original_end in (None, times.end)


def _countered(event: Component, times: Times, problems: Problems) -> Proposal:
    if event.get("DTSTART") is None:
        problems.say("a COUNTER without DTSTART proposes no time")
        return Proposal()
    if times.is_day:
        problems.say("the proposed time is a whole day without a zone; which hours are meant?")
        return Proposal(offered=True)
    if times.start is None:
        return Proposal(offered=True)
    end = times.end
    if end is None and times.original_length:
        end = plus(times.start, times.original_length)
    if times.start == times.original_start and times.original_end in (None, end):
        problems.say("the COUNTER repeats the time it answers; nothing new is proposed")
        return Proposal()
    return Proposal(offered=True, slot=ProposedSlot(start=times.start, end=end))


def _from_ios(parameter: str, times: Times, zones: Zones, problems: Problems) -> Proposal:
    """`DTSTART:20201225T083000Z;STATUS:;`: a start only, so the event shown lends its length."""
    fields = [taken_apart(piece) for piece in re.split(r";(?=STATUS)", parameter.strip("; \t"))]
    named = {field.name: field for field in fields if field is not None}
    status = named["STATUS"].value.strip(" ;").upper() if "STATUS" in named else ""
    if status not in _OPEN:
        problems.say(f"a proposed time with status {status!r} is no longer open")
        return Proposal()
    line = named.get("DTSTART")
    written = written_time(line.value.strip(" ;")) if line else None
    start = _instant(line, written, zones)
    if start is None:
        problems.say("the proposed new time cannot be read")
        return Proposal(offered=True)
    if start == times.start:
        problems.say("the proposed time is the one it answers; nothing new is proposed")
        return Proposal()
    end = plus(start, times.length) if times.length else None
    return Proposal(offered=True, slot=ProposedSlot(start=start, end=end))


def _end(
    event: Component, start: datetime | None, zones: Zones, problems: Problems
) -> datetime | None:
    """DTEND; None when it is not after `start`. A start that clocks skip takes the end with it:
    what was drawn in the calendar as an hour stays one."""
    begun = event.get("DTSTART")
    line = _in_same_zone(event.get("DTEND"), begun)
    written, began = _written(line, problems), _written(begun, problems)
    end = _instant(line, written, zones)
    if start is None or end is None or line is None or begun is None:
        return end
    if written and began and _skips_start(begun, began, line, written, zones):
        end = plus(start, written.wall - began.wall)
    if end is not None and end <= start:
        problems.say("DTEND is not after DTSTART; left out")
        return None
    return end


def _skips_start(
    begun: ContentLine, began: WrittenTime, line: ContentLine, written: WrittenTime, zones: Zones
) -> bool:
    same_zone = line.params.get("TZID") == begun.params.get("TZID") and not written.has_offset
    return same_zone and zones.is_skipped(begun, began)


def _after(
    line: ContentLine | None,
    written: WrittenTime | None,
    start: datetime,
    length: WrittenDuration,
    zones: Zones,
) -> datetime | None:
    """The end of what begins at `start`, the instant of `written`: days are counted on the wall
    clock, hours pass (RFC 5545 §3.3.6)."""
    day: datetime | None = start
    if length.days and line is not None and written is not None:
        try:
            wall = written.wall + timedelta(days=length.days)
        except OverflowError:
            return None
        day = _instant(line._replace(name="DURATION"), replace(written, wall=wall), zones)
    return plus(day, length.exact) if day else None


def _in_same_zone(end: ContentLine | None, start: ContentLine | None) -> ContentLine | None:
    """An end without TZID is in the zone of the start; nothing else makes sense."""
    if end is None or start is None or "TZID" in end.params or "TZID" not in start.params:
        return end
    return end._replace(params={**end.params, "TZID": start.params["TZID"]})


def _written(line: ContentLine | None, problems: Problems) -> WrittenTime | None:
    if line is None:
        return None
    written = written_time(line.value)
    if written is None:
        problems.say(f"{line.name} {line.value[:40]!r} cannot be read; left out")
    elif written.is_odd:
        problems.say(f"{line.name} {line.value[:40]!r} is not written as RFC 5545 wants")
    return written


def _instant(
    line: ContentLine | None, written: WrittenTime | None, zones: Zones
) -> datetime | None:
    if line is None or written is None or written.is_date:
        return None
    return zones.instant(line, written)


def _original(event: Component, name: str, zones: Zones, problems: Problems) -> datetime | None:
    line = event.get(name)
    return _instant(line, _written(line, problems), zones)
