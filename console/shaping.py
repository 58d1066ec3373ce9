"""How fast, and how much, mail leaves: what the settings say, checked at the start."""

from collections.abc import Mapping

from domain.errors import BadInput
from domain.outbox.quiet import read_quiet_hours
from domain.outbox.shaping import Number, Shaping
from settings import Settings


def shaping_of(settings: Settings) -> Shaping:
    """The limits that the settings name. Raises `BadInput`, naming the setting, for those that
    cannot be meant."""
    s = settings
    try:
        quiet = read_quiet_hours(s.quiet_hours)
    except BadInput as refusal:
        raise _refused("QUIET_HOURS", str(refusal)) from refusal
    return Shaping(
        rate=s.mails_per_second,
        rates_to=_by_domain("MAILS_PER_SECOND_TO", s.mails_per_second_to),
        rates_of=_checked("MAILS_PER_SECOND_OF", s.mails_per_second_of),
        connections_to=_by_domain("CONNECTIONS_TO", s.connections_to),
        recipient_cap=s.recipient_cap,
        quiet_hours=quiet,
    )


def _by_domain(setting: str, limits: Mapping[str, Number]) -> dict[str, Number]:
    return {domain.lower(): limit for domain, limit in _checked(setting, limits).items()}


def _checked(setting: str, limits: Mapping[str, Number]) -> Mapping[str, Number]:
    """0 means no limit, as everywhere."""
    for name, limit in limits.items():
        if not name.strip() or not 0 <= limit < float("inf"):
            raise _refused(setting, f"{name!r}: {limit} is no limit; write a number from 0 up.")
    return limits


def _refused(setting: str, said: str) -> BadInput:
    return BadInput(f"PARLEY_{setting}: {said}", field=f"PARLEY_{setting}")
