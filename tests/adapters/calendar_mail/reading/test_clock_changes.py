"""Times on the days on which clocks are put forward and back."""

from datetime import UTC, datetime

import pytest

from domain.inbox.model import Reading
from tests.adapters.calendar_mail.reading.test_zones import RULES, counter, proposed, vtimezone


def slot(reading: Reading) -> tuple[datetime | None, datetime | None]:
    assert reading.proposal is not None
    return reading.proposal.start, reading.proposal.end


@pytest.mark.parametrize(
    ("start", "length", "end"),
    [
        (
            "DTSTART;TZID=Europe/Berlin:20270327T120000",
            "P1D",
            datetime(2027, 3, 28, 10, tzinfo=UTC),
        ),
        ("DTSTART;TZID=Europe/Berlin:20270327T120000", "P1W", datetime(2027, 4, 3, 10, tzinfo=UTC)),
        (
            "DTSTART;TZID=Europe/Berlin:20270327T120000",
            "PT24H",
            datetime(2027, 3, 28, 11, tzinfo=UTC),
        ),
        (
            "DTSTART;TZID=Europe/Berlin:20270327T010000",
            "P1DT2H",
            datetime(2027, 3, 28, 2, tzinfo=UTC),
        ),
        (
            "DTSTART;TZID=Europe/Berlin:20271030T120000",
            "P1D",
            datetime(2027, 10, 31, 11, tzinfo=UTC),
        ),
        ("DTSTART:20270327T120000Z", "P1D", datetime(2027, 3, 28, 12, tzinfo=UTC)),
    ],
)
def test_days_are_those_of_the_wall_clock_and_hours_pass(
    start: str, length: str, end: datetime
) -> None:
    """RFC 5545 §3.3.6; in Berlin clocks change on 28 March and 31 October 2027."""
    assert slot(counter(start, more=f"DURATION:{length}"))[1] == end


OWN = vtimezone("Own", *RULES["Europe/Berlin"])


@pytest.mark.parametrize("tzid", ["Europe/Berlin", "W. Europe Standard Time", "Own"])
@pytest.mark.parametrize("end", ["DTEND;TZID={}:20270328T033000", "DTEND:20270328T033000"])
def test_a_start_that_clocks_skip_is_named_and_keeps_its_length(tzid: str, end: str) -> None:
    reading = counter(f"DTSTART;TZID={tzid}:20270328T023000", OWN, end.format(tzid))

    assert slot(reading) == (
        datetime(2027, 3, 28, 1, 30, tzinfo=UTC),  # 03:30 in summer time
        datetime(2027, 3, 28, 2, 30, tzinfo=UTC),
    )
    assert any("02:30" in each and "does not exist" in each for each in reading.problems)


@pytest.mark.parametrize("tzid", ["Europe/Berlin", "Own"])
def test_a_start_that_comes_twice_is_the_first_and_named(tzid: str) -> None:
    reading = counter(f"DTSTART;TZID={tzid}:20271031T023000", OWN)

    assert proposed(reading) == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    assert any("comes twice" in problem for problem in reading.problems)


@pytest.mark.parametrize("wall", ["20270328T013000", "20270328T033000", "20271031T033000"])
@pytest.mark.parametrize("tzid", ["Europe/Berlin", "Own"])
def test_the_hours_beside_a_change_are_nothing_special(wall: str, tzid: str) -> None:
    assert counter(f"DTSTART;TZID={tzid}:{wall}", OWN).problems == ()


def test_a_day_beyond_all_calendars_is_no_end() -> None:
    reading = counter("DTSTART;TZID=Europe/Berlin:20270327T120000", more="DURATION:P999999D")

    assert slot(reading) == (datetime(2027, 3, 27, 11, tzinfo=UTC), None)
