"""Time zones as Outlook writes them: a Windows name and a VTIMEZONE that starts in 1601."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Change:
    """When the clocks change: a weekday rule of RRULE, a month, and the wall time before it."""

    day: str  # -1SU: the last Sunday
    month: int
    at: str  # 030000


@dataclass(frozen=True)
class WindowsZone:
    """A zone under its Windows name, with the offsets of winter and summer as ±HHMM."""

    name: str
    iana: str
    standard: str
    daylight: str = ""
    to_standard: Change | None = None
    to_daylight: Change | None = None

    def local(self, instant: datetime) -> str:
        """The wall time of `instant` here, as `20270301T100000`."""
        return instant.astimezone(ZoneInfo(self.iana)).strftime("%Y%m%dT%H%M%S")

    def lines(self) -> list[str]:
        """The VTIMEZONE. Like Exchange, a zone without summer time has a DAYLIGHT part too."""
        summer = self.daylight or self.standard
        return [
            "BEGIN:VTIMEZONE",
            f"TZID:{self.name}",
            *_part("STANDARD", summer, self.standard, self.to_standard),
            *_part("DAYLIGHT", self.standard, summer, self.to_daylight),
            "END:VTIMEZONE",
        ]


def _part(kind: str, before: str, after: str, change: Change | None) -> list[str]:
    clock = change.at if change else "000000"
    rule = (
        f"RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY={change.day};BYMONTH={change.month}" if change else ""
    )
    return [
        f"BEGIN:{kind}",
        f"DTSTART:16010101T{clock}",
        f"TZOFFSETFROM:{before}",
        f"TZOFFSETTO:{after}",
        *([rule] if rule else []),
        f"END:{kind}",
    ]


_EUROPE = (Change("-1SU", 10, "030000"), Change("-1SU", 3, "020000"))
_LISBON = (Change("-1SU", 10, "020000"), Change("-1SU", 3, "010000"))
_AMERICA = (Change("1SU", 11, "020000"), Change("2SU", 3, "020000"))

WINDOWS_ZONES = {
    zone.iana: zone
    for zone in (
        WindowsZone("W. Europe Standard Time", "Europe/Berlin", "+0100", "+0200", *_EUROPE),
        WindowsZone("Romance Standard Time", "Europe/Paris", "+0100", "+0200", *_EUROPE),
        WindowsZone("GMT Standard Time", "Europe/London", "+0000", "+0100", *_LISBON),
        WindowsZone("Eastern Standard Time", "America/New_York", "-0500", "-0400", *_AMERICA),
        WindowsZone("Pacific Standard Time", "America/Los_Angeles", "-0800", "-0700", *_AMERICA),
        WindowsZone("India Standard Time", "Asia/Kolkata", "+0530"),
        WindowsZone("Tokyo Standard Time", "Asia/Tokyo", "+0900"),
        WindowsZone("UTC", "UTC", "+0000"),
    )
}
"""The zones the simulated Outlook knows, by IANA name."""
