"""People are edited once per command; two of them never share an address."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from adapters.db import journal
from adapters.db.database import Database
from adapters.db.people import SqlPeople
from adapters.db.schema import commands, idempotency_keys
from domain.commands import Command, CommandState, Submission, fingerprint
from domain.errors import BadInput, KeyReused, NotFound, Refused
from domain.people import rules
from domain.people.model import Person
from domain.people.requests import PeopleFilter
from domain.people.rules import Change, Edit

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)


def submitted(kind: str, key: str | None = None, owner: str = "main", **body: str) -> Submission:
    return Submission(
        id=uuid.uuid4().hex,
        owner=owner,
        kind=kind,
        route=f"POST /{kind}",
        key=key or uuid.uuid4().hex,
        fingerprint=fingerprint(body),
        data=dict(body),
        at=NOW,
    )


async def added(
    database: Database,
    id: str,
    name: str = "Ada Moreira",
    address: str = "ada@example.org",
    *,
    owner: str = "main",
    key: str | None = None,
) -> tuple[Command, bool]:
    order = submitted("people", key, owner, name=name, address=address)
    change = rules.add(id, owner, name, address, "Europe/Lisbon", NOW)
    return await SqlPeople(database).add(order, change)


def renaming(name: str) -> Edit:
    def edit(person: Person, at: datetime) -> Change:
        return rules.rename(person, name, at)

    return edit


def readdressing(address: str) -> Edit:
    def edit(person: Person, at: datetime) -> Change:
        return rules.correct_address(person, address, at)

    return edit


async def test_adding_is_one_person_one_event_one_command(database: Database) -> None:
    command, replayed = await added(database, "p1")

    person = await SqlPeople(database).get("main", "p1")
    events = await database.read(lambda c: journal.read_stream(c, "person/p1"))
    assert (command.state, replayed) == (CommandState.SUCCEEDED, False)
    assert (person.name, person.version, person.created_at) == ("Ada Moreira", 1, NOW)
    assert [(each.type, each.version) for each in events] == [("PersonAdded", 1)]
    assert events[0].command == command.id


async def test_the_same_key_adds_once(database: Database) -> None:
    first, _ = await added(database, "p1", key="k")
    second, replayed = await added(database, "p2", key="k")

    assert replayed
    assert second == first
    with pytest.raises(NotFound):
        await SqlPeople(database).get("main", "p2")


async def test_requests_racing_with_one_key_add_once(database: Database) -> None:
    answers = await asyncio.gather(*(added(database, f"p{n}", key="k") for n in range(8)))

    assert len({command.id for command, _ in answers}) == 1
    assert sorted(replayed for _, replayed in answers) == [False] + [True] * 7
    assert len(await SqlPeople(database).search(PeopleFilter(owner="main"))) == 1


async def test_the_same_key_with_another_body_is_refused(database: Database) -> None:
    await added(database, "p1", key="k")

    with pytest.raises(KeyReused):
        await added(database, "p2", "Ben Okafor", "ben@example.com", key="k")


async def test_an_address_stands_in_a_book_once_whatever_its_case(database: Database) -> None:
    await added(database, "p1", key="one")

    refused, _ = await added(database, "p2", "Imposter", "ADA@example.org", key="two")
    repeated, replayed = await added(database, "p3", "Imposter", "ADA@example.org", key="two")
    elsewhere, _ = await added(database, "p4", owner="other")

    assert refused.state is CommandState.REFUSED
    assert refused.outcome is not None
    assert refused.outcome.code == "address-taken"
    assert (repeated, replayed) == (refused, True)
    assert elsewhere.state is CommandState.SUCCEEDED


async def test_two_people_racing_for_one_address_do_not_share_it(database: Database) -> None:
    answers = await asyncio.gather(*(added(database, f"p{n}", f"Ada {n}") for n in range(8)))

    states = sorted(command.state for command, _ in answers)
    assert states == [CommandState.REFUSED] * 7 + [CommandState.SUCCEEDED]


async def test_people_moving_to_one_address_at_once_do_not_share_it(database: Database) -> None:
    store = SqlPeople(database)
    for n in range(6):
        await added(database, f"p{n}", address=f"p{n}@example.org")

    def wanting(n: int) -> Submission:
        return submitted("correct", address=f"same@example.org {n}")

    edits = [store.edit(wanting(n), f"p{n}", readdressing("same@example.org")) for n in range(6)]
    answers = await asyncio.gather(*edits)

    states = sorted(command.state for command, _ in answers)
    assert states == [CommandState.REFUSED] * 5 + [CommandState.SUCCEEDED]


async def test_an_edit_is_one_event_and_the_next_version(database: Database) -> None:
    store = SqlPeople(database)
    await added(database, "p1")
    order = submitted("rename", name="Ada Okafor")

    command, _ = await store.edit(order, "p1", renaming("Ada Okafor"))
    repeated, replayed = await store.edit(order, "p1", renaming("Ada Okafor"))

    person = await store.get("main", "p1")
    assert (person.name, person.version) == ("Ada Okafor", 2)
    assert command.outcome is not None
    assert command.outcome.version == 2
    assert (repeated, replayed) == (command, True)


async def test_edits_at_once_all_count(database: Database) -> None:
    store = SqlPeople(database)
    await added(database, "p1")

    edits = [store.edit(submitted("rename"), "p1", renaming(f"Ada {n}")) for n in range(8)]
    await asyncio.gather(*edits)

    person = await store.get("main", "p1")
    events = await database.read(lambda c: journal.read_stream(c, "person/p1"))
    assert person.version == 9
    assert [event.version for event in events] == list(range(1, 10))


async def test_an_edit_that_changes_nothing_succeeds_without_an_event(database: Database) -> None:
    await added(database, "p1")

    command, _ = await SqlPeople(database).edit(submitted("rename"), "p1", renaming("Ada Moreira"))

    events = await database.read(lambda c: journal.read_stream(c, "person/p1"))
    assert command.state is CommandState.SUCCEEDED
    assert len(events) == 1


async def test_somebody_may_take_an_address_that_was_given_up(database: Database) -> None:
    store = SqlPeople(database)
    await added(database, "p1")
    await store.edit(submitted("correct"), "p1", readdressing("new@example.org"))

    command, _ = await added(database, "p2")

    assert command.state is CommandState.SUCCEEDED


async def test_a_check_that_refuses_leaves_the_key_free(database: Database) -> None:
    store = SqlPeople(database)
    await added(database, "p1")
    order = submitted("rename", key="k")

    def refuse(person: Person, at: datetime) -> Change:
        raise Refused("Not at this version.")

    with pytest.raises(Refused):
        await store.edit(order, "p1", refuse)

    _, replayed = await store.edit(order, "p1", renaming("Ada Okafor"))
    assert not replayed


async def test_names_and_addresses_stand_in_the_row_and_nowhere_else(database: Database) -> None:
    await added(database, "p1")
    await SqlPeople(database).edit(
        submitted("rename", name="Ada Okafor"), "p1", renaming("Ada Okafor")
    )

    def everything_else(c: sa.Connection) -> str:
        rows = [c.execute(sa.select(table)).all() for table in (commands, idempotency_keys)]
        return str(rows) + str(journal.read_after(c, 0))

    told = await database.read(everything_else)

    assert not any(word in told for word in ("Ada", "Moreira", "Okafor", "example.org", "Lisbon"))


async def test_people_of_another_owner_are_not_there(database: Database) -> None:
    store = SqlPeople(database)
    await added(database, "p1")

    with pytest.raises(NotFound):
        await store.get("other", "p1")
    with pytest.raises(NotFound):
        await store.edit(submitted("rename", owner="other"), "p1", renaming("Mallory"))

    assert await store.search(PeopleFilter(owner="other")) == []


async def book(database: Database) -> Callable[..., Awaitable[list[str]]]:
    """Five people, and a way to ask for the ids of those that fit."""
    for n, name in enumerate(["Ada Moreira", "Ben_Okafor", "Ben Okafor", "Carla 100%", "Dora"]):
        await added(database, f"p{n}", name, f"{'abcde'[n]}@example.org")

    async def ids(**wanted: object) -> list[str]:
        asked = PeopleFilter.model_validate({"owner": "main", **wanted})
        return [person.id for person in await SqlPeople(database).search(asked)]

    return ids


async def test_the_book_is_filtered_and_paged_by_address(database: Database) -> None:
    ids = await book(database)

    assert await ids() == ["p0", "p1", "p2", "p3", "p4"]
    assert await ids(limit=2) == ["p0", "p1"]
    assert await ids(limit=2, after="p1") == ["p2", "p3"]
    assert await ids(address="C@example.org") == ["p2"]
    assert await ids(name="okafor") == ["p1", "p2"]


@pytest.mark.parametrize(("name", "found"), [("Ben_", ["p1"]), ("0%", ["p3"]), ("%", ["p3"])])
async def test_a_searched_name_is_no_pattern(
    database: Database, name: str, found: list[str]
) -> None:
    ids = await book(database)

    assert await ids(name=name) == found


async def test_a_page_after_nobody_says_so(database: Database) -> None:
    with pytest.raises(BadInput) as refusal:
        await SqlPeople(database).search(PeopleFilter(owner="main", after="nobody"))

    assert refusal.value.field == "after"


async def test_times_come_back_as_they_went_in(database: Database) -> None:
    await added(database, "p1")
    later = NOW + timedelta(microseconds=1)
    order = submitted("rename").model_copy(update={"at": later})

    await SqlPeople(database).edit(order, "p1", renaming("Ada Okafor"))

    person = await SqlPeople(database).get("main", "p1")
    assert (person.created_at, person.updated_at) == (NOW, later)
