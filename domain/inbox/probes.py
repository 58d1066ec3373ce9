"""Probes: mails the doctor sends to itself, to see that what leaves also comes back in."""

from domain.values import Frozen, Instant

STREAM = "doctor"
"""Probes have streams of their own, `doctor/<id>`, which no saga takes."""


def stream_of(probe: str) -> str:
    return f"{STREAM}/{probe}"


class Probe(Frozen):
    """An address that one probe may come to, and whether it came: when, and by which way in."""

    id: str
    address: str
    arrived_at: Instant | None = None
    source: str | None = None
