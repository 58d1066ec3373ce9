"""What a person may do about a message now: one table behind links, forms, buttons and refusals.

What a dispatcher may do is in `domain.outbox.rules`. A message that is claimed or being sent is
a dispatcher's alone: whoever wants something of it looks again when the attempt is over.
"""

from enum import StrEnum

from domain.errors import Refused
from domain.outbox.model import FINAL_STATES, Hold, MessageState
from domain.values import Frozen


class Deed(StrEnum):
    """What can be asked of a message; each is its link relation and the end of its path."""

    HOLD = "hold"
    RELEASE = "release"
    RETRY_NOW = "retry-now"
    DROP = "drop"
    CONFIRM = "confirm"
    RESEND = "resend"


class Transition(Frozen):
    """From which states a deed is possible, and where it leads; None: its message stays as it
    is. `sends` says that it needs the message's bytes."""

    deed: Deed
    origins: frozenset[MessageState]
    target: MessageState | None
    title: str
    sends: bool = False


_S = MessageState
TRANSITIONS: tuple[Transition, ...] = (
    Transition(
        deed=Deed.HOLD,
        origins=frozenset({_S.QUEUED, _S.RETRY}),
        target=_S.HELD,
        title="Hold it back until somebody releases it",
    ),
    Transition(
        deed=Deed.RELEASE,
        origins=frozenset({_S.HELD}),
        target=_S.QUEUED,
        title="Send it now",
        sends=True,
    ),
    Transition(
        deed=Deed.RELEASE,
        origins=frozenset({_S.UNCERTAIN}),
        target=_S.RETRY,
        title="Send the same bytes once more; it may then arrive twice",
        sends=True,
    ),
    Transition(
        deed=Deed.RETRY_NOW,
        origins=frozenset({_S.RETRY}),
        target=_S.RETRY,
        title="Try again now",
        sends=True,
    ),
    Transition(
        deed=Deed.CONFIRM,
        origins=frozenset({_S.UNCERTAIN}),
        target=_S.SENT,
        title="It arrived: count it as sent",
    ),
    Transition(
        deed=Deed.DROP,
        origins=frozenset({_S.QUEUED, _S.RETRY, _S.HELD, _S.UNCERTAIN}),
        target=_S.CANCELLED,
        title="Drop it: it is not sent any more",
    ),
    Transition(
        deed=Deed.RESEND,
        origins=FINAL_STATES - {_S.MERGED},
        target=None,
        title="Send it again, as a new message",
        sends=True,
    ),
)

_UNDER_WAY = frozenset({_S.CLAIMED, _S.SENDING})


class Standing(Frozen):
    """What decides about deeds: the state, why it is held, whether its bytes are kept, and
    whether its party is written to at another address by now."""

    state: MessageState
    held_because: Hold | None = None
    has_bytes: bool = True
    is_former: bool = False


def possible(standing: Standing) -> tuple[Transition, ...]:
    """What may be asked of a message that stands so."""
    fitting = (row for row in TRANSITIONS if standing.state in row.origins)
    return tuple(row for row in fitting if _obstacle(row, standing) is None)


def need_possible(deed: Deed, standing: Standing) -> Transition:
    """The row by which `deed` is possible. Raises `Refused`, saying what to do instead."""
    for row in TRANSITIONS:
        if row.deed is deed and standing.state in row.origins:
            obstacle = _obstacle(row, standing)
            if obstacle is not None:
                raise Refused(obstacle)
            return row
    raise Refused(_wrong_state(deed, standing.state))


def _obstacle(row: Transition, standing: Standing) -> str | None:
    if row.sends and not standing.has_bytes:
        return "Its bytes are no longer kept, so it cannot be sent again."
    if row.sends and standing.is_former:
        return "Its party has another address now, and what this one was told opens nothing."
    if row.deed is Deed.RELEASE and standing.held_because is Hold.RECIPIENT_CAP:
        return "Its recipient has had as much mail in a day as PARLEY_RECIPIENT_CAP allows; wait."
    return None


def _wrong_state(deed: Deed, state: MessageState) -> str:
    if state in _UNDER_WAY:
        return "It is being sent right now; look again when the attempt is over, within minutes."
    origins = {one for row in TRANSITIONS if row.deed is deed for one in row.origins}
    states = " or ".join(one.value for one in MessageState if one in origins)
    return f"It is {state.value}; this can be done only while it is {states}."
