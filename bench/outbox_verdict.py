"""What became of every message of a proof: its row and attempts, against what the server has."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from adapters.smtp_talk import in_lines
from bench.peers.taken import Taken
from domain.outbox.model import MessageState, Phase

MESSAGES = (
    "SELECT outbox.id, outbox.message_id, state, last_reply, raw FROM outbox"
    " JOIN outbox_raw ON outbox_raw.message_id = outbox.id"
)
ATTEMPTS = "SELECT message_id, phase, state, times FROM outbox_attempts"

_UNCERTAIN = MessageState.UNCERTAIN.value
_OUTCOMES = ("sent", "retry", "queued", "failed", _UNCERTAIN)


class Message(NamedTuple):
    """A row of the outbox, with the phase and state of each of its attempts."""

    id: int
    message_id: str
    state: str
    last_reply: str | None
    raw: bytes
    attempts: tuple[tuple[str, str], ...]

    @property
    def unknown(self) -> int:
        """How many attempts ended without anybody knowing what they came to."""
        return sum(state == _UNCERTAIN for _, state in self.attempts)


@dataclass
class Verdict:
    """Names of messages, by what is wrong with them; `allowed` counts copies that are not."""

    messages: int = 0
    delivered: int = 0
    failed: int = 0
    allowed: int = 0
    lost: list[str] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        return not (self.lost or self.unsettled or self.doubled or self.altered or self.foreign)


def messages_of(rows: Iterable[tuple[Any, ...]], notes: Iterable[tuple[Any, ...]]) -> list[Message]:
    """From the rows that `MESSAGES` and `ATTEMPTS` give."""
    attempts: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for id, phase, state, times in notes:
        attempts[id] += [(phase, state)] * times
    return [Message._make([*row, tuple(attempts[row[0]])]) for row in rows]


def judge(messages: Sequence[Message], taken: Sequence[Taken], digest_of: Any) -> Verdict:
    """Each message is there, or failed with a reason; more often than once only where that many
    attempts said `uncertain`; and each copy has its bytes. `digest_of` is of bytes, as the
    server's."""
    copies: dict[str, list[Taken]] = defaultdict(list)
    for mail in taken:
        copies[mail.message_id].append(mail)
    verdict = Verdict(messages=len(messages))
    known = {message.message_id for message in messages}
    verdict.foreign = sorted(copies.keys() - known)
    for message in messages:
        _judge(message, copies[message.message_id], verdict, digest_of)
    return verdict


def _judge(message: Message, copies: Sequence[Taken], verdict: Verdict, digest_of: Any) -> None:
    name = message.message_id
    is_failed = message.state == MessageState.FAILED.value
    verdict.delivered += bool(copies)
    verdict.failed += is_failed
    if message.state not in (MessageState.SENT.value, MessageState.FAILED.value):
        verdict.unsettled.append(name)
    elif not copies and not (is_failed and message.last_reply):
        verdict.lost.append(name)
    if len(copies) > 1 + message.unknown:
        verdict.doubled.append(name)
    verdict.allowed += max(len(copies) - 1, 0)
    if {mail.digest for mail in copies} - {digest_of(in_lines(message.raw))}:
        verdict.altered.append(name)


def by_phase(messages: Sequence[Message], copies: Mapping[str, int]) -> str:
    """A table: how far attempts came, and what they led to. The last column counts copies beyond
    the first of the messages that had an attempt without a known end there."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    beyond: Counter[str] = Counter()
    for message in messages:
        for phase, state in message.attempts:
            counts[phase][state] += 1
        for phase in {phase for phase, state in message.attempts if state == _UNCERTAIN}:
            beyond[phase] += max(copies.get(message.message_id, 0) - 1, 0)
    head = ["phase", "attempts", *_OUTCOMES, "copies beyond the first"]
    lines = [head, ["---"] * len(head)]
    for phase in (phase.value for phase in Phase):
        row = counts[phase]
        cells = [row.total(), *(row[state] for state in _OUTCOMES), beyond[phase]]
        lines.append([phase, *map(str, cells)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
