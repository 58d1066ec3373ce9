"""A party's new address in the database: the row, the tokens, and what still waited to leave."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from activities.meetings import DecisionRecord, MeetingActivities
from adapters.calendar_mail.writing.writer import MailLetterWriter
from adapters.db import (
    capabilities,
    correspondents,
    feedback,
    inbox,
    message_queries,
    outbox_claims,
    suppressions,
)
from adapters.db.database import Database
from adapters.db.owners import OwnerMeetings
from adapters.db.schema import inbox as inbox_rows
from adapters.db.schema import outbox as outbox_rows
from adapters.db.schema import outbox_raw, parties, people
from domain.access import Capability, Purpose, read_token_address
from domain.commands import Submission
from domain.errors import Refused
from domain.inbox.model import Arrival, Reading, Verdict
from domain.meetings.card import PartyCard
from domain.meetings.messages import stream_of
from domain.meetings.requests import AddressOrder
from domain.outbox.bounces import Cause
from domain.outbox.suppression import after_bounce
from domain.outbox.transitions import Deed, need_possible, possible
from domain.values import LATEST
from tests.adapters.db import orders
from tests.adapters.db.orders import MEETING, NOW, SECRET

STREAM = stream_of(MEETING)
WISH = Reading(verdict=Verdict.NOTE, subject="unsubscribe", sender="Ana@example.org")
NEW = AddressOrder(party=1, address="anna@example.org", name="Anna")


@pytest.fixture
async def asked(database: Database) -> Database:
    """Both have been invited."""
    await database.write(orders.request)
    await decided(database)
    return database


async def decided(database: Database) -> None:
    """Everything that waits is decided and recorded by the real activity, letters and all."""
    store = orders.store_of(database)
    deeds = MeetingActivities(store, MailLetterWriter("parley.example.net"))
    while await store.take_inputs(MEETING, 1):
        state, decision = await orders.next_decision(database)
        record = DecisionRecord(
            meeting_id=MEETING,
            expected_version=state.version,
            events=decision.events,
            letters=decision.letters,
            outcome=decision.outcome,
            at=NOW,
        )
        await deeds.record_decision(record)
        await deeds.record_decision(record)  # as it comes when the first answer was lost


async def correct(database: Database, order: AddressOrder = NEW, key: str = "k") -> None:
    submission = Submission(
        id=f"command-{key}",
        owner="main",
        kind="meeting.correct-address",
        route="POST /meetings/{meeting_id}/correct-address",
        key=key,
        fingerprint=key,
        data={"party": order.party},
        at=NOW,
    )
    await OwnerMeetings(database, SECRET).correct_address(
        submission, MEETING, order, lambda meeting: None
    )


async def card(database: Database, number: int = 1) -> PartyCard:
    return (await orders.store_of(database).card(MEETING)).party(number)


async def party(database: Database) -> Any:
    query = sa.select(parties).where(parties.c.number == 1)
    return await database.read(lambda c: c.execute(query).one())


async def letters(database: Database) -> list[Any]:
    query = (
        sa.select(outbox_rows, outbox_raw.c.raw)
        .join(outbox_raw, outbox_raw.c.message_id == outbox_rows.c.id)
        .order_by(outbox_rows.c.id)
    )
    return list(await database.read(lambda c: c.execute(query).all()))


async def opens(database: Database, address: str) -> bool:
    named = read_token_address(address, "parley.example.net")
    assert named is not None
    found = await database.read(lambda c: capabilities.find(c, named.purpose, named.token))
    return found is not None


async def test_the_new_address_gets_the_invitation_and_nobody_else_anything(
    asked: Database,
) -> None:
    await correct(asked)
    await decided(asked)

    (first, second, third), row = await letters(asked), await party(asked)
    assert (row.address, row.name) == ("anna@example.org", "Anna")
    assert (third.kind, third.recipient) == ("meeting.invitation", "anna@example.org")
    assert third.message_id != first.message_id
    assert first.message_id.encode() in third.raw  # one thread
    assert b"Hello Anna," in third.raw
    assert second.recipient == "bo@example.com"


async def test_what_the_old_address_was_told_opens_nothing_any_more(asked: Database) -> None:
    before, other = await card(asked), await card(asked, 2)

    await correct(asked)
    await decided(asked)

    after = await card(asked)
    assert not await opens(asked, before.reply_address)
    assert not await opens(asked, before.bounce_address)
    assert await opens(asked, after.reply_address)
    assert await opens(asked, after.bounce_address)
    assert after.page_url != before.page_url
    assert after.alias_address == before.alias_address  # which only the other party knows
    assert await card(asked, 2) == other
    page = before.page_url.rpartition("/")[2]
    assert await asked.read(lambda c: capabilities.find(c, Purpose.PAGE, page)) is None


async def test_the_letter_carries_the_tokens_that_hold_from_then_on(asked: Database) -> None:
    await correct(asked)
    await decided(asked)

    after, letter = await card(asked), (await letters(asked))[-1]
    assert letter.mail_from == after.bounce_address
    assert f"<{after.reply_address}>".encode() in letter.raw


async def test_the_old_address_no_longer_speaks_for_the_party(asked: Database) -> None:
    def book(c: sa.Connection) -> None:
        entry = {
            "id": "p1", "owner": "main", "name": "Ana", "address": "Ana@example.org",
            "folded_address": "ana@example.org", "zone": "UTC", "version": 1,
            "created_at": NOW, "updated_at": NOW,
        }  # fmt: skip
        c.execute(sa.insert(people), entry)
        c.execute(sa.update(parties).where(parties.c.number == 1).values(person_id="p1"))

    await asked.write(book)

    await correct(asked)
    await decided(asked)

    known = await asked.read(lambda c: correspondents.addresses_of(c, STREAM))
    assert known[1] == ("anna@example.org",)


async def test_what_had_not_left_for_the_old_address_is_dropped(asked: Database) -> None:
    def states(c: sa.Connection) -> None:
        rows = sa.update(outbox_rows).where(outbox_rows.c.party == 1)
        c.execute(rows.values(state="retry"))

    await asked.write(states)

    await correct(asked)
    await decided(asked)

    assert [(row.recipient, row.state) for row in await letters(asked)] == [
        ("Ana@example.org", "cancelled"),
        ("bo@example.com", "queued"),
        ("anna@example.org", "queued"),
    ]


async def test_no_copy_goes_to_the_old_address_of_what_may_have_left(asked: Database) -> None:
    doubted = sa.update(outbox_rows).where(outbox_rows.c.party == 1)
    await asked.write(lambda c: c.execute(doubted.values(state="retry", resends=1)))

    await correct(asked)
    await decided(asked)

    assert (await letters(asked))[0].state == "uncertain"


async def test_what_is_being_sent_to_the_old_address_is_not_tried_again(asked: Database) -> None:
    underway = sa.update(outbox_rows).where(outbox_rows.c.party == 1)
    await asked.write(lambda c: c.execute(underway.values(state="sending")))
    await correct(asked)
    await decided(asked)
    await asked.write(lambda c: c.execute(underway.values(state="retry")))

    claims = await asked.write(lambda c: outbox_claims.claim(c, "one", 10, NOW, LATEST))

    assert "Ana@example.org" not in {claim.recipient for claim in claims}
    assert (await letters(asked))[0].state == "expired"


async def test_people_cannot_send_to_the_old_address_either(asked: Database) -> None:
    doubted = sa.update(outbox_rows).values(state="uncertain")
    await asked.write(lambda c: c.execute(doubted))
    first, other, *_ = await letters(asked)

    await correct(asked)
    await decided(asked)

    old = await asked.read(lambda c: message_queries.get(c, "main", first.id))
    theirs = await asked.read(lambda c: message_queries.get(c, "main", other.id))
    offered = {row.deed for row in possible(old.standing)}
    assert offered == {Deed.CONFIRM, Deed.DROP}
    with pytest.raises(Refused, match="another address"):
        need_possible(Deed.RESEND, old.standing)
    assert Deed.RESEND in {row.deed for row in possible(theirs.standing)}


async def test_a_wish_by_mail_that_waited_speaks_for_the_address_that_it_came_from(
    asked: Database,
) -> None:
    """It was accepted at the old address before the correction, and read after it."""
    await correct(asked)
    mail = await wish_for(asked, await newest(asked, Purpose.UNSUBSCRIBE))
    await decided(asked)
    later = await wish_for(asked, await newest(asked, Purpose.UNSUBSCRIBE), key="later")

    await asked.write(lambda c: feedback.heed(c, mail, WISH, NOW))

    assert await unsubscribed(asked) == ["Ana@example.org"]
    await asked.write(lambda c: feedback.heed(c, later, WISH, NOW))
    assert await unsubscribed(asked) == ["Ana@example.org", "anna@example.org"]


async def test_a_wish_at_an_address_of_two_corrections_ago_is_still_its_own(
    asked: Database,
) -> None:
    await correct(asked)
    mail = await wish_for(asked, await newest(asked, Purpose.UNSUBSCRIBE))
    await decided(asked)
    await correct(asked, AddressOrder(party=1, address="third@example.org"), "third")
    await decided(asked)

    await asked.write(lambda c: feedback.heed(c, mail, WISH, NOW))

    assert await unsubscribed(asked) == ["Ana@example.org"]


async def test_a_wish_behind_a_token_whose_owner_nobody_knows_is_nobodys(asked: Database) -> None:
    mail = await wish_for(asked, await newest(asked, Purpose.UNSUBSCRIBE))
    await asked.write(lambda c: capabilities.revoke(c, STREAM, 1, Purpose.UNSUBSCRIBE, NOW))

    await asked.write(lambda c: feedback.heed(c, mail, WISH, NOW))

    assert await unsubscribed(asked) == []


async def newest(database: Database, purpose: Purpose) -> Capability:
    return (await database.read(lambda c: capabilities.newest(c, STREAM)))[1, purpose]


async def wish_for(database: Database, capability: Capability, key: str = "wish") -> Arrival:
    """A mail to the address of `capability`, accepted and not read yet."""

    def work(c: sa.Connection) -> Arrival:
        id, _ = inbox.accept(
            c,
            key=key,
            capability=capability,
            mail_from="Ana@example.org",
            source="smtp",
            raw=b"",
            received_at=NOW,
        )
        columns = [inbox_rows.c[name] for name in Arrival.model_fields]
        row = c.execute(sa.select(*columns).where(inbox_rows.c.id == id)).mappings().one()
        return Arrival(**row)

    return await database.write(work)


async def unsubscribed(database: Database) -> list[str]:
    found = await database.read(lambda c: suppressions.list_page(c, "main", NOW))
    return sorted(one.address for one in found)


async def test_a_second_correction_waits_for_the_first(asked: Database) -> None:
    await correct(asked)

    with pytest.raises(Refused, match="still being carried out"):
        await correct(asked, AddressOrder(party=2, address="anna@example.org"), "other")

    await decided(asked)
    await correct(asked, AddressOrder(party=1, address="third@example.org"), "third")
    await decided(asked)
    assert (await party(asked)).address == "third@example.org"


async def test_an_address_that_mail_does_not_go_to_is_named_as_such(asked: Database) -> None:
    measure = after_bounce(Cause.NO_MAILBOX, NOW)
    assert measure is not None
    await asked.write(
        lambda c: suppressions.impose(
            c, "main", "anna@EXAMPLE.org", measure, NOW, detail="5.1.1 no-such-mailbox"
        )
    )

    with pytest.raises(Refused, match="it is suppressed"):
        await correct(asked)


async def test_of_two_corrections_at_once_one_is_told_to_wait(asked: Database) -> None:
    """Both parties would otherwise end up with one address."""
    same = "anna@example.org"
    orders_ = [AddressOrder(party=number, address=same) for number in (1, 2)]

    outcomes = await asyncio.gather(
        *(correct(asked, order, f"k{order.party}") for order in orders_), return_exceptions=True
    )

    assert sorted(type(one).__name__ for one in outcomes) == ["NoneType", "Refused"]
