"""Mail for an operator: what is kept can be given to the inbox, read again, or be done with."""

import asyncio
from functools import partial

import pytest
import sqlalchemy as sa

from adapters.db import belonging, capabilities, inputs
from adapters.db.database import Database
from adapters.db.schema import inbox as inbox_table
from adapters.db.strays import SqlStrays
from adapters.db.unsubscribing import general_capability
from adapters.intake.accepting import Reception
from domain.access import OPERATOR, Capability, Purpose, derive_token, token_address
from domain.errors import BadInput, NotFound, Refused
from domain.inbox.acceptance import Envelope, Source, Way
from domain.inbox.model import Verdict
from domain.inbox.quarantine import Custody, Forgotten, ReplaysMissing, StrayName, read_name
from domain.outbox.events import external_subject
from tests.adapters.intake.letters import (
    ANA,
    DOMAIN,
    LATER,
    MAIL,
    NESTED,
    NOW,
    SECRET,
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


async def take(database: Database, raw: bytes, *recipients: str) -> None:
    envelope = Envelope(mail_from=ANA, recipients=recipients)
    await Reception(database, DOMAIN).accept(raw, envelope, IMAP)


async def quarantine(database: Database, recipient: str = "x@example.org") -> StrayName:
    envelope = Envelope(mail_from=ANA, recipients=(recipient,))
    await Reception(database, DOMAIN).accept(MAIL, envelope, IMAP)
    [stray] = await SqlStrays(database, DOMAIN).newest(OPERATOR, Custody.KEPT, 10)
    return read_name(stray.id)


async def test_a_mail_for_nobody_is_given_to_whom_it_is_for(
    strays: SqlStrays, database: Database
) -> None:
    name = await quarantine(database)

    done = [
        await strays.replay(OPERATOR, name, LATER, address()) for _ in range(2)
    ]  # a double click

    assert done[0] == done[1]
    assert (done[0].custody, done[0].inbox) == (Custody.REPLAYED, "m1")
    [row] = await kept(database)
    assert (row.stream, row.party, row.raw, row.source) == (STREAM, 1, MAIL, "imap")
    assert [one.key for one in await mail_inputs(database)] == [f"mail/{row.key}"]
    assert await strays.newest(OPERATOR, Custody.KEPT, 10) == []


async def test_a_replay_of_what_came_anyway_is_that_one_mail(
    strays: SqlStrays, database: Database
) -> None:
    name = await quarantine(database)
    envelope = Envelope(mail_from=ANA, recipients=(address(),))
    await Reception(database, DOMAIN).accept(MAIL, envelope, IMAP)

    await strays.replay(OPERATOR, name, LATER, address())

    assert [row.copies for row in await kept(database)] == [2]
    assert len(await mail_inputs(database)) == 1


async def test_a_replay_needs_a_living_address_of_ours(
    strays: SqlStrays, database: Database
) -> None:
    await revoke(database, party=2)
    name = await quarantine(database)

    with pytest.raises(BadInput):
        await strays.replay(OPERATOR, name, LATER)
    with pytest.raises(Refused):
        await strays.replay(OPERATOR, name, LATER, address(party=2))

    assert (await strays.get(OPERATOR, name)).custody is Custody.KEPT
    assert await kept(database) == []


async def test_what_was_discarded_stays_so(strays: SqlStrays, database: Database) -> None:
    name = await quarantine(database)

    for _ in range(2):
        assert (await strays.discard(OPERATOR, name, LATER)).custody is Custody.DISCARDED
    with pytest.raises(Refused):
        await strays.replay(OPERATOR, name, LATER, address())

    assert await strays.raw(OPERATOR, name) == MAIL
    assert await kept(database) == []


async def test_a_mail_of_the_inbox_is_read_again_as_a_new_input(
    strays: SqlStrays, database: Database
) -> None:
    envelope = Envelope(mail_from=ANA, recipients=(address(),))
    await Reception(database, DOMAIN).accept(MAIL, envelope, IMAP)
    name = StrayName(in_inbox=True, row=1)
    assert (
        await strays.replay(OPERATOR, name, LATER, seen=0)
    ).replays == 0  # it will be read anyway
    await read(database)
    [stray] = await strays.unreadable(OPERATOR, 10)
    assert (stray.id, stray.custody, stray.problems) == ("m1", Custody.READ, ("damaged",))

    for _ in range(2):
        assert (await strays.replay(OPERATOR, name, LATER, seen=0)).custody is Custody.UNREAD
    await read(database, Verdict.NOTE)
    assert (
        await strays.replay(OPERATOR, name, LATER, seen=0)
    ).custody is Custody.READ  # repeated, late
    with pytest.raises(Refused):
        await strays.replay(OPERATOR, name, LATER, seen=7)

    first, second = await mail_inputs(database)
    assert second.key == f"{first.key}/replay/1"
    assert (first.body["verdict"], second.body["verdict"]) == ("unreadable", "note")
    taken = await database.read(lambda c: inputs.take(c, STREAM, 10))
    assert [one.id for one in taken][-2:] == [first.id, second.id]
    assert await strays.unreadable(OPERATOR, 10) == []


async def test_two_who_press_at_once_have_a_mail_read_once(
    strays: SqlStrays, database: Database
) -> None:
    await Reception(database, DOMAIN).accept(
        MAIL, Envelope(mail_from=ANA, recipients=(address(),)), IMAP
    )
    await read(database)
    name = StrayName(in_inbox=True, row=1)

    async def press() -> int:
        stray = await strays.replay(OPERATOR, name, LATER, seen=0)
        await read(database)  # so that the second comes to a mail that could be read again
        return stray.replays

    assert set(await asyncio.gather(press(), press())) == {1}

    assert len(await mail_inputs(database)) == 2
    with pytest.raises(ReplaysMissing):
        await strays.replay(OPERATOR, name, LATER)
    assert (await strays.get(OPERATOR, name)).replays == 1


async def test_an_owner_sees_and_settles_its_own_alone(database: Database) -> None:
    await given_a_meeting(database, owner="shop")
    await given_a_meeting(database, owner="club", meeting_id="2b")
    strays, clubs = SqlStrays(database, DOMAIN), address(stream="meeting/2b")
    await revoke(database, party=2)
    await take(database, NESTED, address(), clubs)
    await take(database, MAIL, address(party=2))  # revoked, and the shop's all the same
    await take(database, MAIL, "x@example.org")
    await take(database, MAIL, address())
    await read(database)

    seen = {owner: await _seen_by(strays, owner) for owner in ("shop", "club", OPERATOR)}

    assert seen == {"shop": ["q3", "q2", "m1"], "club": ["q1"], OPERATOR: ["q4"]}
    for owner in ("club", OPERATOR):
        for name in map(read_name, seen["shop"]):
            for look in (strays.get, strays.raw):
                with pytest.raises(NotFound):
                    await look(owner, name)
            with pytest.raises(NotFound):
                await strays.replay(owner, name, LATER, clubs, 0)
            with pytest.raises(NotFound):
                await strays.discard(owner, name, LATER)


async def _seen_by(strays: SqlStrays, owner: str) -> list[str]:
    kept = await strays.newest(owner, Custody.KEPT, 10)
    return [one.id for one in [*kept, *await strays.unreadable(owner, 10)]]


async def test_only_the_operator_gives_mail_to_another_owner(database: Database) -> None:
    await given_a_meeting(database, owner="shop")
    await given_a_meeting(database, owner="club", meeting_id="2b")
    strays, clubs = SqlStrays(database, DOMAIN), address(stream="meeting/2b")
    await take(database, NESTED, address())
    await take(database, MAIL, "x@example.org")

    with pytest.raises(Refused):
        await strays.replay("shop", read_name("q1"), LATER, clubs)
    assert (await strays.replay("shop", read_name("q1"), LATER)).inbox == "m1"
    given = await strays.replay(OPERATOR, read_name("q2"), LATER, clubs)

    assert (given.custody, given.inbox) == (Custody.REPLAYED, None)  # of which it sees no more
    assert [row.owner for row in await kept(database)] == ["shop", "club"]


async def test_what_comes_back_of_an_integrators_mail_is_its_owners(database: Database) -> None:
    about = Capability(purpose=Purpose.BOUNCE, stream=external_subject("shop", "order/7"), party=0)
    await database.write(lambda c: capabilities.grant(c, SECRET, about, NOW))

    await take(database, MAIL, token_address(about.purpose, derive_token(SECRET, about), DOMAIN))

    assert (
        await SqlStrays(database, DOMAIN).get("shop", read_name("m1"))
    ).custody is Custody.UNREAD


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
        await strays.raw(OPERATOR, name)
    with pytest.raises(Forgotten):
        await strays.replay(OPERATOR, name, LATER, seen=0)


async def test_pages_go_from_new_to_old(strays: SqlStrays, database: Database) -> None:
    for number in range(3):
        envelope = Envelope(mail_from=ANA, recipients=(f"{number}@example.org",))
        await Reception(database, DOMAIN).accept(MAIL, envelope, IMAP)

    first = await strays.newest(OPERATOR, Custody.KEPT, 2)
    rest = await strays.newest(OPERATOR, Custody.KEPT, 2, read_name(first[-1].id).row)

    assert [one.recipient[0] for one in [*first, *rest]] == ["2", "1", "0"]


@pytest.mark.parametrize("text", ["", "q", "x1", "q1x", "q²", "q-1", "m" + "1" * 19])
def test_other_names_are_not_found(text: str) -> None:
    with pytest.raises(NotFound):
        read_name(text)


async def test_an_unknown_mail_is_not_found(strays: SqlStrays) -> None:
    for text in ("q7", "m7"):
        for deed in (strays.get, strays.raw):
            with pytest.raises(NotFound):
                await deed(OPERATOR, read_name(text))


async def test_a_wish_about_general_mail_is_of_the_owner_who_sends_it(database: Database) -> None:
    streams = {
        general_capability("shop", ANA).stream: "shop",
        external_subject("shop", "order-1"): "shop",
        "doctor/1": OPERATOR,
    }

    for stream, owner in streams.items():
        found = await database.read(partial(belonging.owner_of, stream=stream))
        assert found == owner
