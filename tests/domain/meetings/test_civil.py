"""Wall times and instants: what people write, and what they read."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import BadTimes
from domain.meetings.civil import (
    after_gap,
    instants,
    length_words,
    offset_words,
    slot_words,
)
from domain.values import Slot


def utc(*fields: int) -> datetime:
    return datetime(*fields, tzinfo=UTC)  # type: ignore[misc,arg-type]  # year, month, day at least


def wall(*fields: int) -> datetime:
    return datetime(*fields)  # type: ignore[arg-type]  # noqa: DTZ001  # wall times have no zone


@pytest.mark.parametrize(
    ("zone", "local", "expected"),
    [
        ("Europe/Lisbon", wall(2027, 1, 5, 9, 30), [utc(2027, 1, 5, 9, 30)]),
        ("Asia/Kolkata", wall(2027, 1, 5, 9, 30), [utc(2027, 1, 5, 4, 0)]),  # UTC+05:30
        # Berlin jumps from 02:00 to 03:00 on 28 March 2027 and repeats 02:00 to 03:00 on
        # 31 October 2027.
        ("Europe/Berlin", wall(2027, 3, 28, 2, 30), []),
        ("Europe/Berlin", wall(2027, 3, 28, 3, 0), [utc(2027, 3, 28, 1, 0)]),
        (
            "Europe/Berlin",
            wall(2027, 10, 31, 2, 30),
            [utc(2027, 10, 31, 0, 30), utc(2027, 10, 31, 1, 30)],
        ),
        # Lord Howe moves by half an hour: 02:00 to 02:30 on 3 October 2027.
        ("Australia/Lord_Howe", wall(2027, 10, 3, 2, 15), []),
        ("Pacific/Apia", wall(2011, 12, 30, 12, 0), []),  # the day that was skipped
    ],
)
def test_a_wall_time_names_none_one_or_two_instants(
    zone: str, local: datetime, expected: list[datetime]
) -> None:
    assert list(instants(local, zone)) == expected


def test_a_skipped_wall_time_says_what_it_becomes() -> None:
    assert after_gap(wall(2027, 3, 28, 2, 30), "Europe/Berlin") == wall(2027, 3, 28, 3, 30)


def test_a_wall_time_outside_the_years_of_parley_is_refused() -> None:
    with pytest.raises(BadTimes):
        instants(wall(9999, 12, 31, 23, 59), "America/New_York")


@pytest.mark.parametrize(
    ("zone", "instant", "words"),
    [
        ("Europe/Lisbon", utc(2027, 1, 5), "UTC+00:00"),
        ("Europe/Lisbon", utc(2027, 7, 5), "UTC+01:00"),
        ("America/St_Johns", utc(2027, 1, 5), "UTC-03:30"),
        ("Asia/Kathmandu", utc(2027, 1, 5), "UTC+05:45"),
    ],
)
def test_an_offset_is_written_with_its_sign(zone: str, instant: datetime, words: str) -> None:
    assert offset_words(instant, zone) == words


def test_a_slot_is_written_in_the_zone_it_is_read_in() -> None:
    slot = Slot(start=utc(2027, 3, 3, 9), end=utc(2027, 3, 3, 9, 30))

    assert slot_words(slot, "Asia/Tokyo") == "Wednesday 3 March 2027, 18:00–18:30 (Asia/Tokyo)"


def test_a_slot_over_midnight_names_both_days() -> None:
    slot = Slot(start=utc(2027, 3, 3, 23), end=utc(2027, 3, 4, 1))

    assert slot_words(slot, "UTC") == (
        "Wednesday 3 March 2027, 23:00–Thursday 4 March 2027, 01:00 (UTC)"
    )


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(minutes=30), "30 minutes"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(hours=25, minutes=1), "1 day 1 hour 1 minute"),
        (timedelta(seconds=5), "0 minutes"),
    ],
)
def test_a_length_is_counted_in_days_hours_and_minutes(length: timedelta, words: str) -> None:
    assert length_words(length) == words
