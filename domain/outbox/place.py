"""Where mail may leave from: one place for each database, so that a copy of it sends nothing."""

from domain.values import Frozen, Instant


class Place(Frozen):
    """Where a database sends from, since when, and where this process is. `because` says why
    nothing leaves from here; None when mail does."""

    place: str | None
    placed_at: Instant | None
    here: str
    because: str | None


def why_held(place: str | None, here: str, *, hold_all: bool) -> str | None:
    """Why no mail leaves from `here`, in words for an operator; None when it does."""
    if hold_all:
        return "PARLEY_HOLD_ALL is set: nothing leaves."
    if place in (None, here):
        return None
    return (
        f"This database sends from {place}, and this is {here}: it looks like a copy, so nothing "
        "leaves. If mail is to leave from here from now on, and from nowhere else: parley adopt."
    )
