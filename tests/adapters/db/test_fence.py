"""A copy of a database sends nothing until a person says that it may."""

import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

from adapters.db.database import Database
from adapters.db.fence import Fence, place_of, reached_at
from adapters.db.opening import migrate, open_database
from adapters.db.schema import installation
from domain.outbox.place import why_held
from settings import Settings
from tests.adapters.outbox_rows import NOON
from tests.postgres import PostgresServer, find_binaries


async def test_the_first_place_is_the_one_that_sends(database: Database) -> None:
    here, there = Fence(database, "here"), Fence(database, "there")

    await here.settle(NOON)
    await there.settle(NOON)

    assert await here.may_send() is None
    refusal = await there.may_send()
    assert refusal is not None
    assert "sends from here, and this is there" in refusal
    assert "parley adopt" in refusal


async def test_adopting_moves_the_right_to_send(database: Database) -> None:
    ticks = [0.0]
    here = Fence(database, "here", ticks=lambda: ticks[0])
    there = Fence(database, "there", ticks=lambda: ticks[0])
    await here.settle(NOON)
    assert await here.may_send() is None

    found = await there.adopt(NOON)

    assert (found.place, found.because) == ("there", None)
    assert await there.may_send() is None
    ticks[0] = 6.0  # an answer is good for some seconds
    assert await here.may_send() is not None


async def test_a_copied_file_finds_itself_at_another_place(tmp_path: Path, sqlite_url: str) -> None:
    original = Settings(data_dir=tmp_path)
    database = open_database(sqlite_url)
    await Fence(database, place_of(original)).settle(NOON)
    await database.close()
    (tmp_path / "copy").mkdir()
    shutil.copy(tmp_path / "parley.db", tmp_path / "copy" / "parley.db")

    copy = Settings(data_dir=tmp_path / "copy")
    opened = open_database(copy.database)

    assert await Fence(opened, place_of(copy)).may_send() is not None
    assert await Fence(opened, place_of(original)).may_send() is None
    await opened.close()


async def test_a_restored_database_of_another_name_is_a_copy(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    database = open_database(postgres_url)
    await Fence(database, place_of(Settings(database_url=postgres_url))).settle(NOON)
    await database.close()
    original = sa.make_url(postgres_url).database
    assert original is not None
    name = postgres_server.create(template=original)

    copy = open_database(postgres_server.url(name))

    assert await Fence(copy, None).may_send() is not None
    await copy.close()
    postgres_server.drop(name)


@pytest.mark.usefixtures("postgres_server")  # which says so where it is not installed
async def test_a_restored_disk_of_the_server_is_a_copy() -> None:
    """It has the same identity; what it is reached by tells them apart."""
    binaries = find_binaries()
    assert binaries is not None
    original = PostgresServer(binaries)
    original.start()
    name = original.create()
    migrate(original.url(name))
    database = open_database(original.url(name))
    await Fence(database, None).settle(NOON)
    await database.close()
    original.stop()
    restored = PostgresServer(binaries, copied=original)
    original.start()
    restored.start()

    before, after = open_database(original.url(name)), open_database(restored.url(name))
    try:
        assert await Fence(before, None).may_send() is None
        assert "looks like a copy" in (await Fence(after, None).may_send() or "")
    finally:
        await before.close()
        await after.close()
        original.remove()
        restored.remove()


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://parley:secret@db.example.org:5433/parley", "db.example.org:5433"),
        ("postgresql://parley@db.example.org/parley", "db.example.org"),
        ("postgresql://parley@/parley?host=/run/postgresql&port=5433", "/run/postgresql:5433"),
        ("postgresql:///parley", "localhost"),
    ],
)
def test_what_a_server_is_reached_by_holds_no_secret(url: str, place: str) -> None:
    assert reached_at(sa.make_url(url)) == place


async def test_a_named_installation_may_move(tmp_path: Path) -> None:
    one = Settings(data_dir=tmp_path / "one", installation="shop")
    other = Settings(data_dir=tmp_path / "other", installation="shop")

    assert place_of(one) == place_of(other) == "shop"


@pytest.mark.parametrize("place", [None, "here", "there"])
def test_holding_all_holds_everywhere(place: str | None) -> None:
    assert "PARLEY_HOLD_ALL" in (why_held(place, "here", hold_all=True) or "")


async def test_a_server_whose_place_left_out_how_it_is_reached_goes_on_sending(
    postgres: Database,
) -> None:
    fence = Fence(postgres, None)
    await fence.settle(NOON)
    place = (await fence.look()).here.partition(" at ")[0]
    await postgres.write(lambda c: c.execute(sa.update(installation).values(place=place)))

    await Fence(postgres, "elsewhere").settle(NOON)
    assert (await fence.look()).because is not None
    await fence.settle(NOON)

    assert (await fence.look()).because is None
