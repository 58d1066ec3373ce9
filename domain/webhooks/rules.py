"""When a delivery is tried, what an answer means, and when an endpoint is given up on.

Source: Standard Webhooks 1.0.0, "Retries" and "Disabling endpoints".
"""

import hashlib
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

from domain.values import LATEST, Frozen, Instant
from domain.webhooks.model import Delivery, DeliveryState

PAUSES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""The pause after the first, second, … failed attempt; about three days together."""

ATTEMPTS = len(PAUSES) + 1
LONGEST_PAUSE = timedelta(hours=24)
PATIENCE = timedelta(days=3)
"""How long an endpoint may fail without one success before it is disabled."""

PING = "WebhookPing"
"""The type of a test delivery; it has no journal position."""


class Fault(StrEnum):
    """Why an attempt got no answer at all. The owner sees these, so they tell nothing of the
    network Parley runs in."""

    FORBIDDEN_TARGET = "forbidden-target"  # the URL, or an address its name has now
    NAME_UNKNOWN = "name-unknown"
    UNREACHABLE = "unreachable"
    NOT_SECURE = "not-secure"  # TLS failed: an old protocol, or a certificate that does not fit
    TIMED_OUT = "timed-out"
    BROKEN_ANSWER = "broken-answer"
    NOTHING_TO_SEND = "nothing-to-send"  # a fault of ours, never held against the endpoint


class Answer(Frozen):
    """What one attempt met: an HTTP status, or the fault that kept it from one.
    `retry_after` is the earliest instant the receiver asked for."""

    status: int | None = None
    fault: Fault | None = None
    retry_after: Instant | None = None


class Settlement(Frozen):
    """What follows from an attempt: the delivery's new state, when it is tried again if it is
    still pending, and why its endpoint is disabled, if it is."""

    state: DeliveryState
    next_at: Instant
    status: int | None = None
    error: str | None = None
    disable_because: str | None = None


def is_success(answer: Answer) -> bool:
    """Only 2xx is; a redirect is a failure and is never followed."""
    return answer.status is not None and 200 <= answer.status < 300


def settle(
    delivery: Delivery, answer: Answer, failing_since: datetime | None, now: datetime
) -> Settlement:
    """What `answer` means for `delivery`, whose `attempts` count this one.

    `failing_since` is when the endpoint's present run of failures began, None when it has not
    failed since its last success. 410 Gone disables at once, and so does running out of
    attempts when nothing was delivered for `PATIENCE`. Instants are aware UTC.
    """
    if is_success(answer):
        return Settlement(state=DeliveryState.DELIVERED, next_at=now, status=answer.status)
    error = _describe(answer)
    if answer.status == 410:
        return _given_up(answer, error, now, "The endpoint answered 410 Gone.")
    if delivery.attempts < ATTEMPTS:
        return Settlement(
            state=DeliveryState.PENDING,
            next_at=next_attempt(delivery.id, delivery.attempts, now, answer.retry_after),
            status=answer.status,
            error=error,
        )
    is_lost = failing_since is not None and now - failing_since >= PATIENCE and _met(answer)
    reason = f"Nothing could be delivered for {PATIENCE.days} days; last: {error}."
    return _given_up(answer, error, now, reason if is_lost else None)


def failing_from(answer: Answer, failing_since: datetime | None, now: datetime) -> datetime | None:
    """When the endpoint's present run of failures began, now that an attempt met `answer`.

    What was never sent says nothing about the endpoint.
    """
    if is_success(answer):
        return None
    return failing_since or now if _met(answer) else failing_since


def _met(answer: Answer) -> bool:
    return answer.fault is not Fault.NOTHING_TO_SEND


def _given_up(answer: Answer, error: str, now: datetime, disable: str | None) -> Settlement:
    return Settlement(
        state=DeliveryState.FAILED,
        next_at=now,
        status=answer.status,
        error=error,
        disable_because=disable,
    )


def _describe(answer: Answer) -> str:
    return answer.fault.value if answer.fault else f"status {answer.status}"


def next_attempt(
    delivery_id: str, attempts: int, now: datetime, retry_after: datetime | None = None
) -> datetime:
    """When a delivery that has failed `attempts` times is tried again.

    The schedule's pause and up to a tenth more, so that a recovering receiver is not met by
    everything at once; later if the receiver asked for it, within a day.
    """
    pause = PAUSES[min(attempts, len(PAUSES)) - 1]
    planned = now + pause * (1 + _spread(delivery_id, attempts) / 10)
    asked = min(retry_after or now, now + LONGEST_PAUSE)
    return max(planned, asked)


def _spread(delivery_id: str, attempts: int) -> float:
    """A fixed number from 0 to 1 for this attempt: chance would make a rule untestable."""
    digest = hashlib.sha256(f"{delivery_id}/{attempts}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


def read_retry_after(value: str, now: datetime) -> datetime | None:
    """The instant a `Retry-After` field asks for, or None when it cannot be read.

    Seconds or an HTTP date (RFC 9110 §10.2.3); the result is aware UTC.
    """
    text = value.strip()
    if text.isascii() and text.isdigit():
        return now + min(timedelta(seconds=int(text[:9])), LONGEST_PAUSE)
    try:
        at = parsedate_to_datetime(text)
        instant = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
    return instant if now <= instant < LATEST else None


def matches(events: tuple[str, ...] | list[str], type: str) -> bool:
    """Whether an endpoint that asked for `events` wants an event of `type`; none means all."""
    return not events or type in events
