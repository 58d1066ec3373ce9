"""What a message meets before it may be sent: is it still wanted, does its recipient want it, is
this the time for it, and has the recipient had enough."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from domain.outbox.model import Hold, MessageState, Suppression, SuppressionScope
from domain.outbox.quiet import quiet_until
from domain.outbox.shaping import Shaping

DAY = timedelta(hours=24)

_SOONEST_AGAIN = timedelta(minutes=10)
"""A message over the cap asks again no sooner, so that a heap of them is not asked all the time."""


class Waiting(NamedTuple):
    """A message that is due, as far as the gate looks at it. Not checked: it comes from our own
    rows, and there are very many."""

    id: int
    owner: str
    kind: str
    subject: str
    party: int | None
    state: str
    priority: int
    folded_recipient: str
    domain: str
    expires_at: datetime | None
    zone: str | None
    quiet: bool
    optional: bool
    paced_at: datetime | None
    held_because: str | None
    digest: str | None
    resends: int


class Stop(NamedTuple):
    """A message does not go: the state it goes to instead, why, in words for people, and for
    `held` until when and because of what."""

    state: MessageState
    detail: str
    because: Hold | None = None
    until: datetime | None = None


class Ration(NamedTuple):
    """What a recipient had in the last day, and how many more are under way or may have arrived.
    `newest` are the instants of the last of them, newest first; needed only at the cap."""

    had: int = 0
    under_way: int = 0
    newest: Sequence[datetime] = ()

    def one_more(self) -> "Ration":
        return self._replace(under_way=self.under_way + 1)


def look_at(
    message: Waiting,
    suppressions: Sequence[Suppression],
    ration: Ration | None,
    shaping: Shaping,
    now: datetime,
) -> Stop | None:
    """Why `message` must not go now, or None. `suppressions` are those in force for its owner and
    recipient. What ends it for good comes first, so that nothing is held in vain.

    What may have arrived already is not said to have been kept back: the copy does not go, and of
    the one before it nobody knows (`uncertain`).

    `ration` None: it is to become a part of a digest, and only the whole is one more mail.
    """
    unwanted = _unwanted(message, suppressions, now)
    if unwanted is not None:
        return unwanted._replace(state=MessageState.UNCERTAIN) if message.resends else unwanted
    night = _in_the_night(message, shaping, now)
    if night is not None or ration is None:
        return night
    return _over_the_cap(ration, shaping, now)


def _unwanted(message: Waiting, suppressions: Sequence[Suppression], now: datetime) -> Stop | None:
    if message.expires_at is not None and message.expires_at <= now:
        return Stop(MessageState.EXPIRED, f"Not wanted any more since {_words(message.expires_at)}")
    for one in suppressions:
        if one.scope is SuppressionScope.ALL or message.optional:
            return Stop(MessageState.SUPPRESSED, _suppressed(one))
    return None


def _suppressed(one: Suppression) -> str:
    which = "mail" if one.scope is SuppressionScope.ALL else "optional mail"
    return f"Its address takes no {which}: {one.reason.value} on {one.created_at:%Y-%m-%d}"


def _in_the_night(message: Waiting, shaping: Shaping, now: datetime) -> Stop | None:
    if not message.quiet or shaping.quiet_hours is None:
        return None
    until = quiet_until(shaping.quiet_hours, message.zone, now)
    if until is None:
        return None
    words = f"Quiet hours in {message.zone} until {_words(until)}"
    return Stop(MessageState.HELD, words, Hold.QUIET_HOURS, until)


def _over_the_cap(ration: Ration, shaping: Shaping, now: datetime) -> Stop | None:
    """Held until so many of the day's mails are a day old that there is room for one more."""
    cap = shaping.recipient_cap
    if not cap or ration.had + ration.under_way < cap:
        return None
    leaving = cap - ration.under_way - 1
    frees_at = ration.newest[leaving] + DAY if 0 <= leaving < len(ration.newest) else now
    until = max(frees_at, now + _SOONEST_AGAIN)
    words = f"Its recipient has had {cap} mails in a day; held until {_words(until)}"
    return Stop(MessageState.HELD, words, Hold.RECIPIENT_CAP, until)


def _words(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
