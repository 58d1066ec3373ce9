"""What attempts mean, and which steps a message may take."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.outbox import rules
from domain.outbox.model import FINAL_STATES, MessageState, Phase, Proof, Report
from domain.outbox.rules import (
    By,
    Ruling,
    may_be_proved,
    may_become,
    origins,
    retry_delay,
    rule_on,
)
from domain.postage import OnUnknown

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
BEFORE_THE_DOT = [Phase.CONNECT, Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.BODY]


def ruled(
    phase: Phase,
    code: int | None,
    *,
    age: timedelta = timedelta(0),
    on_unknown: OnUnknown = OnUnknown.HOLD,
    resends: int = 0,
    attempt: int = 1,
    reply: str = "",
) -> Ruling:
    return rule_on(
        Report(phase=phase, code=code, reply=reply),
        on_unknown=on_unknown,
        resends=resends,
        attempt=attempt,
        since=NOW - age,
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
    assert ruled(Phase.MAIL, None).next_at == NOW + timedelta(seconds=15)
    assert ruled(Phase.DONE, 250).next_at is None
    assert ruled(Phase.DOT, None).next_at is None


def test_after_five_days_a_message_is_given_up() -> None:
    almost = timedelta(days=5) - timedelta(seconds=1)

    assert ruled(Phase.RCPT, 450, age=almost).state is MessageState.RETRY
    assert ruled(Phase.RCPT, 450, age=timedelta(days=5)).state is MessageState.FAILED


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


@pytest.mark.parametrize(
    ("on_unknown", "resends", "state", "proof"),
    [
        (OnUnknown.HOLD, 0, "uncertain", None),
        (OnUnknown.HOLD, 1, "uncertain", None),  # a person had it sent once more
        (OnUnknown.RESEND_ONCE, 0, "retry", None),
        (OnUnknown.RESEND_ONCE, 1, "uncertain", None),
        (OnUnknown.ASSUME_SENT, 0, "sent", Proof.ASSUMED),
    ],
)
def test_an_unknown_outcome_is_treated_as_its_kind_says(
    on_unknown: OnUnknown, resends: int, state: str, proof: Proof | None
) -> None:
    ruling = ruled(Phase.DOT, None, on_unknown=on_unknown, resends=resends)

    assert (ruling.state, ruling.proof, ruling.is_unknown) == (state, proof, True)
    assert (ruling.next_at is not None) is (state == "retry")


@pytest.mark.parametrize(("resends", "state"), [(0, "failed"), (1, "uncertain")])
def test_a_refused_copy_does_not_settle_what_became_of_an_earlier_one(
    resends: int, state: str
) -> None:
    refused = ruled(Phase.RCPT, 550, resends=resends)
    given_up = ruled(Phase.RCPT, 450, resends=resends, age=timedelta(days=5))

    assert refused.state == given_up.state == state
    assert not refused.is_unknown


@pytest.mark.parametrize("on_unknown", OnUnknown)
def test_a_known_outcome_does_not_ask_what_to_do_about_unknown_ones(on_unknown: OnUnknown) -> None:
    assert ruled(Phase.DONE, 250, on_unknown=on_unknown).proof is Proof.REPLY
    assert ruled(Phase.DONE, 451, on_unknown=on_unknown) == ruled(Phase.DONE, 451)


@pytest.mark.parametrize("attempt", [1, 7, 1000])
@pytest.mark.parametrize(
    ("phase", "code", "reply"),
    [
        (Phase.CONNECT, None, ""),
        (Phase.CONNECT, 421, ""),
        (Phase.CONNECT, 554, ""),
        (Phase.MAIL, 421, "shutting down"),
        (Phase.MAIL, 450, "4.7.1 too many messages from you"),
        (Phase.MAIL, 452, "4.3.1 out of space"),
    ],
)
def test_a_relay_that_takes_nothing_says_nothing_about_the_message(
    attempt: int, phase: Phase, code: int | None, reply: str
) -> None:
    ruling = ruled(phase, code, attempt=attempt, reply=reply)

    assert ruled(Phase.CONNECT, code, age=timedelta(days=9)).state is MessageState.RETRY
    assert not ruling.counts
    assert ruling.next_at is not None
    assert ruling.next_at - NOW <= timedelta(minutes=1)


@pytest.mark.parametrize(
    ("phase", "code", "reply"),
    [
        (Phase.MAIL, None, ""),
        (Phase.MAIL, 450, "4.1.8 this sender"),
        (Phase.RCPT, 421, "4.7.0 too many"),
        (Phase.DONE, 452, "4.3.1 out of space"),
    ],
)
def test_other_passing_refusals_count(phase: Phase, code: int | None, reply: str) -> None:
    assert ruled(phase, code, reply=reply).counts


def test_only_a_mark_leads_to_the_final_dot() -> None:
    assert origins(MessageState.SENDING, By.ATTEMPT) == (MessageState.CLAIMED,)
    assert MessageState.CLAIMED not in origins(MessageState.SENT, By.ATTEMPT)


def test_a_marked_message_is_queued_again_only_while_its_end_is_open() -> None:
    """By the holder of its claim, which knows that it wrote no dot."""
    given_back = origins(MessageState.QUEUED, By.ATTEMPT)

    assert given_back == (MessageState.CLAIMED, MessageState.SENDING)


@pytest.mark.parametrize("by", By)
def test_nothing_final_is_ever_queued_again_by_itself(by: By) -> None:
    for state in FINAL_STATES:
        assert not may_become(state, MessageState.QUEUED, by)
        assert not may_become(state, MessageState.CLAIMED, by)


def test_evidence_settles_what_is_in_doubt_and_nothing_else() -> None:
    settled = {(one, n) for one in MessageState for n in (0, 1) if may_be_proved(one, n)}

    again = {(MessageState(one), 1) for one in ("queued", "retry", "held", "claimed")}
    assert settled == again | {(MessageState.UNCERTAIN, 0), (MessageState.UNCERTAIN, 1)}


def test_a_server_is_given_longer_than_the_ten_minutes_it_may_take() -> None:
    assert timedelta(minutes=10) < rules.SENDING_LEASE
