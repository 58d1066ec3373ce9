"""What attempts mean, and which steps a message may take."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.outbox import rules
from domain.outbox.model import FINAL_STATES, MessageState, Phase, Report
from domain.outbox.rules import Ruling, may_become, origins, retry_delay, rule_on

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
BEFORE_THE_DOT = [Phase.CONNECT, Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.BODY]


def ruled(phase: Phase, code: int | None, *, age: timedelta = timedelta(0)) -> Ruling:
    return rule_on(
        Report(phase=phase, code=code),
        kind="meeting.invitation",
        attempt=1,
        created_at=NOW - age,
        now=NOW,
        jitter=0.0,
    )


@pytest.mark.parametrize(
    ("phase", "code", "state"),
    [
        *((phase, None, "retry") for phase in BEFORE_THE_DOT),
        *((phase, 421, "retry") for phase in BEFORE_THE_DOT),
        (Phase.CONNECT, 554, "retry"),  # about us, not about the message
        (Phase.CONNECT, 535, "retry"),
        (Phase.MAIL, 530, "retry"),
        (Phase.MAIL, 503, "retry"),
        (Phase.MAIL, 550, "failed"),
        (Phase.RCPT, 450, "retry"),
        (Phase.RCPT, 552, "retry"),  # RFC 5321 §4.5.3.1.10
        (Phase.RCPT, 550, "failed"),
        (Phase.RCPT, 553, "failed"),
        (Phase.DATA, 451, "retry"),
        (Phase.DATA, 554, "failed"),
        (Phase.BODY, 552, "failed"),
        (Phase.DOT, None, "uncertain"),
        (Phase.DONE, 250, "sent"),
        (Phase.DONE, 451, "retry"),
        (Phase.DONE, 554, "failed"),
        (Phase.DONE, 199, "uncertain"),
    ],
)
def test_an_attempt_means(phase: Phase, code: int | None, state: str) -> None:
    assert ruled(phase, code).state == state


def test_a_retry_has_a_time_and_nothing_else_has() -> None:
    assert ruled(Phase.CONNECT, None).next_at == NOW + timedelta(seconds=15)
    assert ruled(Phase.DONE, 250).next_at is None
    assert ruled(Phase.DOT, None).next_at is None


def test_after_five_days_a_message_is_given_up() -> None:
    almost = timedelta(days=5) - timedelta(seconds=1)

    assert ruled(Phase.CONNECT, None, age=almost).state is MessageState.RETRY
    assert ruled(Phase.CONNECT, None, age=timedelta(days=5)).state is MessageState.FAILED


def test_an_unknown_outcome_stays_unknown_however_old() -> None:
    assert ruled(Phase.DOT, None, age=timedelta(days=9)).state is MessageState.UNCERTAIN


@pytest.mark.parametrize(
    ("attempt", "jitter", "seconds"),
    [
        (1, 0.0, 15),
        (2, 0.0, 45),  # 15 × 3
        (3, 0.0, 135),  # 15 × 3²
        (6, 0.0, 3645),  # 15 × 3⁵
        (7, 0.0, 7200),  # 15 × 3⁶ = 10 935, more than two hours
        (1000, 0.0, 7200),
        (1, 0.5, 18.75),  # a quarter more
    ],
)
def test_retries_come_later_and_later(attempt: int, jitter: float, seconds: float) -> None:
    assert retry_delay(attempt, jitter) == timedelta(seconds=seconds)


@given(st.integers(-5, 10**6), st.floats(0, 1, exclude_max=True))
def test_a_retry_never_waits_longer_than_three_hours(attempt: int, jitter: float) -> None:
    assert timedelta(seconds=15) <= retry_delay(attempt, jitter) <= timedelta(hours=3)


@pytest.mark.parametrize("phase", BEFORE_THE_DOT)
def test_what_was_not_accepted_is_never_uncertain(phase: Phase) -> None:
    for code in (None, *range(100, 600)):
        assert ruled(phase, code).state in {MessageState.RETRY, MessageState.FAILED}


def test_only_a_mark_leads_to_the_final_dot() -> None:
    assert origins(MessageState.SENDING) == (MessageState.CLAIMED,)
    assert origins(MessageState.UNCERTAIN) == (MessageState.SENDING,)
    assert MessageState.CLAIMED not in origins(MessageState.SENT)


def test_a_marked_message_is_queued_again_only_while_its_end_is_open() -> None:
    """By the holder of its claim, which knows that it wrote no dot."""
    assert origins(MessageState.QUEUED) == (MessageState.CLAIMED, MessageState.SENDING)


def test_nothing_final_is_ever_queued_again() -> None:
    for state in FINAL_STATES:
        assert not may_become(state, MessageState.QUEUED)
        assert not may_become(state, MessageState.CLAIMED)


def test_a_lease_that_ends_before_the_mark_is_no_loss() -> None:
    kind = "meeting.invitation"

    assert rules.state_after_lease(MessageState.CLAIMED, kind) is MessageState.QUEUED
    assert rules.state_after_lease(MessageState.SENDING, kind) is MessageState.UNCERTAIN


def test_a_server_is_given_longer_than_the_ten_minutes_it_may_take() -> None:
    assert timedelta(minutes=10) < rules.SENDING_LEASE
