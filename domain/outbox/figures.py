"""How mail stands as a whole, in numbers: what monitoring asks for. Nobody is named."""

from collections.abc import Mapping

from domain.outbox.model import MessageState, Phase, SuppressionReason
from domain.values import Frozen, Instant

RECENT = 10_000
"""Attempts are counted of the newest so many messages."""


class AttemptKind(Frozen):
    """How far attempts got, the first digit of the reply (0: none), and what they led to."""

    phase: Phase
    code_class: int
    state: MessageState


class Figures(Frozen):
    """All of it, at one instant. Instants are None where nothing waits."""

    states: Mapping[MessageState, int]
    due: int
    due_since: Instant | None  # the one that is due for longest
    unsent_since: Instant | None  # when the oldest that shall leave was asked for
    attempts: tuple[tuple[AttemptKind, int], ...]
    lanes_backing_off: int
    unread: int
    unread_since: Instant | None
    mailbox: Mapping[str, int]  # mails of a watched mailbox that were passed over, by reason
    quarantined: int
    suppressed: Mapping[SuppressionReason, int]
