"""Mail at the door: what is beyond limits, and what is told to whoever can be told one thing."""

import pytest

from domain.inbox.acceptance import (
    NESTING_LIMIT,
    SIZE_LIMIT,
    Admission,
    Outcome,
    Reason,
    Way,
    beyond_limits,
    worst,
)

_PART = b"Content-Type: multipart/mixed; boundary=b\r\n"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"x" * SIZE_LIMIT, None),
        (b"x" * (SIZE_LIMIT + 1), Reason.TOO_LARGE),
        (_PART * NESTING_LIMIT, None),
        (_PART * (NESTING_LIMIT + 1), Reason.TOO_NESTED),
        (b"Content-Type: Message/RFC822\r\n\r\n" * (NESTING_LIMIT + 1), Reason.TOO_NESTED),
        (_PART.replace(b"=", b" =") * 20_000, Reason.TOO_NESTED),
    ],
)
def test_mail_beyond_limits_is_known_without_parsing(raw: bytes, reason: Reason | None) -> None:
    assert beyond_limits(raw) is reason


A, Q, U, F, M, L = (
    Admission.ACCEPTED,
    Admission.QUARANTINED,
    Admission.UNKNOWN,
    Admission.FULL,
    Admission.TOO_OFTEN,
    Admission.TOO_LARGE,
)


@pytest.mark.parametrize(
    ("admissions", "told"),
    [
        ([A], A),
        ([U, A], A),  # one bad recipient does not sink the others
        ([A, F], F),  # all come again, and the first is recognised
        ([U, M], M),
        ([U, Q], Q),
        ([U, L], U),
    ],
)
def test_one_answer_for_all_recipients_loses_nothing(
    admissions: list[Admission], told: Admission
) -> None:
    outcomes = [Outcome(recipient=str(n), admission=one) for n, one in enumerate(admissions)]

    assert worst(outcomes).admission is told


def test_only_smtp_and_lmtp_still_have_a_sender_to_refuse() -> None:
    assert [way for way in Way if way.may_refuse] == [Way.SMTP, Way.LMTP]
