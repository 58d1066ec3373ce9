"""Mail that came back: whether a reading says so, and in which codes and words."""

from domain.inbox.model import Reading, Verdict


def is_returned(reading: Reading) -> bool:
    """Whether what came to a bounce address says that a mail came back. Nothing but machines
    should know such an address, so there the words of a bounce are enough."""
    unsure = reading.verdict in (Verdict.NOTE, Verdict.AUTOMATIC)
    return reading.verdict is Verdict.BOUNCE or (unsure and reading.resembles_bounce)


def failure_in(reading: Reading) -> tuple[str | None, str]:
    """The code that a bounce gives (RFC 3463), None without one, and the words around it: those
    of the other server where the report repeats them, else its own."""
    if reading.delivery is None:
        return None, reading.text
    return reading.delivery.status, reading.delivery.diagnostic or reading.text
