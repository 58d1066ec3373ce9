"""How fast, and how much, mail leaves: what the settings say, as the gate and lanes ask for it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple, TypeVar

from domain.outbox.quiet import QuietHours
from domain.values import Frozen

Number = TypeVar("Number", int, float)

_SLOWEST = 24 * 3600.0  # seconds between two messages; a slower rate means none at all

OTHERS = "*"
"""Stands for every domain that is not named."""


class Passage(NamedTuple):
    """A lane that a message goes through, which lets one pass in every `interval`; None: as many
    as come, unless the lane backs off."""

    lane: str
    interval: timedelta | None


class Shaping(Frozen):
    """Limits on what leaves; 0, None and what is not named mean no limit.

    Rates are mails a second. `rates_to` and `connections_to` go by the recipient's domain, or
    `OTHERS`; `rates_of` by kind, or its beginning up to a dot. `recipient_cap` is for one address
    in a day.
    """

    rate: float = 0
    rates_to: Mapping[str, float] = {}
    rates_of: Mapping[str, float] = {}
    connections_to: Mapping[str, int] = {}
    recipient_cap: int = 0
    quiet_hours: QuietHours | None = None

    def passages(self, kind: str, domain: str) -> tuple[Passage, ...]:
        """The lanes of a message: that of its domain always, since any domain may ask for less."""
        found = [Passage(domain_lane(domain), _interval(_named(self.rates_to, domain)))]
        family = _family(kind, self.rates_of)
        if family is not None:
            found.append(Passage(f"kind/{family}", _interval(self.rates_of[family])))
        if self.rate:
            found.append(Passage("all", _interval(self.rate)))
        return tuple(found)

    def connections_at_once(self, domain: str) -> int | None:
        """How many connections of one dispatcher may carry mail to `domain`; None: all."""
        return _named(self.connections_to, domain) or None


def domain_lane(domain: str) -> str:
    return f"domain/{domain}"


def _named(limits: Mapping[str, Number], domain: str) -> Number | None:
    return limits.get(domain, limits.get(OTHERS))


def _interval(rate: float | None) -> timedelta | None:
    return timedelta(seconds=min(1 / rate, _SLOWEST)) if rate else None


def _family(kind: str, rates: Mapping[str, float]) -> str | None:
    """The longest name among the `rates` that is `kind`, or its beginning up to a dot."""
    if not rates:
        return None
    parts = kind.split(".")
    names = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((name for name in names if name in rates), None)
