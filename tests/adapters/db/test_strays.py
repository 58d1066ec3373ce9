"""Mail for an operator: what is kept can be given to the inbox, read again, or be done with."""

import asyncio

import pytest
import sqlalchemy as sa

from adapters.db import inputs
from adapters.db.database import Database
from adapters.db.schema import inbox as inbox_table
from adapters.db.strays import SqlStrays
from adapters.intake.accepting import Reception
from domain.errors import BadInput, NotFound, Refused
from domain.inbox.acceptance import Envelope, Source, Way
from domain.inbox.model import Verdict
from domain.inbox.quarantine import Custody, Forgotten, ReplaysMissing, StrayName, read_name
from tests.adapters.intake.letters import (
    ANA,
    DOMAIN,
    LATER,
    MAIL,
    STREAM,
    address,
    given_a_meeting,
    kept,
    mail_inputs,
    read,
    revoke,
)

IMAP = Source(way=Way.IMAP)


@pytest.fixture
async def strays(database: Database) -> SqlStrays:
    await given_a_meeting(database)
    return SqlStrays(database, DOMAIN)


async def quarantine(database: Database, recipient: str = "x@example.org") -> StrayName:
    envelope = Envelope(mail_from=ANA, recipients=(recipient,))
    await Reception(database, DOMAIN).accept(MAIL, envelope, IMAP)
    [stray] = await SqlStrays(database, DOMAIN).newest(Custody.KEPT, 10)
    return read_name(stray.id)


async def test_a_mail_for_nobody_is_given_to_whom_it_is_for(
    strays: SqlStrays, database: Database
) -> None:
    name = await quarantine(database)

    done = [await strays.replay(name, LATER, address()) for _ in range(2)]  # a double click

    assert done[0] == done[1]
    assert (done[0].custody, done[0].inbox) == (Custody.REPLAYED, "m1")
    [row] = await kept(database)
    assert (row.stream, row.party, row.raw, row.source) == (STREAM, 1, MAIL, "imap")
    assert [one.key for one in await mail_inputs(database)] == [f"mail/{row.key}"]
    assert await strays.newest(Custody.KEPT, 10) == []


async def test_a_replay_of_what_came_anyway_is_that_one_mail(
    strays: SqlStrays, database: Database
) -> None:
    name = await quarantine(database)
    envelope = Envelope(mail_from=ANA, recipients=(address(),))
    await Reception(database, DOMAIN).accept(MAIL, envelope, IMAP)

    await strays.replay(name, LATER, address())

    assert [row.copies for row in await kept(database)] == [2]
    assert len(await mail_inputs(database)) == 1


async def test_a_replay_needs_a_living_address_of_ours(
    strays: SqlStrays, database: Database
) -> None:
    await revoke(database, party=2)
    name = await quarantine(database)

    with pytest.raises(BadInput):
        await strays.replay(name, LATER)
    with pytest.raises(Refused):
        await strays.replay(name, LATER, address(party=2))

    assert (await strays.get(name)).custody is Custody.KEPT
    assert await kept(database) == []


async def test_what_was_discarded_stays_so(strays: SqlStrays, database: Database) -> None:
    name = await quarantine(database)

    for _ in range(2):
        assert (await strays.discard(name, LATER)).custody is Custody.DISCARDED
    with pytest.raises(Refused):
        await strays.replay(name, LATER, address())

    assert await strays.raw(name) == MAIL
    assert await kept(database) == []


async def test_a_mail_of_the_inbox_is_read_again_as_a_new_input(
    strays: SqlStrays, database: Database
) -> None:
    envelope = Envelope(mail_from=ANA, recipients=(address(),))
    await Reception(database, DOMAIN).accept(MAIL, envelope, IMAP)
    name = StrayName(in_inbox=True, row=1)
    assert (await strays.replay(name, LATER, seen=0)).replays == 0  # it will be read anyway
    await read(database)
    [stray] = await strays.unreadable(10)
    assert (stray.id, stray.custody, stray.problems) == ("m1", Custody.READ, ("damaged",))

    for _ in range(2):
        assert (await strays.replay(name, LATER, seen=0)).custody is Custody.UNREAD
    await read(database, Verdict.NOTE)
    assert (await strays.replay(name, LATER, seen=0)).custody is Custody.READ  # repeated, late
    with pytest.raises(Refused):
        await strays.replay(name, LATER, seen=7)

    first, second = await mail_inputs(database)
    assert second.key == f"{first.key}/replay/1"
    assert (first.body["verdict"], second.body["verdict"]) == ("unreadable", "note")
    taken = await database.read(lambda c: inputs.take(c, STREAM, 10))
    assert [one.id for one in taken][-2:] == [first.id, second.id]
    assert await strays.unreadable(10) == []


async def test_two_who_press_at_once_have_a_mail_read_once(
    strays: SqlStrays, database: Database
) -> None:
    await Reception(database, DOMAIN).accept(
        MAIL, Envelope(mail_from=ANA, recipients=(address(),)), IMAP
    )
    await read(database)
    name = StrayName(in_inbox=True, row=1)

    async def press() -> int:
        stray = await strays.replay(name, LATER, seen=0)
        await read(database)  # so that the second comes to a mail that could be read again
        return stray.replays

    assert set(await asyncio.gather(press(), press())) == {1}

    assert len(await mail_inputs(database)) == 2
    with pytest.raises(ReplaysMissing):
        await strays.replay(name, LATER)
    assert (await strays.get(name)).replays == 1


async def test_forgotten_bytes_are_said_to_be_forgotten(
    strays: SqlStrays, database: Database
) -> None:
    envelope = Envelope(mail_from=ANA, recipients=(address(),))
    await Reception(database, DOMAIN).accept(MAIL, envelope, IMAP)
    await read(database)
    emptied = sa.update(inbox_table).values(raw=b"", raw_forgotten_at=LATER)
    await database.write(lambda c: c.execute(emptied) and None)
    name = StrayName(in_inbox=True, row=1)

    with pytest.raises(Forgotten):
        await strays.raw(name)
    with pytest.raises(Forgotten):
        await strays.replay(name, LATER, seen=0)


async def test_pages_go_from_new_to_old(strays: SqlStrays, database: Database) -> None:
    for number in range(3):
        envelope = Envelope(mail_from=ANA, recipients=(f"{number}@example.org",))
        await Reception(database, DOMAIN).accept(MAIL, envelope, IMAP)

    first = await strays.newest(Custody.KEPT, 2)
    rest = await strays.newest(Custody.KEPT, 2, read_name(first[-1].id).row)

    assert [one.recipient[0] for one in [*first, *rest]] == ["2", "1", "0"]


@pytest.mark.parametrize("text", ["", "q", "x1", "q1x", "q²", "q-1", "m" + "1" * 19])
def test_other_names_are_not_found(text: str) -> None:
    with pytest.raises(NotFound):
        read_name(text)


async def test_an_unknown_mail_is_not_found(strays: SqlStrays) -> None:
    for text in ("q7", "m7"):
        for deed in (strays.get, strays.raw):
            with pytest.raises(NotFound):
                await deed(read_name(text))
