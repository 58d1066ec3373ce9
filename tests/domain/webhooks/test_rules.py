"""When deliveries are tried again, and when an endpoint is given up on."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.webhooks.model import Delivery, DeliveryState
from domain.webhooks.rules import (
    ATTEMPTS,
    PATIENCE,
    PAUSES,
    Answer,
    Fault,
    failing_from,
    is_success,
    matches,
    next_attempt,
    read_retry_after,
    settle,
)

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)


def delivery(attempts: int = 1) -> Delivery:
    return Delivery(
        id="msg_1",
        endpoint_id="hook",
        position=7,
        type="MeetingConfirmed",
        state=DeliveryState.PENDING,
        attempts=attempts,
        next_at=NOW,
        created_at=NOW,
    )


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_taken_for_delivered(status: int) -> None:
    settled = settle(delivery(), Answer(status=status), None, NOW)

    assert settled.state is DeliveryState.DELIVERED
    assert settled.error is None


@pytest.mark.parametrize(
    "status", [100, 199, 300, 301, 302, 307, 308, 400, 401, 404, 429, 500, 503]
)
def test_any_other_status_is_tried_again(status: int) -> None:
    settled = settle(delivery(), Answer(status=status), None, NOW)

    assert settled.state is DeliveryState.PENDING
    assert settled.next_at > NOW
    assert (settled.status, settled.error) == (status, f"status {status}")
    assert settled.disable_because is None


@pytest.mark.parametrize("fault", list(Fault))
def test_no_answer_is_tried_again_and_named(fault: Fault) -> None:
    settled = settle(delivery(), Answer(fault=fault), None, NOW)

    assert (settled.state, settled.error) == (DeliveryState.PENDING, fault.value)


def test_gone_disables_at_once() -> None:
    settled = settle(delivery(), Answer(status=410), None, NOW)

    assert settled.state is DeliveryState.FAILED
    assert settled.disable_because == "The endpoint answered 410 Gone."


@pytest.mark.parametrize(("attempts", "pause"), list(enumerate(PAUSES, start=1)))
def test_the_schedule_is_kept_with_up_to_a_tenth_more(attempts: int, pause: timedelta) -> None:
    due = next_attempt("msg_1", attempts, NOW)

    assert pause <= due - NOW <= pause * 1.1


def test_the_schedule_lasts_about_three_days() -> None:
    # 5 s + 5 m + 30 m + 2 h + 5 h + 10 h + 14 h + 20 h + 24 h = 75 h 35 m 5 s
    assert sum(PAUSES, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)
    assert sum(PAUSES, timedelta()) > PATIENCE


def test_the_same_attempt_is_always_due_at_the_same_time() -> None:
    assert next_attempt("msg_1", 3, NOW) == next_attempt("msg_1", 3, NOW)
    assert next_attempt("msg_1", 3, NOW) != next_attempt("msg_2", 3, NOW)


def test_running_out_of_attempts_fails_the_delivery_alone_if_others_arrived() -> None:
    recently = NOW - timedelta(hours=1)

    settled = settle(delivery(ATTEMPTS), Answer(status=500), recently, NOW)

    assert settled.state is DeliveryState.FAILED
    assert settled.disable_because is None


def test_running_out_of_attempts_disables_an_endpoint_that_took_nothing_for_days() -> None:
    settled = settle(delivery(ATTEMPTS), Answer(fault=Fault.TIMED_OUT), NOW - PATIENCE, NOW)

    assert settled.state is DeliveryState.FAILED
    assert settled.disable_because == "Nothing could be delivered for 3 days; last: timed-out."


def test_a_fault_of_ours_never_disables_an_endpoint() -> None:
    ours = Answer(fault=Fault.NOTHING_TO_SEND)

    settled = settle(delivery(ATTEMPTS), ours, NOW - PATIENCE, NOW)

    assert (settled.state, settled.disable_because) == (DeliveryState.FAILED, None)
    assert failing_from(ours, None, NOW) is None
    assert failing_from(ours, NOW - PATIENCE, NOW) == NOW - PATIENCE


def test_an_endpoint_down_for_the_whole_schedule_is_disabled_with_its_last_attempt() -> None:
    now, failing_since = NOW, None
    for attempts in range(1, ATTEMPTS + 1):
        settled = settle(delivery(attempts), Answer(status=503), failing_since, now)
        failing_since = failing_since or now
        assert (settled.disable_because is not None) == (attempts == ATTEMPTS)
        now = settled.next_at


def test_the_receiver_may_ask_for_later_but_not_for_sooner_or_for_ever() -> None:
    in_an_hour = Answer(status=503, retry_after=NOW + timedelta(hours=1))
    in_a_year = Answer(status=503, retry_after=NOW + timedelta(days=365))
    at_once = Answer(status=503, retry_after=NOW)

    assert settle(delivery(1), in_an_hour, None, NOW).next_at == NOW + timedelta(hours=1)
    assert settle(delivery(1), in_a_year, None, NOW).next_at == NOW + timedelta(hours=24)
    assert settle(delivery(1), at_once, None, NOW).next_at >= NOW + PAUSES[0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", NOW),
        ("120", NOW + timedelta(seconds=120)),
        (" 120 ", NOW + timedelta(seconds=120)),
        ("99999999999999999999", NOW + timedelta(hours=24)),
        ("Mon, 01 Mar 2027 10:00:00 GMT", NOW + timedelta(hours=1)),
        ("Mon, 01 Mar 2027 08:00:00 GMT", None),  # past
        ("Mon, 01 Mar 9999 08:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -1200", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
        ("", None),
    ],
)
def test_retry_after_is_read_or_ignored(value: str, expected: datetime | None) -> None:
    assert read_retry_after(value, NOW) == expected


@given(st.text())
def test_no_retry_after_breaks_the_reading(value: str) -> None:
    read = read_retry_after(value, NOW)

    assert read is None or read >= NOW


@given(
    st.integers(min_value=1, max_value=30),
    st.integers(min_value=100, max_value=599),
    st.none() | st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=30)),
)
def test_whatever_is_answered_the_delivery_ends_or_goes_on_later(
    attempts: int, status: int, failing_for: timedelta | None
) -> None:
    failing_since = None if failing_for is None else NOW - failing_for

    settled = settle(delivery(attempts), Answer(status=status), failing_since, NOW)

    assert (settled.state is DeliveryState.DELIVERED) == is_success(Answer(status=status))
    if settled.state is DeliveryState.PENDING:
        assert settled.next_at > NOW
        assert attempts < ATTEMPTS


def test_no_filter_wants_everything() -> None:
    assert matches((), "MeetingEnded")
    assert matches(["MeetingEnded"], "MeetingEnded")
    assert not matches(["MeetingEnded"], "MeetingConfirmed")
