"""The time in each reader's own zone, also on the days when clocks change."""

from datetime import UTC, datetime, timedelta

import pytest

from adapters.calendar_mail.writing.wall_time import instant_words, short_words, slot_words
from domain.values import Slot
from tests.adapters.calendar_mail.writing import reading
from tests.adapters.calendar_mail.writing.samples import card, compose, party


def _slot(start: str, minutes: int = 60) -> Slot:
    begins = datetime.fromisoformat(start).replace(tzinfo=UTC)
    return Slot(start=begins, end=begins + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("start", "minutes", "zone", "when", "named"),
    [
        (
            "2027-03-01T09:00",
            60,
            "Europe/Lisbon",
            "Monday 1 March 2027, 09:00–10:00",
            "Europe/Lisbon (WET, UTC+00:00)",
        ),
        (
            "2027-07-01T09:00",
            60,
            "Europe/Lisbon",
            "Thursday 1 July 2027, 10:00–11:00",
            "Europe/Lisbon (WEST, UTC+01:00)",
        ),
        (
            "2027-03-01T09:00",
            45,
            "Asia/Kathmandu",
            "Monday 1 March 2027, 14:45–15:30",
            "Asia/Kathmandu (UTC+05:45)",
        ),
        (
            "2027-03-01T01:00",
            60,
            "America/Sao_Paulo",
            "Sunday 28 February 2027, 22:00–23:00",
            "America/Sao_Paulo (UTC-03:00)",
        ),
        (
            "2027-02-28T11:30",
            60,
            "Pacific/Kiritimati",
            "Monday 1 March 2027, 01:30–02:30",
            "Pacific/Kiritimati (UTC+14:00)",
        ),
        (
            "2027-03-01T22:30",
            60,
            "Europe/Berlin",
            "Monday 1 March 2027, 23:30 – Tuesday 2 March 2027, 00:30",
            "Europe/Berlin (CET, UTC+01:00)",
        ),
        ("2027-03-01T09:00", 60, "UTC", "Monday 1 March 2027, 09:00–10:00", "UTC (UTC+00:00)"),
        # Spring: 00:30Z is 01:30 CET, an hour later it is 03:30 CEST.
        (
            "2027-03-28T00:30",
            60,
            "Europe/Berlin",
            "Sunday 28 March 2027, 01:30 (UTC+01:00)–03:30 (UTC+02:00)",
            "Europe/Berlin (CET, UTC+01:00, then CEST, UTC+02:00: the clocks change in between)",
        ),
        # Autumn: 00:30Z is 02:30 CEST, an hour later the clock shows 02:30 again.
        (
            "2027-10-31T00:30",
            60,
            "Europe/Berlin",
            "Sunday 31 October 2027, 02:30 (UTC+02:00)–02:30 (UTC+01:00)",
            "Europe/Berlin (CEST, UTC+02:00, then CET, UTC+01:00: the clocks change in between)",
        ),
        (
            "2027-10-31T01:15",
            30,
            "Europe/Berlin",
            "Sunday 31 October 2027, 02:15–02:45",
            "Europe/Berlin (CET, UTC+01:00)",
        ),
        # Southern autumn: Sydney's clocks go back on 4 April 2027 at 16:00Z the day before.
        (
            "2027-04-03T16:30",
            30,
            "Australia/Sydney",
            "Sunday 4 April 2027, 02:30–03:00",
            "Australia/Sydney (AEST, UTC+10:00)",
        ),
        # Lord Howe Island moves by half an hour.
        (
            "2027-04-03T14:45",
            30,
            "Australia/Lord_Howe",
            "Sunday 4 April 2027, 01:45 (UTC+11:00)–01:45 (UTC+10:30)",
            "Australia/Lord_Howe (UTC+11:00, then UTC+10:30: the clocks change in between)",
        ),
    ],
)
def test_a_slot_reads_as_the_clock_on_the_wall(
    start: str, minutes: int, zone: str, when: str, named: str
) -> None:
    words = slot_words(_slot(start, minutes), zone)

    assert (words.when, words.zone) == (when, named)


def test_each_party_reads_its_own_time_and_the_same_in_utc() -> None:
    to_ada, to_bea = (reading.text(compose(party=number)) for number in (1, 2))

    assert "Monday 1 March 2027, 09:00–10:00\n           Europe/Lisbon" in to_ada
    assert "Monday 1 March 2027, 14:30–15:30\n           Asia/Kolkata" in to_bea
    for text in (to_ada, to_bea):
        assert "= Monday 1 March 2027, 09:00–10:00 UTC" in text


def test_the_answer_is_awaited_by_the_readers_own_clock() -> None:
    assert "until Monday 8 February 2027, 14:00 (Asia/Kolkata, UTC+05:30)" in reading.text(
        compose()
    )


def test_the_subject_tells_the_time_without_opening_the_mail() -> None:
    about = card(parties=(party(1), party(2, zone="America/New_York")))

    subject = str(reading.parsed(compose(card=about))["Subject"])
    assert subject == "Invitation: Coffee about engines - Mon 1 Mar 2027, 04:00 (UTC-05:00)"


def test_short_times_and_instants_name_their_offset() -> None:
    slot = _slot("2027-07-01T22:30")

    assert short_words(slot, "Europe/Berlin") == "Fri 2 Jul 2027, 00:30 (UTC+02:00)"
    assert instant_words(slot.end, "Asia/Tokyo") == (
        "Friday 2 July 2027, 08:30 (Asia/Tokyo, UTC+09:00)"
    )
