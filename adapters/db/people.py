"""An owner's book of people: one command, one event, one row, in one transaction.

A refusal that the rules can foresee (an address that is taken) is the recorded outcome of its
command, so a repeated request gets the same answer.
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from adapters.db import commands, journal
from adapters.db.database import Database
from adapters.db.faults import TryAgain
from adapters.db.schema import people
from domain.commands import Command, CommandState, Outcome, Submission
from domain.errors import BadInput, NotFound
from domain.people.events import stream_of
from domain.people.model import Person
from domain.people.requests import PeopleFilter
from domain.people.rules import AddressTaken, Change, Edit

_INSERT = sa.insert(people)
_OWNED = (
    sa.select(people)
    .where(people.c.id == sa.bindparam("person"))
    .where(people.c.owner == sa.bindparam("owner"))
)
_LOCKED = _OWNED.with_for_update()
_HOLDER = (
    sa.select(people.c.id)
    .where(people.c.owner == sa.bindparam("owner"))
    .where(people.c.folded_address == sa.bindparam("folded"))
)
_UPDATE = (
    sa.update(people)
    .where(people.c.id == sa.bindparam("person"))
    .values(
        name=sa.bindparam("new_name"),
        address=sa.bindparam("new_address"),
        folded_address=sa.bindparam("folded"),
        zone=sa.bindparam("new_zone"),
        version=sa.bindparam("new_version"),
        updated_at=sa.bindparam("at"),
    )
)


def get(c: sa.Connection, owner: str, person_id: str) -> Person:
    """Raises `NotFound`, also for another owner's person."""
    return _found(c, _OWNED, owner, person_id)


def search(c: sa.Connection, wanted: PeopleFilter) -> list[Person]:
    """The owner's people that fit, in order of their addresses.

    Raises `BadInput` when `wanted.after` is nobody of the owner's.
    """
    query = sa.select(people).where(people.c.owner == wanted.owner)
    if wanted.address is not None:
        query = query.where(people.c.folded_address == wanted.address.casefold())
    if wanted.name is not None:
        query = query.where(people.c.name.icontains(wanted.name, autoescape=True))
    if wanted.after is not None:
        query = query.where(people.c.folded_address > _place_of(c, wanted.owner, wanted.after))
    query = query.order_by(people.c.folded_address).limit(wanted.limit)
    return [_person(row) for row in c.execute(query)]


def _place_of(c: sa.Connection, owner: str, person_id: str) -> str:
    """Where a page goes on. The cursor is an id, so that no address stands in a URL."""
    row = c.execute(_OWNED, {"person": person_id, "owner": owner}).one_or_none()
    if row is None:
        raise BadInput("This page is no longer there; start from the first.", field="after")
    return str(row.folded_address)


def add(c: sa.Connection, submission: Submission, change: Change) -> tuple[Command, bool]:
    """Carry out the command that adds `change.person`; gives it and whether it is a replay.

    Raises `KeyReused`.
    """
    stream = stream_of(change.person.id)
    return _carry_out(c, submission, stream, lambda: _insert(c, submission, change))


def edit(
    c: sa.Connection, submission: Submission, person_id: str, change: Edit
) -> tuple[Command, bool]:
    """Carry out the command that edits a person; gives it and whether it is a replay.

    Raises `NotFound`, `KeyReused`, and what `change` raises, with nothing recorded.
    """
    get(c, submission.owner, person_id)

    def apply() -> int:
        person = _found(c, _LOCKED, submission.owner, person_id)
        return _update(c, submission, change(person, submission.at))

    return _carry_out(c, submission, stream_of(person_id), apply)


def _carry_out(
    c: sa.Connection, submission: Submission, stream: str, apply: Callable[[], int]
) -> tuple[Command, bool]:
    command, replayed = commands.accept(
        c,
        id=submission.id,
        owner=submission.owner,
        kind=submission.kind,
        stream=stream,
        data={"fields": sorted(submission.data)},  # the values are personal and stand in the row
        at=submission.at,
        idempotency=submission.idempotency,
    )
    if replayed:
        return command, True
    state, outcome = _decided(apply)
    commands.finish(c, command.id, state, outcome, submission.at)
    return commands.get(c, command.id, submission.owner), False


def _decided(apply: Callable[[], int]) -> tuple[CommandState, Outcome]:
    try:
        version = apply()
    except AddressTaken as refusal:
        return CommandState.REFUSED, Outcome(code=refusal.code, detail=str(refusal))
    except exc.IntegrityError as race:
        raise TryAgain from race  # somebody took the address meanwhile; a new look will see it
    return CommandState.SUCCEEDED, Outcome(code="done", version=version)


def _insert(c: sa.Connection, submission: Submission, change: Change) -> int:
    _need_free_address(c, change.person)
    person = change.person
    c.execute(_INSERT, person.model_dump() | {"folded_address": person.address.casefold()})
    _append(c, submission, change)
    return person.version


def _update(c: sa.Connection, submission: Submission, change: Change) -> int:
    person = change.person
    if change.event is None:
        return person.version
    _need_free_address(c, person)
    c.execute(
        _UPDATE,
        {
            "person": person.id,
            "new_name": person.name,
            "new_address": person.address,
            "folded": person.address.casefold(),
            "new_zone": person.zone,
            "new_version": person.version,
            "at": person.updated_at,
        },
    )
    _append(c, submission, change)
    return person.version


def _append(c: sa.Connection, submission: Submission, change: Change) -> None:
    assert change.event is not None
    journal.append(
        c,
        owner=change.person.owner,
        stream=stream_of(change.person.id),
        expected_version=change.person.version - 1,
        events=[change.event],
        at=submission.at,
        command=submission.id,
    )


def _need_free_address(c: sa.Connection, person: Person) -> None:
    asked = {"owner": person.owner, "folded": person.address.casefold()}
    holder = c.execute(_HOLDER, asked).scalar()
    if holder is not None and holder != person.id:
        raise AddressTaken


def _found(c: sa.Connection, query: sa.Select[Any], owner: str, person_id: str) -> Person:
    row = c.execute(query, {"person": person_id, "owner": owner}).one_or_none()
    if row is None:
        raise NotFound("There is no such person in your book.")
    return _person(row)


def _person(row: sa.Row[Any]) -> Person:
    known = row._mapping
    return Person.model_validate({name: known[name] for name in Person.model_fields})


class SqlPeople:
    """The people of a database, as the API needs them. Everything of another owner is
    `NotFound`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, submission: Submission, change: Change) -> tuple[Command, bool]:
        """See `add`. Raises `KeyReused`."""
        return await self._database.write(lambda c: add(c, submission, change))

    async def edit(
        self, submission: Submission, person_id: str, change: Edit
    ) -> tuple[Command, bool]:
        """See `edit`. Raises `NotFound`, `KeyReused`, and what `change` raises."""
        return await self._database.write(lambda c: edit(c, submission, person_id, change))

    async def get(self, owner: str, person_id: str) -> Person:
        """Raises `NotFound`."""
        return await self._database.read(lambda c: get(c, owner, person_id))

    async def search(self, wanted: PeopleFilter) -> list[Person]:
        """Raises `BadInput`."""
        return await self._database.read(lambda c: search(c, wanted))
