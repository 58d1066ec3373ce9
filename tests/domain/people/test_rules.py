"""People are edited by what happened to them, and the journal learns nothing personal."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from domain.people.model import Person
from domain.people.rules import Change, add, correct_address, move, rename

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


def ada() -> Person:
    return add("p1", "main", "Ada Moreira", "ada@example.org", "Europe/Lisbon", NOW).person


def test_a_person_begins_at_version_one() -> None:
    change = add("p1", "main", "Ada Moreira", "ada@example.org", "Europe/Lisbon", NOW)

    assert change.person.version == 1
    assert change.person.created_at == change.person.updated_at == NOW
    assert change.event is not None
    assert change.event.type == "PersonAdded"


@pytest.mark.parametrize(
    ("edit", "field", "value", "type"),
    [
        (rename, "name", "Ada Okafor", "PersonRenamed"),
        (correct_address, "address", "ada@example.net", "AddressCorrected"),
        (move, "zone", "Africa/Lagos", "PersonMoved"),
    ],
)
def test_an_edit_changes_one_field_and_says_which(
    edit: Callable[[Person, str, datetime], Change], field: str, value: str, type: str
) -> None:
    change = edit(ada(), value, LATER)

    expected = ada().model_copy(update={field: value, "version": 2, "updated_at": LATER})
    assert change.person == expected
    assert change.event is not None
    assert (change.event.type, change.event.data) == (type, {"fields": [field]})


def test_no_event_holds_a_name_an_address_or_a_zone() -> None:
    changes = [
        add("p1", "main", "Ada Moreira", "ada@example.org", "Europe/Lisbon", NOW),
        rename(ada(), "Ada Okafor", LATER),
        correct_address(ada(), "ada@example.net", LATER),
        move(ada(), "Africa/Lagos", LATER),
    ]

    told = " ".join(change.event.model_dump_json() for change in changes if change.event)

    assert not any(word in told for word in ("Ada", "Moreira", "example", "Lisbon", "Lagos"))


def test_an_edit_that_changes_nothing_is_no_event() -> None:
    change = rename(ada(), "Ada Moreira", LATER)

    assert change == Change(ada(), None)
