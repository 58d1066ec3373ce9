"""What a check came to: a grade, a sentence, and what to do about it."""

from enum import StrEnum

from domain.values import Frozen


class Grade(StrEnum):
    FINE = "fine"
    SKIPPED = "skipped"  # could not be looked at from here
    WARNING = "warning"  # works, but not as it should
    FAULT = "fault"


class Finding(Frozen):
    """The outcome of one check. `advice` says what to do for a warning or a fault; `dialogue` is
    what was said to a mail server, line by line."""

    check: str
    grade: Grade
    said: str
    advice: str = ""
    dialogue: tuple[str, ...] = ()


def fine(check: str, said: str) -> Finding:
    return Finding(check=check, grade=Grade.FINE, said=said)


def skipped(check: str, said: str) -> Finding:
    return Finding(check=check, grade=Grade.SKIPPED, said=said)


def warning(check: str, said: str, advice: str) -> Finding:
    return Finding(check=check, grade=Grade.WARNING, said=said, advice=advice)


def fault(check: str, said: str, advice: str) -> Finding:
    return Finding(check=check, grade=Grade.FAULT, said=said, advice=advice)
