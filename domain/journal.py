"""The journal: every fact that happened, in order, never edited.

A stream is one life (`meeting/7f3a…`); its versions count from 1 without a gap. A position
orders the whole journal as it was committed, so a reader that remembers the last position it
saw misses nothing and sees nothing twice.
"""

from typing import Any

from domain.values import Frozen, Instant


class NewEvent(Frozen):
    """A fact about to be appended: a frozen type name and its data, without personal data."""

    type: str
    data: dict[str, Any]


class JournalEvent(Frozen):
    """A fact as the journal keeps it.

    `at` is when it was decided; `command` names the command that asked for it and `because`
    the input or timer that led to it, where there was one.
    """

    position: int
    owner: str
    stream: str
    version: int
    type: str
    data: dict[str, Any]
    at: Instant
    command: str | None = None
    because: str | None = None
