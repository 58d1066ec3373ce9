"""The calendar objects of one mail: found, read, and brought to one statement."""

import re

from adapters.calendar_mail.reading import limits
from adapters.calendar_mail.reading.components import calendars_in
from adapters.calendar_mail.reading.copies import agreed
from adapters.calendar_mail.reading.lines import content_lines
from adapters.calendar_mail.reading.objects import Correspondents, Said, said_by
from adapters.calendar_mail.reading.parts import Part
from adapters.calendar_mail.reading.problems import Problems

_BEGINS = re.compile(rb"\s*BEGIN\s*:\s*V", re.IGNORECASE)
_TYPES = {
    "text/calendar",
    "application/ics",
    "application/calendar",
    "text/x-vcalendar",
    "text/vcalendar",
    "application/x-ics",
    "text/ics",
}
_NAMES = (".ics", ".ical", ".vcs")


def begins_calendar(data: bytes) -> bool:
    """Whether `data` is a calendar object by its first words."""
    return _BEGINS.match(data.removeprefix(b"\xef\xbb\xbf")[:200].replace(b"\0", b"")) is not None


def is_calendar(part: Part) -> bool:
    """Whether a part calls itself a calendar. Content-Type decides, not the file name
    (RFC 6047 §2.6)."""
    return part.content_type in _TYPES


class Calendars:
    """Reads calendar objects within one budget for the whole mail."""

    def __init__(self, correspondents: Correspondents, problems: Problems) -> None:
        self._correspondents = correspondents
        self._problems = problems
        self._room = limits.CALENDAR_BYTES
        self._statements: list[Said] = []

    @property
    def disagree(self) -> bool:
        """Whether something was said, but not one thing."""
        return len(self._statements) > 1

    def read_parts(self, parts: list[Part]) -> Said | None:
        """What the calendar parts say together; None when they disagree or say nothing."""
        for part in parts:
            if is_calendar(part) or _may_be_calendar(part):
                data = part.content(self._problems)
                if is_calendar(part) or begins_calendar(data):
                    self._read(data, part.charset, part.parameter("method"))
        return agreed(self._statements, self._problems)

    def read_alone(self, data: bytes) -> Said | None:
        """What an object outside any mail says; None as above."""
        self._read(data, None, None)
        return agreed(self._statements, self._problems)

    def _read(self, data: bytes, charset: str | None, label: str | None) -> None:
        """One object beyond reading must not take the rest of the mail with it."""
        if len(data) > self._room:
            self._problems.say(
                f"more than {limits.CALENDAR_BYTES} bytes of calendar; the rest was not read"
            )
        data, self._room = data[: self._room], max(0, self._room - len(data))
        try:
            self._take(data, charset, label)
        except (Exception, RecursionError) as error:
            self._problems.say(f"a calendar could not be read ({type(error).__name__})")

    def _take(self, data: bytes, charset: str | None, label: str | None) -> None:
        calendars = calendars_in(content_lines(data, charset, self._problems), self._problems)
        if not calendars:
            self._problems.say("a calendar part holds no calendar")
        if len(calendars) > 1:
            self._problems.say(f"{len(calendars)} calendars in one part")
        for calendar in calendars[: limits.CALENDAR_OBJECTS]:
            self._statements += said_by(calendar, label, self._correspondents, self._problems)


def _may_be_calendar(part: Part) -> bool:
    """Some send octet-stream with or without a name, or text/plain; the first words decide."""
    if part.content_type.startswith("message/"):
        return False
    return part.filename.endswith(_NAMES) or part.may_hide_calendar
