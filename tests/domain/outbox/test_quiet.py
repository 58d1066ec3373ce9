"""Quiet hours, on the recipient's clocks."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.outbox.quiet import LONGEST, QuietHours, quiet_until, read_quiet_hours

NIGHT = QuietHours(start=time(22), end=time(7))
ZONES = ["Europe/Lisbon", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("zone", "now", "until"),
    [
        ("Europe/Berlin", "2027-03-01T21:59:59+01:00", None),
        ("Europe/Berlin", "2027-03-01T22:00:00+01:00", "2027-03-02T07:00:00+01:00"),
        ("Europe/Berlin", "2027-03-02T06:59:59+01:00", "2027-03-02T07:00:00+01:00"),
        ("Europe/Berlin", "2027-03-02T07:00:00+01:00", None),
        # The clocks go forward in this night, and back in that one.
        ("Europe/Berlin", "2027-03-27T23:00:00+01:00", "2027-03-28T07:00:00+02:00"),
        ("Europe/Berlin", "2027-10-30T23:00:00+02:00", "2027-10-31T07:00:00+01:00"),
        ("Asia/Kolkata", "2027-03-01T23:00:00+05:30", "2027-03-02T07:00:00+05:30"),
        ("America/New_York", "2027-03-01T23:00:00+01:00", None),  # it is 17:00 there
        (None, "2027-03-01T23:00:00+01:00", None),
        ("Mars/Olympus", "2027-03-01T23:00:00+01:00", None),
    ],
)
def test_quiet_hours_end_in_the_recipients_morning(
    zone: str | None, now: str, until: str | None
) -> None:
    assert quiet_until(NIGHT, zone, at(now)) == (until and at(until))


@pytest.mark.parametrize(
    ("end", "now", "until"),
    [
        # 02:30 is skipped: what was to end then ends at 03:30, an hour later on the clocks.
        (time(2, 30), "2027-03-28T01:30:00+01:00", "2027-03-28T03:30:00+02:00"),
        # 02:30 comes twice: the night is over the first time, and again the second.
        (time(2, 30), "2027-10-31T01:30:00+02:00", "2027-10-31T02:30:00+02:00"),
        (time(2, 30), "2027-10-31T02:15:00+01:00", "2027-10-31T02:30:00+01:00"),
    ],
)
def test_an_end_that_clocks_skip_or_repeat_is_one_instant(end: time, now: str, until: str) -> None:
    hours = QuietHours(start=time(22), end=end)

    assert quiet_until(hours, "Europe/Berlin", at(now)) == at(until)


@given(
    start=st.times(),
    length=st.timedeltas(timedelta(minutes=1), LONGEST),
    zone=st.sampled_from(ZONES),
    after=st.timedeltas(timedelta(0), timedelta(days=7000)),
)
def test_what_waits_for_the_morning_may_go_when_it_comes(
    start: time, length: timedelta, zone: str, after: timedelta
) -> None:
    now = datetime(2020, 1, 1, tzinfo=UTC) + after
    start = start.replace(second=0, microsecond=0)
    end = (datetime.combine(now.date(), start) + length).time().replace(second=0, microsecond=0)
    hours = QuietHours(start=start, end=end)

    until = quiet_until(hours, zone, now)

    if until is not None:
        assert now < until <= now + LONGEST + timedelta(hours=2)
        assert quiet_until(hours, zone, until) is None


def test_quiet_hours_are_read_from_a_setting() -> None:
    assert read_quiet_hours("22:00-07:00") == NIGHT
    assert read_quiet_hours("  ") is None


@pytest.mark.parametrize(
    "text", ["22-7", "24:00-07:00", "22:00-07:60", "22:00", "07:00-07:00", "06:00-23:00", "a-b"]
)
def test_quiet_hours_that_make_no_sense_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadInput, match=r"22:00-07:00|16 hours"):
        read_quiet_hours(text)
