"""What the pages read and write, on both engines."""

import asyncio

import pytest
import sqlalchemy as sa

from adapters.db import capabilities
from adapters.db.database import Database
from adapters.db.page_queries import SqlPartyPages
from domain.access import Capability, Purpose, derive_token
from domain.errors import NotFound
from domain.meetings.messages import Answer, Effect, MeetingInput, Via, stream_of
from domain.meetings.model import Partstat
from domain.meetings.pages import PartyPage, Saying
from tests.adapters.db import orders
from tests.adapters.db.orders import MEETING, NOW, SECRET

STREAM = stream_of(MEETING)


@pytest.fixture
async def invited(database: Database) -> Database:
    """A database with a meeting whose parties have been invited."""
    await database.write(orders.request)
    await orders.carry_out(database)
    return database


def pages_of(database: Database) -> SqlPartyPages:
    return SqlPartyPages(database, SECRET, "parley.example.net", "https://example.net/")


def token(party: int, purpose: Purpose = Purpose.PAGE) -> str:
    return derive_token(SECRET, Capability(purpose=purpose, stream=STREAM, party=party))


def click(partstat: Partstat, party: int = 1) -> Answer:
    return Answer(party=party, partstat=partstat, sequence=0, via=Via.PAGE)


def saying(body: MeetingInput, *, party: int = 1, nonce: str = "n", comment: str = "") -> Saying:
    return Saying(
        stream=STREAM,
        party=party,
        key=f"page:{party}:{nonce}",
        body=body,
        comment=comment,
        at=NOW,
    )


async def found(database: Database, party: int) -> PartyPage:
    page = await pages_of(database).find(token(party))
    assert page is not None
    return page


async def test_a_token_opens_the_page_of_its_party(invited: Database) -> None:
    page = await found(invited, 2)

    assert (page.stream, page.party) == (STREAM, 2)
    assert page.card.party(2).name == "Bo"
    assert [event.type for event in page.events] == ["MeetingRequested", "SlotOffered"]
    assert (page.clicks, page.words) == ((), {})


async def test_only_an_unrevoked_page_token_opens_a_page(invited: Database) -> None:
    pages = pages_of(invited)
    await invited.write(lambda c: capabilities.revoke(c, STREAM, 1, Purpose.PAGE, NOW))

    assert await pages.find(token(1)) is None
    assert await pages.find(token(2, Purpose.REPLY)) is None
    assert await pages.find("a" * 26) is None
    assert await pages.find(token(2)) is not None


async def test_a_click_is_one_input_however_often_it_is_sent(invited: Database) -> None:
    pages = pages_of(invited)
    same = saying(click(Partstat.ACCEPTED), comment="Gladly.")

    noted = await asyncio.gather(*(pages.note(same) for _ in range(8)))

    assert len({one.id for one in noted}) == 1
    assert sorted(one.is_new for one in noted) == [False] * 7 + [True]
    assert all(one.is_same for one in noted)
    assert len((await found(invited, 1)).clicks) == 1


@pytest.mark.parametrize(
    "other",
    [
        saying(click(Partstat.DECLINED)),
        saying(click(Partstat.ACCEPTED), comment="And one more thing."),
    ],
    ids=["answer", "comment"],
)
async def test_a_used_form_with_other_content_is_told_apart(
    invited: Database, other: Saying
) -> None:
    pages = pages_of(invited)
    await pages.note(saying(click(Partstat.ACCEPTED)))

    second = await pages.note(other)

    assert (second.is_new, second.is_same) == (False, False)
    [kept] = (await found(invited, 1)).clicks
    assert (kept.body, kept.comment) == (click(Partstat.ACCEPTED), None)


async def test_clicks_are_told_newest_first_with_what_came_of_them(invited: Database) -> None:
    pages = pages_of(invited)
    await pages.note(saying(click(Partstat.TENTATIVE), nonce="a"))
    await orders.carry_out(invited)
    await pages.note(saying(click(Partstat.ACCEPTED), nonce="b"))

    newest, older = (await found(invited, 1)).clicks

    assert (newest.body, newest.effect) == (click(Partstat.ACCEPTED), None)
    assert (older.body, older.effect) == (click(Partstat.TENTATIVE), Effect.APPLIED)


async def test_a_party_sees_its_own_clicks_and_words_only(invited: Database) -> None:
    pages = pages_of(invited)
    await pages.note(saying(click(Partstat.TENTATIVE), comment="From the first."))
    theirs = saying(click(Partstat.TENTATIVE, 2), party=2, comment="From the second.")
    await pages.note(theirs)
    await orders.carry_out(invited)

    first, second = await found(invited, 1), await found(invited, 2)

    assert [one.comment for one in first.clicks] == ["From the first."]
    assert list(first.words.values()) == ["From the first."]
    assert list(second.words.values()) == ["From the second."]


async def test_words_that_came_by_mail_are_shown_to_who_wrote_them(invited: Database) -> None:
    body = Answer(party=2, partstat=Partstat.TENTATIVE, sequence=0, dtstamp=NOW)
    await orders.say(invited, body, "mail", {"text": "Perhaps!", "sender": "bo@example.com"})
    await orders.carry_out(invited)

    assert list((await found(invited, 2)).words.values()) == ["Perhaps!"]
    assert (await found(invited, 1)).words == {}


async def test_the_owner_reads_the_timeline_with_everybodys_words(invited: Database) -> None:
    pages = pages_of(invited)
    await pages.note(saying(click(Partstat.TENTATIVE), comment="Perhaps."))
    await orders.carry_out(invited)

    timeline = await pages.timeline("main", MEETING)

    assert [entry.words for entry in timeline] == [None, None, {"comment": "Perhaps."}]
    with pytest.raises(NotFound):
        await pages.timeline("somebody else", MEETING)


async def test_the_zone_of_an_address_is_that_of_its_last_meeting(invited: Database) -> None:
    pages = pages_of(invited)

    assert await pages.zone_of("ana@EXAMPLE.org") == "Europe/Lisbon"
    assert await pages.zone_of("nobody@example.org") is None


async def test_the_zone_of_an_address_is_found_by_its_index(sqlite_database: Database) -> None:
    """However many parties there are."""
    statements: list[str] = []

    def explained(c: sa.Connection) -> list[str]:
        looked_up = statements[-1].replace("?", "''", 1)
        return [row.detail for row in c.exec_driver_sql(f"EXPLAIN QUERY PLAN {looked_up}", (1, 0))]

    def listen(c: sa.Connection) -> None:
        def keep(conn: object, cursor: object, statement: str, *_: object) -> None:
            statements.append(statement)

        sa.event.listen(c.engine, "before_cursor_execute", keep)

    await sqlite_database.read(listen)
    await pages_of(sqlite_database).zone_of("ana@example.org")

    assert "ix_parties_address" in str(await sqlite_database.read(explained))
