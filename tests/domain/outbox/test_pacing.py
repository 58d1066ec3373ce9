"""Lanes: limits hold, turns are kept, and whoever asks for less mail gets less."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.outbox.model import Phase, Report
from domain.outbox.pacing import (
    AHEAD,
    LONGEST_TURN,
    Lane,
    asks_for_less,
    listed,
    may_pass,
    passed,
    recovered,
    struck,
    turn_of,
)

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
LANE = Lane(name="domain/example.org")
TENTH = timedelta(seconds=0.1)


def goes(
    lane: Lane,
    interval: timedelta | None = TENTH,
    now: datetime = NOW,
    *,
    has_waited: bool = False,
    is_urgent: bool = False,
) -> bool:
    return may_pass(lane, interval, now, has_waited=has_waited, is_urgent=is_urgent)


def filled(interval: timedelta = TENTH) -> Lane:
    lane = LANE
    while goes(lane, interval):
        lane = passed(lane, interval, NOW)
    return lane


def test_what_one_second_allows_may_go_at_once_and_then_one_at_a_time() -> None:
    lane, gone = LANE, 0
    while goes(lane):
        lane, gone = passed(lane, TENTH, NOW), gone + 1

    assert gone == 11
    assert goes(lane, now=NOW + TENTH)
    assert not goes(passed(lane, TENTH, NOW + TENTH), now=NOW + TENTH)


@given(
    rate=st.floats(0.05, 500),
    pauses=st.lists(st.floats(0, 3), min_size=1, max_size=200),
)
def test_no_stretch_of_time_sees_more_than_the_limit(rate: float, pauses: list[float]) -> None:
    interval = timedelta(seconds=1 / rate)
    lane, now = LANE, NOW
    gone: list[datetime] = []
    for pause in pauses:
        now += timedelta(seconds=pause)
        while goes(lane, interval, now) and len(gone) < 2000:
            lane = passed(lane, interval, now)
            gone.append(now)

    for first in range(0, len(gone), 7):
        for last in range(first, len(gone), 13):
            most = (gone[last] - gone[first] + AHEAD) // interval + 1
            assert last - first + 1 <= most


def test_turns_come_one_after_the_other_and_are_kept() -> None:
    lane, turns = filled(), []
    for _ in range(5):
        turns.append(turn_of(lane, TENTH, NOW))
        lane = listed(lane, TENTH, NOW)

    assert [later - earlier for earlier, later in pairwise(turns)] == [TENTH] * 4
    for turn in turns:
        assert goes(lane, now=turn, has_waited=True)
        lane = passed(lane, TENTH, turn)


def test_those_on_the_list_go_before_those_that_come_along() -> None:
    lane = filled()
    for _ in range(100):
        lane = listed(lane, TENTH, NOW)
    soon = NOW + timedelta(seconds=1)

    assert not goes(lane, now=soon)
    assert goes(lane, now=soon, has_waited=True)
    assert goes(lane, now=soon, is_urgent=True)


def test_an_outage_ends_without_a_burst() -> None:
    lane = filled()
    for _ in range(1000):
        lane = listed(lane, TENTH, NOW)
    later, gone = NOW + timedelta(hours=1), 0
    while goes(lane, now=later, has_waited=True):
        lane, gone = passed(lane, TENTH, later), gone + 1

    assert gone == 11


def test_no_turn_is_further_away_than_a_quarter_of_an_hour() -> None:
    lane = LANE.model_copy(update={"free_at": NOW + timedelta(days=1)})

    assert turn_of(lane, TENTH, NOW) == NOW + LONGEST_TURN
    assert listed(lane, TENTH, NOW).listed_to == NOW + LONGEST_TURN


def test_a_lane_without_a_limit_lets_everybody_pass_and_is_not_changed() -> None:
    assert goes(LANE, None)
    assert passed(LANE, None, NOW) == LANE


def test_a_domain_that_asks_for_less_gets_none_and_longer_each_time() -> None:
    lane, waits = LANE, []
    for _ in range(10):
        now = lane.backs_off_until or NOW
        lane = struck(lane, now, "421 too much")
        assert lane.backs_off_until is not None
        waits.append(round((lane.backs_off_until - now).total_seconds()))
        assert not goes(lane, None, now, is_urgent=True)

    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_mail_that_was_under_way_when_it_was_asked_for_less_is_no_new_strike() -> None:
    once = struck(LANE, NOW, "421 too much")

    assert struck(once, NOW + timedelta(seconds=1), "421 too much") == once


def test_after_a_back_off_one_at_a_time_is_tried_until_one_is_taken() -> None:
    lane = struck(LANE, NOW, "421 too much")
    now = NOW + timedelta(seconds=30)
    gone = 0
    while goes(lane, None, now):
        lane, gone = passed(lane, None, now), gone + 1

    assert gone == 2
    assert goes(recovered(lane), None, now)


def test_what_waits_for_a_lane_without_a_limit_is_back_within_a_minute_of_its_opening() -> None:
    lane = struck(LANE, NOW, "421 too much")
    for _ in range(10_000):
        lane = listed(lane, None, NOW)

    assert lane.backs_off_until is not None
    assert lane.backs_off_until <= turn_of(lane, None, NOW)
    assert turn_of(lane, None, NOW) <= lane.backs_off_until + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("report", "asks"),
    [
        (Report(phase=Phase.RCPT, code=421, reply="4.3.2 busy"), True),
        (Report(phase=Phase.DONE, code=451, reply="4.7.1 greylisted, come again"), True),
        (Report(phase=Phase.RCPT, code=450, reply="4.7.28 rate limited"), True),
        (Report(phase=Phase.RCPT, code=450, reply="4.2.2 mailbox full"), False),
        (Report(phase=Phase.RCPT, code=550, reply="5.7.1 no"), False),
        (Report(phase=Phase.CONNECT, code=421, reply="4.7.0 busy"), False),
        (Report(phase=Phase.MAIL, code=421, reply="4.3.2 overloaded"), False),  # before RCPT
        (Report(phase=Phase.MAIL, code=451, reply="4.7.1 slow down"), False),
        (Report(phase=Phase.DOT), False),
        (Report(phase=Phase.DONE, code=250, reply="4.7.1 is not its code"), False),
    ],
)
def test_only_421_and_passing_refusals_by_policy_ask_for_less(report: Report, asks: bool) -> None:
    assert (asks_for_less(report) is not None) is asks
