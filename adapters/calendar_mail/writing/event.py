"""The calendar object of a letter: what it shall say, its iCalendar text, and reading it back.

Built with icalendar's `Calendar()` and `Event()`, never `.new()`, which puts a UID ahead of the
VEVENT for naive readers to take. Times go out in UTC: no VTIMEZONE can then be wrong.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from icalendar import Calendar, Event, vCalAddress, vText

PRODID = "-//Parley//Meetings//EN"


@dataclass(frozen=True)
class Guest:
    """An ATTENDEE line. `rsvp` asks for an answer."""

    address: str
    name: str
    partstat: str
    rsvp: bool = False


@dataclass(frozen=True)
class CalendarObject:
    """One VEVENT and its METHOD, as a receiver shall read it. Times are aware UTC seconds.

    None leaves a property out; `guests` are in the order of their lines.
    """

    method: str
    uid: str
    sequence: int
    stamp: datetime
    organizer: tuple[str, str]  # address, name
    guests: tuple[Guest, ...]
    start: datetime | None = None
    end: datetime | None = None
    summary: str | None = None
    description: str | None = None
    location: str | None = None
    status: str | None = None
    comment: str | None = None

    @property
    def is_request(self) -> bool:
        return self.method == "REQUEST"


class _Text(vText):
    r"""A TEXT whose escapes are written here: the library's own take the two characters `\N`, as
    in `C:\New`, for a line break before they escape the backslash (RFC 5545 §3.3.11)."""

    def to_ical(self) -> bytes:
        escaped = self.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
        return escaped.replace("\n", "\\n").encode()


def to_ics(planned: CalendarObject) -> bytes:
    """The VCALENDAR text: CRLF, UTF-8, folded at 75 octets (RFC 5545 §3.1)."""
    calendar = Calendar()
    calendar.add("prodid", PRODID)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", planned.method)
    calendar.add_component(_event(planned))
    return bytes(calendar.to_ical(sorted=False))


def _event(planned: CalendarObject) -> Event:
    event = Event()
    for name, value in _values(planned):
        if value is not None:
            event.add(name, _Text(value) if isinstance(value, str) else value)
    event.add("organizer", _organizer(planned), encode=False)
    for guest in planned.guests:
        event.add("attendee", _attendee(guest), encode=False)
    if planned.is_request:
        event.add("transp", "OPAQUE")
        event.add("x-microsoft-disallow-counter", "FALSE")  # proposals stay possible in Outlook
    return event


def _values(planned: CalendarObject) -> tuple[tuple[str, Any], ...]:
    return (
        ("uid", planned.uid),
        ("sequence", planned.sequence),
        ("dtstamp", planned.stamp),
        ("dtstart", planned.start),
        ("dtend", planned.end),
        ("status", planned.status),
        ("summary", planned.summary),
        ("location", planned.location),
        ("description", planned.description),
        ("comment", planned.comment),
    )


def _organizer(planned: CalendarObject) -> vCalAddress:
    address, name = planned.organizer
    line = vCalAddress(f"mailto:{address}")
    line.params["CN"] = name
    return line


def _attendee(guest: Guest) -> vCalAddress:
    line = vCalAddress(f"mailto:{guest.address}")
    line.params["CN"] = guest.name
    line.params["CUTYPE"] = "INDIVIDUAL"
    line.params["ROLE"] = "REQ-PARTICIPANT"
    line.params["PARTSTAT"] = guest.partstat
    if guest.rsvp:
        line.params["RSVP"] = "TRUE"
    return line


def property_names(planned: CalendarObject) -> set[str]:
    """The names of exactly the properties its VEVENT may have."""
    names = {name.upper() for name, value in _values(planned) if value is not None}
    extra = {"TRANSP", "X-MICROSOFT-DISALLOW-COUNTER"} if planned.is_request else set()
    return names | extra | {"ORGANIZER", "ATTENDEE"}


def read_back(ics: bytes) -> tuple[CalendarObject, set[str]]:
    """What `ics` says, and the names of its event's properties.

    Raises ValueError, KeyError or AttributeError when it is not one calendar with one event.
    """
    calendar: Any = Calendar.from_ical(ics)
    [event] = calendar.subcomponents
    if event.name != "VEVENT" or event.subcomponents or event.errors:
        raise ValueError("not one sound event")
    guests = event["attendee"]
    found = CalendarObject(
        method=str(calendar["method"]),
        uid=str(event["uid"]),
        sequence=int(event["sequence"]),
        stamp=event["dtstamp"].dt,
        organizer=(_address(event["organizer"]), str(event["organizer"].params["CN"])),
        guests=tuple(map(_guest, guests if isinstance(guests, list) else [guests])),
        start=event["dtstart"].dt if "dtstart" in event else None,
        end=event["dtend"].dt if "dtend" in event else None,
        **{name: _text(event, name) for name in _TEXTS},
    )
    return found, {str(name).upper() for name in event}


_TEXTS = ("summary", "description", "location", "status", "comment")


def _guest(line: vCalAddress) -> Guest:
    return Guest(
        address=_address(line),
        name=str(line.params["CN"]),
        partstat=str(line.params["PARTSTAT"]),
        rsvp=str(line.params.get("RSVP", "")) == "TRUE",
    )


def _address(line: vCalAddress) -> str:
    return str(line).removeprefix("mailto:")


def _text(event: Any, name: str) -> str | None:
    return str(event[name]) if name in event else None
