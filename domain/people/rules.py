"""Editing a person by what happened in the world: renamed, address corrected, moved.

Each rule takes the person as it is and gives the person as it then is, with the event; the
event is None when nothing would change, so a repeated command is harmless. Meetings already
asked for keep the names and addresses they were asked for with.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from domain.errors import Refused
from domain.journal import NewEvent
from domain.people.events import PersonEvent, changed
from domain.people.model import Person


class AddressTaken(Refused):
    """Another person of the same owner has this address."""

    code = "address-taken"

    def __init__(self) -> None:
        super().__init__(
            "Somebody in your book has this address; look them up with ?address=.",
            field="address",
        )


class Change(NamedTuple):
    """A person after a command, and the event it led to, if anything changed."""

    person: Person
    event: NewEvent | None


Edit = Callable[[Person, datetime], Change]
"""One edit, waiting for the person it is applied to and the instant (aware UTC)."""


def add(person_id: str, owner: str, name: str, address: str, zone: str, now: datetime) -> Change:
    """A new person at version 1."""
    person = Person(
        id=person_id,
        owner=owner,
        name=name,
        address=address,
        zone=zone,
        version=1,
        created_at=now,
        updated_at=now,
    )
    return Change(person, changed(PersonEvent.ADDED, "name", "address", "zone"))


def rename(person: Person, name: str, now: datetime) -> Change:
    """The person is called `name` from now on."""
    return _edit(person, PersonEvent.RENAMED, "name", name, now)


def correct_address(person: Person, address: str, now: datetime) -> Change:
    """The person is reached at `address`; the old one was wrong or is no longer theirs."""
    return _edit(person, PersonEvent.ADDRESS_CORRECTED, "address", address, now)


def move(person: Person, zone: str, now: datetime) -> Change:
    """The person lives in another time zone."""
    return _edit(person, PersonEvent.MOVED, "zone", zone, now)


def _edit(person: Person, type: PersonEvent, field: str, value: str, now: datetime) -> Change:
    if getattr(person, field) == value:
        return Change(person, None)
    news = {field: value, "version": person.version + 1, "updated_at": now}
    return Change(person.model_copy(update=news), changed(type, field))
