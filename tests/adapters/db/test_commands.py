"""Commands: one per idempotency key, finished once."""

import asyncio
from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from adapters.db import commands
from adapters.db.database import Database
from domain.commands import Command, CommandState, Outcome
from domain.errors import KeyReused, NotFound
from tests.adapters.db.orders import NOW

DONE = Outcome(code="done", detail="It is done.", version=3)


def accept(
    c: sa.Connection, id: str, key: str | None = "key", fingerprint: str = "body"
) -> tuple[Command, bool]:
    return commands.accept(
        c,
        id=id,
        owner="main",
        kind="meetings.request",
        stream="meeting/1",
        data={"title": "Ä"},
        at=NOW,
        idempotency=None if key is None else ("main", "POST /meetings", key, fingerprint),
    )


async def test_a_retry_gets_the_first_command(database: Database) -> None:
    first, was_there = await database.write(lambda c: accept(c, "one"))
    again, is_replay = await database.write(lambda c: accept(c, "two"))

    assert (was_there, is_replay) == (False, True)
    assert again == first
    with pytest.raises(NotFound):
        await database.read(lambda c: commands.get(c, "two", "main"))


async def test_racing_retries_agree_on_one_command(database: Database) -> None:
    answers = await asyncio.gather(*(database.write(partial(accept, id=f"{n}")) for n in range(12)))

    assert len({command.id for command, _ in answers}) == 1
    assert sorted(replayed for _, replayed in answers) == [False] + [True] * 11


async def test_a_key_with_another_body_is_refused(database: Database) -> None:
    await database.write(lambda c: accept(c, "one"))

    with pytest.raises(KeyReused):
        await database.write(lambda c: accept(c, "two", fingerprint="another"))


async def test_a_refused_command_frees_its_key(database: Database) -> None:
    def refuse(c: sa.Connection) -> None:
        accept(c, "one")
        raise LookupError("refused")

    with pytest.raises(LookupError):
        await database.write(refuse)

    _, replayed = await database.write(lambda c: accept(c, "two", fingerprint="corrected"))
    assert not replayed


async def test_commands_without_a_key_are_all_new(database: Database) -> None:
    for id in ("one", "two"):
        _, replayed = await database.write(partial(accept, id=id, key=None))
        assert not replayed


async def test_the_first_ending_of_a_command_stays(database: Database) -> None:
    await database.write(lambda c: accept(c, "one"))
    refused = Outcome(code="too-late")

    await database.write(lambda c: commands.finish(c, "one", CommandState.SUCCEEDED, DONE, NOW))
    await database.write(lambda c: commands.finish(c, "one", CommandState.REFUSED, refused, NOW))

    kept = await database.read(lambda c: commands.get(c, "one", "main"))
    assert (kept.state, kept.outcome, kept.finished_at) == (CommandState.SUCCEEDED, DONE, NOW)
    assert kept.data == {"title": "Ä"}


async def test_another_owners_command_is_not_there(database: Database) -> None:
    await database.write(lambda c: accept(c, "one"))

    with pytest.raises(NotFound):
        await database.read(lambda c: commands.get(c, "one", "other"))


async def test_keys_are_forgotten_and_commands_kept(database: Database) -> None:
    await database.write(lambda c: accept(c, "one"))

    forgotten = await database.write(
        lambda c: commands.forget_keys(c, before=NOW + timedelta(days=1))
    )

    assert forgotten == 1
    _, replayed = await database.write(lambda c: accept(c, "two", fingerprint="another"))
    assert not replayed
    assert (await database.read(lambda c: commands.get(c, "one", "main"))).id == "one"
