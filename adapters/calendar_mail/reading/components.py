"""Content lines as a tree of components, whatever is missing from it (RFC 5545 §3.6)."""

from dataclasses import dataclass, field

from adapters.calendar_mail.reading import limits
from adapters.calendar_mail.reading.problems import Problems
from adapters.calendar_mail.reading.tokens import ContentLine, taken_apart

_PARTS_OF_A_CALENDAR = {"VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VTIMEZONE", "VAVAILABILITY"}


@dataclass
class Component:
    """A component: its properties in order, and the components inside it."""

    name: str
    lines: list[ContentLine] = field(default_factory=list)
    children: list["Component"] = field(default_factory=list)

    def all(self, name: str) -> list[ContentLine]:
        return [line for line in self.lines if line.name == name]

    def get(self, name: str) -> ContentLine | None:
        return next((line for line in self.lines if line.name == name), None)

    def value(self, name: str) -> str | None:
        """The first value of the property `name` that is not empty."""
        return next((line.value for line in self.all(name) if line.value), None)

    def inner(self, *names: str) -> list["Component"]:
        return [child for child in self.children if child.name in names]


class _Builder:
    """Takes lines in order and puts them where they belong."""

    def __init__(self, problems: Problems) -> None:
        self.calendars: list[Component] = []
        self._open: list[Component] = []
        self._outside: list[ContentLine] = []
        self._count = 0
        self._too_deep = 0
        self._problems = problems

    def take(self, line: ContentLine) -> None:
        name = line.value.strip().upper()
        if self._too_deep:
            self._too_deep += {"BEGIN": 1, "END": -1}.get(line.name, 0)
        elif line.name == "BEGIN":
            self._begin(name)
        elif line.name == "END":
            self._end(name)
        elif self._open:
            self._open[-1].lines.append(line)
        else:
            self._outside.append(line)

    def finish(self) -> list[Component]:
        if self._outside:
            self._problems.say("text outside the calendar was left out")
        if self._open:
            self._problems.say(f"the calendar has no END:{self._open[-1].name}")
        return self.calendars

    def _begin(self, name: str) -> None:
        if name == "VCALENDAR" or not self._open:
            self._begin_calendar(name)
        if name != "VCALENDAR":
            self._begin_inside(name)

    def _begin_calendar(self, name: str) -> None:
        if self._open:
            self._problems.say("a calendar begins inside another; read as the next one")
        elif name != "VCALENDAR":
            self._problems.say(f"a {name} stands outside any calendar")
        calendar = Component("VCALENDAR")
        if name != "VCALENDAR":  # its BEGIN was lost; its METHOD may not be
            calendar.lines, self._outside = self._outside, []
        self.calendars.append(calendar)
        self._open = [calendar]

    def _begin_inside(self, name: str) -> None:
        if name in _PARTS_OF_A_CALENDAR and len(self._open) > 1:
            self._problems.say(f"a {self._open[-1].name} without its end")
            del self._open[1:]
        if len(self._open) > limits.COMPONENT_DEPTH:
            self._problems.say("components nested too deeply were left out")
            self._too_deep = 1
            return
        component = Component(name)
        self._count += 1
        if self._count <= limits.COMPONENTS:
            self._open[-1].children.append(component)
        else:
            self._problems.say(f"more than {limits.COMPONENTS} components; the rest were not read")
        self._open.append(component)

    def _end(self, name: str) -> None:
        for depth in range(len(self._open) - 1, -1, -1):
            if self._open[depth].name == name:
                if depth < len(self._open) - 1:
                    self._problems.say(f"the calendar has no END:{self._open[-1].name}")
                del self._open[depth:]
                return
        self._problems.say(f"an END:{name[:40]} ends nothing")


def calendars_in(lines: list[str], problems: Problems) -> list[Component]:
    """The VCALENDAR objects that `lines` hold. Text around them is left out."""
    builder = _Builder(problems)
    for text in lines:
        line = taken_apart(text)
        if line is None and text.strip():
            problems.say("a line of the calendar is no property; left out")
        elif line is not None:
            builder.take(line)
    return builder.finish()
