"""What may become of a message, and what one attempt to send it means.

    queued ──claim──▶ claimed ──mark, before the final dot──▶ sending ──250──▶ sent
      ▲                  │                                       ├──4xx──▶ retry
      └──── lease over ──┤                                       ├──5xx──▶ failed
                         ├──not accepted──▶ retry                └──no reply──▶ uncertain
                         └──refused──▶ failed                       (or lease over)

A failure before the final dot proves that the server has nothing, marked or not: a sender that
knows it wrote no dot gives the message back to the queue. After the dot nothing is proved until
a reply is read (RFC 1047): that is `uncertain`, and nothing leaves it by itself but the late
reply to the very same attempt.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from domain.outbox.model import MessageState, Phase, Report
from domain.values import Frozen, Instant

CLAIM_LEASE = timedelta(minutes=5)
"""How long a dispatcher may hold a message it has not yet marked `sending`."""

SENDING_LEASE = timedelta(minutes=15)
"""How long a dispatcher may wait for the reply to the final dot; longer than the ten minutes
that RFC 5321 §4.5.3.2.6 grants the server."""

GIVE_UP_AFTER = timedelta(days=5)
"""RFC 5321 §4.5.4.1: a sender gives up after four to five days."""

_FIRST_DELAY = timedelta(seconds=15)
_LONGEST_DELAY = timedelta(hours=2)
_GROWTH = 3
_NEVER_REACHED = frozenset({Phase.CONNECT, Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.BODY})

_NEXT: Mapping[MessageState, frozenset[MessageState]] = MappingProxyType(
    {
        MessageState.QUEUED: frozenset({MessageState.CLAIMED}),
        MessageState.RETRY: frozenset({MessageState.CLAIMED}),
        MessageState.CLAIMED: frozenset(
            {MessageState.QUEUED, MessageState.SENDING, MessageState.RETRY, MessageState.FAILED}
        ),
        # QUEUED only by the holder of the claim, which knows that it wrote no dot.
        MessageState.SENDING: frozenset(
            {
                MessageState.QUEUED,
                MessageState.SENT,
                MessageState.RETRY,
                MessageState.FAILED,
                MessageState.UNCERTAIN,
            }
        ),
        # Only by the late reply to the attempt that left it unknown.
        MessageState.UNCERTAIN: frozenset(
            {MessageState.SENT, MessageState.RETRY, MessageState.FAILED}
        ),
        MessageState.SENT: frozenset(),
        MessageState.FAILED: frozenset(),
        MessageState.HELD: frozenset({MessageState.CLAIMED}),
        MessageState.SUPPRESSED: frozenset(),
        MessageState.EXPIRED: frozenset(),
        MessageState.CANCELLED: frozenset(),
        MessageState.MERGED: frozenset(),
    }
)

_AFTER_UNKNOWN: Mapping[str, MessageState] = MappingProxyType({})
"""Kinds of message whose unknown outcome leads elsewhere than to `uncertain`."""


def may_become(old: MessageState, new: MessageState) -> bool:
    """Whether a message in `old` may go to `new` in one step."""
    return new in _NEXT[old]


def origins(new: MessageState) -> tuple[MessageState, ...]:
    """The states a message may be in just before `new`; what a conditional write asks for."""
    return tuple(old for old in MessageState if may_become(old, new))


class Ruling(Frozen):
    """What an attempt leads to. `next_at` is when the message is due again, for `retry` only."""

    state: MessageState
    next_at: Instant | None = None


def rule_on(
    report: Report,
    *,
    kind: str,
    attempt: int,
    created_at: datetime,
    now: datetime,
    jitter: float,
) -> Ruling:
    """What `report`, the outcome of the attempt with this number (1, 2, …), means.

    `jitter` in [0, 1) spreads the retries of messages that failed together. A message older
    than `GIVE_UP_AFTER` is not tried again.
    """
    state = _state_after(report, kind)
    if state is not MessageState.RETRY:
        return Ruling(state=state)
    if now - created_at >= GIVE_UP_AFTER:
        return Ruling(state=MessageState.FAILED)
    return Ruling(state=state, next_at=now + retry_delay(attempt, jitter))


def state_after_unknown(kind: str) -> MessageState:
    """Where a message goes whose final dot was written and whose reply nobody read.

    `uncertain`: a person, or evidence, decides. Sending it again would be a silent duplicate.
    """
    return _AFTER_UNKNOWN.get(kind, MessageState.UNCERTAIN)


def state_after_lease(state: MessageState, kind: str) -> MessageState:
    """Where a message goes whose dispatcher let its lease run out in `state`."""
    if state is MessageState.SENDING:
        return state_after_unknown(kind)
    return MessageState.QUEUED


def retry_delay(attempt: int, jitter: float) -> timedelta:
    """How long to wait after attempt number `attempt`: 15 s, 45 s, 2¼ min, … at most 2 h,
    each made up to half as long again by `jitter` in [0, 1)."""
    steps = min(max(attempt, 1) - 1, 10)
    delay: timedelta = min(_FIRST_DELAY * float(_GROWTH**steps), _LONGEST_DELAY)
    return delay * (1 + jitter / 2)


def _state_after(report: Report, kind: str) -> MessageState:
    if report.phase in _NEVER_REACHED:
        return MessageState.FAILED if _is_refusal(report) else MessageState.RETRY
    match (report.code or 0) // 100:
        case 2:
            return MessageState.SENT
        case 4:
            return MessageState.RETRY
        case 5:
            return MessageState.FAILED
        case _:  # no reply, or none that can be understood
            return state_after_unknown(kind)


def _is_refusal(report: Report) -> bool:
    """Whether a reply before the final dot is about this message, and for good.

    What a server says before MAIL is about us, not about the message; so are 503 (the
    conversation went astray) and the 53x of a relay that wants other credentials. 552 to RCPT
    is a full mailbox or too many recipients: RFC 5321 §4.5.3.1.10 calls it temporary.
    """
    code = report.code or 0
    if report.phase is Phase.CONNECT or code in {503, 530, 534, 535, 538}:
        return False
    if report.phase is Phase.RCPT and code == 552:
        return False
    return 500 <= code < 600
