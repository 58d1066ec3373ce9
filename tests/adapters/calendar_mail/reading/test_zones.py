"""Which instant a wall time in a named zone is, message by message."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from adapters.calendar_mail.reading.components import calendars_in
from adapters.calendar_mail.reading.problems import Problems
from adapters.calendar_mail.reading.reader import read_calendar
from adapters.calendar_mail.reading.vtimezone import OwnZone, own_zone
from adapters.calendar_mail.reading.zone_names import zone_told_by_name
from adapters.calendar_mail.reading.zones import named_zone
from domain.inbox.model import Reading

APRIL = datetime(2027, 4, 2, 15, 0)  # noqa: DTZ001 - a wall time


def vtimezone(tzid: str, standard: tuple[str, str, str], daylight: tuple[str, str, str]) -> str:
    """Each observance as (first onset, offset, rule)."""
    lines = [f"BEGIN:VTIMEZONE\nTZID:{tzid}"]
    for name, (start, to, rule), (_, before, _) in (
        ("STANDARD", standard, daylight),
        ("DAYLIGHT", daylight, standard),
    ):
        lines.append(
            f"BEGIN:{name}\nDTSTART:{start}\nTZOFFSETFROM:{before}\nTZOFFSETTO:{to}\n"
            f"RRULE:FREQ=YEARLY;{rule}\nEND:{name}"
        )
    return "\n".join([*lines, "END:VTIMEZONE"])


def counter(start: str, zone: str = "", more: str = "") -> Reading:
    return read_calendar(
        f"BEGIN:VCALENDAR\nMETHOD:COUNTER\n{zone}\nBEGIN:VEVENT\nUID:1\n{start}\n{more}\n"
        "ATTENDEE;PARTSTAT=TENTATIVE:mailto:a@example.org\nEND:VEVENT\nEND:VCALENDAR".encode()
    )


def proposed(reading: Reading) -> datetime | None:
    return reading.proposal.start if reading.proposal else None


def defined(text: str) -> OwnZone:
    component = calendars_in(f"BEGIN:VCALENDAR\n{text}".split("\n"), Problems())[0].children[0]
    zone = own_zone(component, Problems())
    assert zone is not None
    return zone


RULES = {
    "Europe/Berlin": (
        ("16011028T030000", "+0100", "BYDAY=-1SU;BYMONTH=10"),
        ("16010325T020000", "+0200", "BYDAY=-1SU;BYMONTH=3"),
    ),
    "America/New_York": (
        ("20071104T020000", "-0500", "BYMONTH=11;BYDAY=1SU"),
        ("20070311T020000", "-0400", "BYMONTH=3;BYMONTHDAY=8,9,10,11,12,13,14;BYDAY=SU"),
    ),
    "Australia/Sydney": (
        ("20080406T030000", "+1000", "BYMONTH=4;BYDAY=1SU"),
        ("20081005T020000", "+1100", "BYMONTH=10;BYDAY=1SU"),
    ),
    "America/St_Johns": (
        ("20111106T020000", "-0330", "BYMONTH=11;BYDAY=1SU"),
        ("20110313T020000", "-0230", "BYMONTH=3;BYDAY=2SU"),
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_a_vtimezone_gives_the_offsets_of_the_zone_it_describes(name: str) -> None:
    """Every three hours of four years, gaps and overlaps included (RFC 5545 §3.3.5)."""
    zone, true = defined(vtimezone("Own", *RULES[name])), ZoneInfo(name)
    walls = (datetime(2026, 1, 1) + timedelta(hours=3 * n) for n in range(4 * 366 * 8))  # noqa: DTZ001

    differing = [wall for wall in walls if zone.offset_at(wall) != _offset(wall, true)]

    assert differing == []


def _offset(wall: datetime, zone: ZoneInfo) -> timedelta | None:
    return wall.replace(tzinfo=zone).utcoffset()


@pytest.mark.parametrize("minutes", range(-90, 210, 15))
@pytest.mark.parametrize(("month", "day"), [(3, 28), (10, 31)])
def test_the_hours_of_the_change_are_read_as_the_standard_says(
    month: int, day: int, minutes: int
) -> None:
    wall = datetime(2027, month, day, 2) + timedelta(minutes=minutes)  # noqa: DTZ001
    zone = defined(vtimezone("Own", *RULES["Europe/Berlin"]))

    assert zone.offset_at(wall) == _offset(wall, ZoneInfo("Europe/Berlin"))


def test_one_mail_cannot_define_a_zone_for_the_next() -> None:
    start = "DTSTART;TZID=Customized Time Zone:20270402T150000"
    east = vtimezone("Customized Time Zone", *RULES["Europe/Berlin"])
    west = vtimezone("Customized Time Zone", *RULES["America/New_York"])

    answers = [proposed(counter(start, zone)) for zone in (east, west, east)]

    assert answers == [
        datetime(2027, 4, 2, 13, tzinfo=UTC),
        datetime(2027, 4, 2, 19, tzinfo=UTC),
        datetime(2027, 4, 2, 13, tzinfo=UTC),
    ]
    assert proposed(counter(start)) is None  # without a definition the name means nothing


@pytest.mark.parametrize("tzid", ["Pacific Standard Time", "America/Los_Angeles"])
def test_a_known_name_is_not_redefined_by_a_mail(tzid: str) -> None:
    reading = counter(
        f"DTSTART;TZID={tzid}:20270402T150000", vtimezone(tzid, *RULES["Europe/Berlin"])
    )

    assert proposed(reading) == datetime(2027, 4, 2, 22, tzinfo=UTC)
    assert any("contradicts" in problem for problem in reading.problems)


def test_every_windows_name_is_a_zone() -> None:
    for name, zone in WINDOWS_TO_OLSON.items():
        found = named_zone(name)

        assert found is not None
        assert found.utcoffset(APRIL) == ZoneInfo(zone).utcoffset(APRIL), name


@pytest.mark.parametrize(
    ("tzid", "zone"),
    [
        ("europe/berlin", "Europe/Berlin"),
        ("/mozilla.org/20050126_1/Europe/Berlin", "Europe/Berlin"),
        ("/freeassociation.sourceforge.net/America/Argentina/Salta", "America/Argentina/Salta"),
        ("/softwarestudio.org/Olson_20011030_5/America/New_York", "America/New_York"),
        ("tzone://Microsoft/Utc", "UTC"),
        ("UTC", "UTC"),
        ("Etc/GMT+5", "Etc/GMT+5"),
        ('"Romance Standard Time"', "Europe/Paris"),
    ],
)
def test_a_name_is_found_whatever_stands_before_it(tzid: str, zone: str) -> None:
    assert named_zone(tzid) == ZoneInfo(zone)


@pytest.mark.parametrize("tzid", ["", "Shire", "../../etc/passwd", "/", "a/b/c", "localtime", "\0"])
def test_a_name_of_nothing_is_no_zone(tzid: str) -> None:
    assert named_zone(tzid) is None
    assert zone_told_by_name(tzid, APRIL) is None


@pytest.mark.parametrize(
    ("name", "hours"),
    [
        ("(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", 2),
        ("(GMT+01.00) Sarajevo/Warsaw/Zagreb", 2),
        ("Sarajevo, Skopje, Warsaw, Zagreb", 2),
        ("(UTC-05:00) Eastern Time (US & Canada)", -4),
        ("(UTC+05:30) Chennai, Kolkata, Mumbai, New Delhi", 5.5),
        ("(UTC+00:00) Dublin, Edinburgh, Lisbon, London", 1),
        ("Romance", 2),
        ("GMT+0100", 1),
        ("UTC-5", -5),
        ("+0530", 5.5),
    ],
)
def test_a_display_name_tells_its_zone(name: str, hours: float) -> None:
    zone = zone_told_by_name(name, APRIL)

    assert zone is not None
    assert zone.utcoffset(APRIL) == timedelta(hours=hours)


@pytest.mark.parametrize(
    "name",
    [
        "(UTC+01:00) New York",  # the offset and the city disagree
        "London, Tokyo",  # two cities, two times
        "Customized Time Zone",
        "UTC+99",
        "My calendar",
    ],
)
def test_a_name_that_may_mean_two_zones_means_none(name: str) -> None:
    assert zone_told_by_name(name, APRIL) is None


@pytest.mark.parametrize("frequency", ["SECONDLY", "MINUTELY", "HOURLY", "DAILY", "MONTHLY"])
def test_a_zone_that_changes_more_than_yearly_is_refused(frequency: str) -> None:
    zone = vtimezone("Own", *RULES["Europe/Berlin"]).replace("YEARLY", frequency)

    reading = counter("DTSTART;TZID=Own:20270402T150000", zone)

    assert proposed(reading) is None
    assert any(f"refused: FREQ={frequency}" in problem for problem in reading.problems)


def test_a_refused_zone_costs_a_known_name_nothing() -> None:
    zone = vtimezone("Europe/Berlin", *RULES["Europe/Berlin"]).replace("YEARLY", "SECONDLY")

    reading = counter("DTSTART;TZID=Europe/Berlin:20270402T150000", zone)

    assert proposed(reading) == datetime(2027, 4, 2, 13, tzinfo=UTC)


def test_rules_that_ended_no_longer_count() -> None:
    """UNTIL is in UTC, one COUNT is one year (RFC 5545 §3.3.10); after both it stays winter."""
    winter, (start, offset, rule) = RULES["Europe/Berlin"]
    for ended in (f"{rule};UNTIL=20200329T010000Z", f"{rule};COUNT=20"):
        summer = ("20000326T020000", offset, ended)
        zone = defined(vtimezone("Own", ("20001029T030000", *winter[1:]), summer))

        assert zone.offset_at(APRIL) == timedelta(hours=1), start
        assert zone.offset_at(APRIL.replace(year=2019)) == timedelta(hours=2)


def test_listed_onsets_count() -> None:
    zone = defined(
        "BEGIN:VTIMEZONE\nTZID:Own\n"
        "BEGIN:STANDARD\nDTSTART:20261025T030000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\n"
        "RDATE:20271031T030000,20281029T030000\nEND:STANDARD\n"
        "BEGIN:DAYLIGHT\nDTSTART:20260329T020000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\n"
        "RDATE:20270328T020000\nEND:DAYLIGHT\nEND:VTIMEZONE"
    )

    assert zone.offset_at(APRIL) == timedelta(hours=2)
    assert zone.offset_at(datetime(2028, 1, 1)) == timedelta(hours=1)  # noqa: DTZ001


def test_an_end_without_zone_is_in_the_zone_of_its_start() -> None:
    reading = counter("DTSTART;TZID=Europe/Lisbon:20270402T150000", more="DTEND:20270402T160000")

    assert reading.proposal is not None
    assert reading.proposal.end == datetime(2027, 4, 2, 15, tzinfo=UTC)


def test_a_rule_may_say_the_time_of_its_start_again() -> None:
    """As Lotus writes it; another time of day is still refused."""
    lotus = vtimezone("ZE2", *RULES["America/New_York"]).replace(
        "FREQ=YEARLY;", "FREQ=YEARLY;BYMINUTE=0;BYHOUR=2;BYSECOND=00;"
    )
    start = "DTSTART;TZID=ZE2:20270402T150000"

    assert proposed(counter(start, lotus)) == datetime(2027, 4, 2, 19, tzinfo=UTC)
    for other in ("BYHOUR=3", "BYHOUR=2,3", "BYMINUTE=x", "BYSETPOS=1"):
        assert proposed(counter(start, lotus.replace("BYHOUR=2", other))) is None
