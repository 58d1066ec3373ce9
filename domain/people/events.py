"""What happened to a person in an owner's book.

The journal is never edited, so it holds no personal data: an event says which fields changed,
the row has the values. Type names and fields are frozen.
"""

from enum import StrEnum

from domain.journal import NewEvent


class PersonEvent(StrEnum):
    """Types of a person's events; each is also the outcome of a command."""

    ADDED = "PersonAdded"
    RENAMED = "PersonRenamed"
    ADDRESS_CORRECTED = "AddressCorrected"
    MOVED = "PersonMoved"


def stream_of(person_id: str) -> str:
    """The journal stream of a person."""
    return f"person/{person_id}"


def changed(type: PersonEvent, *fields: str) -> NewEvent:
    """The fact that `fields` have new values."""
    return NewEvent(type=type.value, data={"fields": list(fields)})
