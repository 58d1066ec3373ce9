"""What a person may do about a message, in every state."""

import pytest

from domain.errors import Refused
from domain.outbox.model import Hold, MessageState
from domain.outbox.transitions import Deed, Standing, need_possible, possible

S, D = MessageState, Deed
POSSIBLE: dict[MessageState, set[Deed]] = {
    S.QUEUED: {D.HOLD, D.DROP},
    S.CLAIMED: set(),
    S.SENDING: set(),
    S.SENT: {D.RESEND},
    S.RETRY: {D.HOLD, D.RETRY_NOW, D.DROP},
    S.FAILED: {D.RESEND},
    S.UNCERTAIN: {D.RELEASE, D.CONFIRM, D.DROP, D.RESEND},
    S.HELD: {D.RELEASE, D.DROP},
    S.SUPPRESSED: {D.RESEND},
    S.EXPIRED: {D.RESEND},
    S.CANCELLED: {D.RESEND},
    S.MERGED: set(),
}


@pytest.mark.parametrize("state", list(MessageState))
def test_each_state_allows_these_deeds_and_no_others(state: MessageState) -> None:
    standing = Standing(state=state)

    offered = {row.deed for row in possible(standing)}

    assert offered == POSSIBLE[state]
    for deed in Deed:
        if deed in offered:
            assert need_possible(deed, standing).deed is deed
        else:
            with pytest.raises(Refused):
                need_possible(deed, standing)


@pytest.mark.parametrize("state", list(MessageState))
def test_forgotten_bytes_are_not_sent(state: MessageState) -> None:
    offered = {row.deed for row in possible(Standing(state=state, has_bytes=False))}

    assert offered == POSSIBLE[state] - {D.RELEASE, D.RETRY_NOW, D.RESEND}


@pytest.mark.parametrize("because", list(Hold))
def test_what_is_held_is_released_unless_it_would_be_held_again(because: Hold) -> None:
    offered = {row.deed for row in possible(Standing(state=S.HELD, held_because=because))}

    assert (D.RELEASE in offered) == (because is not Hold.RECIPIENT_CAP)


def test_a_refusal_says_what_the_deed_needs() -> None:
    with pytest.raises(Refused, match="It is sent; this can be done only while it is uncertain"):
        need_possible(Deed.CONFIRM, Standing(state=S.SENT))
