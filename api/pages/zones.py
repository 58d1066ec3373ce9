"""Time zones to choose from: the places people name, without historical leftovers."""

from functools import cache
from zoneinfo import available_timezones

_PLACES = (
    "Africa/",
    "America/",
    "Asia/",
    "Atlantic/",
    "Australia/",
    "Europe/",
    "Indian/",
    "Pacific/",
)


@cache
def suggested_zones() -> tuple[str, ...]:
    """Names to suggest while somebody types; any other name of the database is taken as well."""
    places = (name for name in available_timezones() if name.startswith(_PLACES))
    return ("UTC", *sorted(places))
