"""What may become of a message, and what one attempt to send it means.

    queued ──claim──▶ claimed ──mark, before the final dot──▶ sending ──250──▶ sent
      ▲                  │                                       ├──4xx──▶ retry
      └──── lease over ──┤                                       ├──5xx──▶ failed
                         ├──not accepted──▶ retry                └──no reply──▶ as `on_unknown` says
                         └──refused──▶ failed                       (or lease over)

A failure before the final dot proves that the server has nothing, marked or not: a sender that
knows it wrote no dot gives the message back to the queue. After the dot nothing is proved until
a reply is read (RFC 1047). What then happens each kind of mail says for itself (`OnUnknown`);
unless it says otherwise the message is `uncertain`, which only a late reply to the very same
attempt, evidence, or a person ends.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from domain.outbox.model import MessageState, Phase, Proof, Report
from domain.postage import OnUnknown
from domain.values import Frozen, Instant

CLAIM_LEASE = timedelta(minutes=5)
"""How long a dispatcher may hold a message it has not yet marked `sending`."""

SENDING_LEASE = timedelta(minutes=15)
"""How long a dispatcher may wait for the reply to the final dot; longer than the ten minutes
that RFC 5321 §4.5.3.2.6 grants the server."""

GIVE_UP_AFTER = timedelta(days=5)
"""RFC 5321 §4.5.4.1: a sender gives up after four to five days."""

LONGEST_COUNTED_WAIT = timedelta(days=1)
"""A message that nobody tried for longer than this, though it was due, was not being tried: we were
down, or held all mail. So the time until it is given up has several attempts in it."""

RELAY_DELAY = timedelta(seconds=30)
"""How long a message waits whose relay could not be reached, made up to twice as long by chance:
never longer than a minute, so that mail leaves soon after the relay is back."""

_FIRST_DELAY = timedelta(seconds=15)
_LONGEST_DELAY = timedelta(hours=2)
_GROWTH = 3
_NEVER_REACHED = frozenset({Phase.CONNECT, Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.BODY})


class By(StrEnum):
    """Who takes a step; what a person may do is in `domain.outbox.transitions`."""

    GATE = "gate"  # what is looked at before anything is sent
    ATTEMPT = "attempt"  # a dispatcher, or the end of its lease
    LATE_REPLY = "late-reply"  # to an attempt that was given up as unknown
    EVIDENCE = "evidence"


_S = MessageState
_WAITING = frozenset({_S.QUEUED, _S.RETRY, _S.HELD})
# UNCERTAIN: a further copy is not wanted; of an earlier one nobody knows.
_GATED = frozenset({_S.CLAIMED, _S.HELD, _S.SUPPRESSED, _S.EXPIRED, _S.MERGED, _S.UNCERTAIN})
_NEXT: Mapping[By, Mapping[MessageState, frozenset[MessageState]]] = MappingProxyType(
    {
        By.GATE: MappingProxyType({old: _GATED for old in _WAITING}),
        By.ATTEMPT: MappingProxyType(
            {
                # UNCERTAIN: a further copy was refused; of an earlier one nobody knows.
                _S.CLAIMED: frozenset({_S.QUEUED, _S.SENDING, _S.RETRY, _S.FAILED, _S.UNCERTAIN}),
                # QUEUED only by the holder of the claim, which knows that it wrote no dot.
                _S.SENDING: frozenset({_S.QUEUED, _S.SENT, _S.RETRY, _S.FAILED, _S.UNCERTAIN}),
            }
        ),
        By.LATE_REPLY: MappingProxyType(
            {
                _S.UNCERTAIN: frozenset({_S.SENT, _S.RETRY, _S.FAILED}),
                # To go out once more, after an unknown outcome that is known now.
                **{old: frozenset({_S.SENT, _S.FAILED}) for old in _WAITING},
            }
        ),
        # But for UNCERTAIN only what goes out once more; see `may_be_proved`.
        By.EVIDENCE: MappingProxyType(
            {old: frozenset({_S.SENT}) for old in (*_WAITING, _S.CLAIMED, _S.UNCERTAIN)}
        ),
    }
)


def may_become(old: MessageState, new: MessageState, by: By) -> bool:
    """Whether a message in `old` may go to `new` in one step of this kind."""
    return new in _NEXT[by].get(old, frozenset())


def origins(new: MessageState, by: By) -> tuple[MessageState, ...]:
    """The states a message may be in just before `new`; what a conditional write asks for."""
    return tuple(old for old in MessageState if may_become(old, new, by))


def may_be_proved(state: MessageState, resends: int) -> bool:
    """Whether evidence that a copy arrived settles the message: nobody knew, or it is about to
    go out once more because nobody knew."""
    if state is MessageState.UNCERTAIN:
        return True
    return resends > 0 and may_become(state, MessageState.SENT, By.EVIDENCE)


class Ruling(Frozen):
    """What an attempt leads to. `next_at` is when the message is due again, for `retry` only.

    `is_unknown`: nobody knows whether the server has it, whatever is done next. `counts`: the
    next delay grows by it, and the time until the message is given up goes on. `proof` is how
    `sent` is known.
    """

    state: MessageState
    next_at: Instant | None = None
    is_unknown: bool = False
    counts: bool = True
    proof: Proof | None = None


def rule_on(
    report: Report,
    *,
    on_unknown: OnUnknown,
    resends: int,
    attempt: int,
    since: datetime,
    now: datetime,
    jitter: float,
) -> Ruling:
    """What `report`, the outcome of the attempt with this number (1, 2, …), means.

    `resends` is how often the message went out again after an unknown outcome. `jitter` in
    [0, 1) spreads the retries of messages that failed together. A message that has been tried
    `since` `GIVE_UP_AFTER` ago or longer is not tried again, unless the attempt said nothing
    about it.
    """
    match _verdict(report):
        case None:
            return rule_on_unknown(on_unknown, resends, attempt, now, jitter)
        case MessageState.SENT:
            return Ruling(state=MessageState.SENT, proof=Proof.REPLY)
        case MessageState.FAILED:
            return _given_up(resends)
    if is_about_the_relay(report):
        wait = RELAY_DELAY * (1 + jitter)
        return Ruling(state=MessageState.RETRY, next_at=now + wait, counts=False)
    if now - since >= GIVE_UP_AFTER:
        return _given_up(resends)
    return Ruling(state=MessageState.RETRY, next_at=now + retry_delay(attempt, jitter))


def _given_up(resends: int) -> Ruling:
    """A refusal is about its own copy: one that went out before may have arrived all the same."""
    return Ruling(state=MessageState.UNCERTAIN if resends else MessageState.FAILED)


def rule_on_unknown(
    on_unknown: OnUnknown, resends: int, attempt: int, now: datetime, jitter: float
) -> Ruling:
    """What becomes of a message whose final dot was written and whose reply nobody read.

    Only where its kind says so does it go out again by itself, and then once: a second unknown
    outcome is `uncertain` like any other.
    """
    if on_unknown is OnUnknown.ASSUME_SENT:
        return Ruling(state=MessageState.SENT, is_unknown=True, proof=Proof.ASSUMED)
    if on_unknown is OnUnknown.RESEND_ONCE and resends == 0:
        due = now + retry_delay(attempt, jitter)
        return Ruling(state=MessageState.RETRY, next_at=due, is_unknown=True)
    return Ruling(state=MessageState.UNCERTAIN, is_unknown=True)


def is_about_the_relay(report: Report) -> bool:
    """Whether the attempt ended before anything was said about the message: without a
    conversation, or with a relay that has no time for us. It has heard of no recipient by MAIL.
    """
    if report.phase is Phase.CONNECT:
        return True
    return report.phase is Phase.MAIL and (asks_to_wait(report) or _is_unwell(report))


def asks_to_wait(report: Report) -> bool:
    """Whether the reply is 421 (RFC 5321 §3.8), or a passing refusal by policy (4.7.x of
    RFC 3463)."""
    return report.code == 421 or _has_status(report, "4.7.")


def _is_unwell(report: Report) -> bool:
    """The mail system as a whole takes nothing now (4.3.x of RFC 3463)."""
    return _has_status(report, "4.3.")


def _has_status(report: Report, beginning: str) -> bool:
    is_passing = (report.code or 0) // 100 == 4
    return is_passing and report.reply.lstrip().startswith(beginning)


def retry_delay(attempt: int, jitter: float) -> timedelta:
    """How long to wait after attempt number `attempt`: 15 s, 45 s, 2¼ min, … at most 2 h,
    each made up to half as long again by `jitter` in [0, 1)."""
    steps = min(max(attempt, 1) - 1, 10)
    delay: timedelta = min(_FIRST_DELAY * float(_GROWTH**steps), _LONGEST_DELAY)
    return delay * (1 + jitter / 2)


def _verdict(report: Report) -> MessageState | None:
    """`sent`, `retry` or `failed`; None where nobody knows."""
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
            return None


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
