"""What the workflow `Outbox` and its shares say to each other; on the wire, so nothing personal.

Fields are only added, with defaults.
"""

from enum import StrEnum

from pydantic import Field

from domain.values import Frozen, Instant

MOST_SHARES = 64


class Staffing(Frozen):
    """How many dispatchers are to run at once, by the settings of a process that started at
    `said_at`."""

    dispatchers: int = Field(ge=1, le=MOST_SHARES)
    said_at: Instant

    def or_newer(self, other: "Staffing") -> "Staffing":
        """Which of the two counts. The process that started last has read its settings last;
        of two that started together the one that wants more. So processes that disagree, as
        they do while a new setting is rolled out, come to the same end in whatever order and
        however often they are heard."""
        return max(self, other, key=lambda one: (one.said_at, one.dispatchers))


class Share(Frozen):
    """One of the dispatchers that run at once, by its number from 1."""

    number: int


class Progress(Frozen):
    """What a dispatcher has done since it began, as operators see it. Counts are of attempts:
    `deferred` were refused for now, `unknown` never had a reply to their final dot.

    `last_fault` says where in the conversation the relay failed us, and its code; never its
    words, which may quote addresses. `held_back` is why nothing leaves at present.
    """

    host: str
    process: int
    since: Instant
    accepted: int = 0
    deferred: int = 0
    refused: int = 0
    unknown: int = 0
    last_fault: str | None = None
    last_fault_at: Instant | None = None
    held_back: str | None = None


class Ending(StrEnum):
    """Why a dispatcher gave its share back."""

    MOVED = "moved"  # its worker drains
    CALLED_BACK = "called back"  # there are to be fewer, or Temporal could not be heard
    REPORTED = "reported"  # it ran for as long as one activity does


class Turn(Frozen):
    """One dispatcher's time with a share. `lost` is the last word of the one before it, where
    that one did not live to give the share back."""

    share: int
    ending: Ending
    progress: Progress
    lost: Progress | None = None


class Shift(Frozen):
    """Where the workflow begins: whom it follows, and the last turn of each share so far."""

    staffing: Staffing
    turns: tuple[Turn, ...] = ()
