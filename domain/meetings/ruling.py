"""What came of an input, in the words its sender may be told."""

from typing import NamedTuple

from domain.meetings.messages import Effect


class Ruling(NamedTuple):
    """The effect of an input, a stable code, and a sentence that explains it."""

    effect: Effect
    code: str
    detail: str


def applied(code: str, detail: str = "") -> Ruling:
    return Ruling(Effect.APPLIED, code, detail)


def refused(code: str, detail: str) -> Ruling:
    return Ruling(Effect.REFUSED, code, detail)
