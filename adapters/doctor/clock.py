"""Whether this machine's clock can be trusted: deadlines and mail dates are taken from it."""

import ctypes
import sys
from datetime import UTC, datetime
from zoneinfo import available_timezones

from adapters.doctor.finding import Finding, fault, fine, skipped, warning

_BUILT_AFTER = datetime(2026, 1, 1, tzinfo=UTC)
_TIMEX_SIZE = 512  # larger than struct timex on any architecture
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised


def check_clock(now: datetime) -> list[Finding]:
    """The clock and the time zone database. `now` is aware UTC."""
    return [_plausible(now) if now < _BUILT_AFTER else _synchronised(), _zones()]


def _plausible(now: datetime) -> Finding:
    return fault("clock", f"It says {now:%Y-%m-%d}, which is past.", "Set the clock; use NTP.")


def _synchronised() -> Finding:
    state = _kernel_state()
    if state is None:
        return skipped("clock", "This system does not tell whether its clock is synchronised.")
    if state == _TIME_ERROR:
        advice = "Run an NTP client (systemd-timesyncd, chrony); skip this inside a container."
        return warning("clock", "The kernel says that nothing synchronises the clock.", advice)
    return fine("clock", "Synchronised.")


def _kernel_state() -> int | None:
    if sys.platform != "linux":
        return None
    state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_SIZE))
    return None if state < 0 else state


def _zones() -> Finding:
    count = len(available_timezones())
    if count < 400:
        return fault("time zones", f"Only {count} are known.", "Install the package tzdata.")
    return fine("time zones", f"{count} are known.")
