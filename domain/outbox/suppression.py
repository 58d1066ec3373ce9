"""Which addresses are sent no more mail, for how long, and what makes them good again.

| heard                                     | held back | until         | lifted by         |
|-------------------------------------------|-----------|---------------|-------------------|
| no such mailbox or domain, or disabled    | all       | 30 days later | delivery, owner   |
| full, policy, too large, late, unclear    | nothing   |               |                   |
| complaint (RFC 5965)                      | all       | lifted        | owner             |
| unsubscribed from reminders               | optional  | lifted        | recipient, owner  |
| unsubscribed from everything              | all       | lifted        | recipient, owner  |
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from domain.outbox.bounces import Cause, is_dead
from domain.outbox.model import Suppression, SuppressionReason, SuppressionScope

BOUNCED_FOR = timedelta(days=30)
"""How long an address that bounced is left alone; addresses do come back."""


class Measure(NamedTuple):
    """A suppression to be made; `until` None: until somebody lifts it."""

    scope: SuppressionScope
    reason: SuppressionReason
    until: datetime | None


def after_bounce(cause: Cause, at: datetime) -> Measure | None:
    """What a mail that came back at `at` means for other mail to its address."""
    if not is_dead(cause):
        return None
    return Measure(SuppressionScope.ALL, SuppressionReason.BOUNCED, at + BOUNCED_FOR)


def after_complaint() -> Measure:
    """Whoever complained is written to no more."""
    return Measure(SuppressionScope.ALL, SuppressionReason.COMPLAINED, None)


def after_unsubscribing(scope: SuppressionScope) -> Measure:
    return Measure(scope, SuppressionReason.UNSUBSCRIBED, None)


def is_disproved(suppression: Suppression, heard_at: datetime) -> bool:
    """Whether mail that was delivered, or answered, at `heard_at` ends the suppression: a bounce
    from before was wrong. What a person wanted stands."""
    return suppression.reason is SuppressionReason.BOUNCED and heard_at > suppression.created_at
