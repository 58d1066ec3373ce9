"""What may be done about a mail for an operator, as one table."""

import pytest

from domain.errors import Refused
from domain.inbox.quarantine import (
    Custody,
    Deed,
    Forgotten,
    Incomplete,
    Stray,
    need_possible,
    possible,
)
from domain.values import EARLIEST

R, D, B = Deed.REPLAY, Deed.DISCARD, Deed.RAW


def stray(custody: Custody, *, forgotten: bool = False) -> Stray:
    return Stray(
        id="q1",
        custody=custody,
        reason="nobody",
        source="imap",
        mail_from="",
        recipient="",
        received_at=EARLIEST,
        raw_forgotten_at=EARLIEST if forgotten else None,
    )


@pytest.mark.parametrize(
    ("custody", "with_bytes", "without"),
    [
        (Custody.KEPT, {R, D, B}, {D}),
        (Custody.REPLAYED, {B}, set()),
        (Custody.DISCARDED, {B}, set()),
        (Custody.UNREAD, {B}, set()),
        (Custody.READ, {R, B}, set()),
    ],
)
def test_deeds_are_possible_in_these_states_and_refused_in_all_others(
    custody: Custody, with_bytes: set[Deed], without: set[Deed]
) -> None:
    for forgotten, expected in ((False, with_bytes), (True, without)):
        one = stray(custody, forgotten=forgotten)
        assert {row.deed for row in possible(one)} == expected
        for deed in set(Deed) - expected:
            with pytest.raises((Refused, Forgotten)):
                need_possible(deed, one)


def test_only_what_lacks_nothing_but_its_bytes_says_so() -> None:
    with pytest.raises(Forgotten):
        need_possible(Deed.REPLAY, stray(Custody.READ, forgotten=True))
    with pytest.raises(Refused):
        need_possible(Deed.REPLAY, stray(Custody.DISCARDED, forgotten=True))


def test_half_a_mail_is_looked_at_and_never_replayed() -> None:
    half = stray(Custody.KEPT).model_copy(update={"reason": "cut"})

    assert {row.deed for row in possible(half)} == {D, B}
    with pytest.raises(Incomplete, match="beginning"):
        need_possible(Deed.REPLAY, half)
