"""Signed requests come once: the database remembers what each was answered."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from adapters.db import signed_requests
from adapters.db.database import Database
from adapters.db.provider_events import SqlProviderEvents
from adapters.db.schema import outbox_events
from adapters.db.schema import signed_requests as table
from adapters.intake.accepting import Reception
from adapters.retention import CLOCKS_DIFFER, Retention
from domain.inbox.acceptance import Admission, Envelope, Source, Way
from domain.inbox.repetition import ContentDiffers, SignedRequest, signed_request
from domain.outbox.model import DeliveryFate
from domain.outbox.provider import ProviderEvent
from tests.adapters.intake.letters import ANA, DOMAIN, MAIL, address, given_a_meeting, kept
from tests.adapters.outbox_rows import draft, enqueue

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
ENVELOPE = Envelope(mail_from=ANA, recipients=(address(),))


def request(*content: bytes, id: str = "msg_1", signer: str = "webhook") -> SignedRequest:
    return signed_request(signer, id, NOON, *content)


async def ask(database: Database, one: SignedRequest, said: str | None) -> object:
    """What `one` is answered: as the first was, else `said`."""

    def work(c: sa.Connection) -> object:
        known = signed_requests.first_answer(c, one)
        if known is None and said is not None:
            signed_requests.answer(c, one, {"said": said})
        return known

    return await database.write(work)


async def test_the_first_answer_stays(database: Database) -> None:
    assert await ask(database, request(b"x"), None) is None
    assert await ask(database, request(b"x"), "yes") is None
    assert await ask(database, request(b"x"), "no") == {"said": "yes"}
    assert await ask(database, request(b"x"), "no") == {"said": "yes"}


async def test_another_content_is_refused_whatever_the_first_was_answered(
    database: Database,
) -> None:
    await ask(database, request(b"ab", b"c"), None)
    for content in [(b"a", b"bc"), (b"abc",), (b"ab", b"c", b"")]:
        with pytest.raises(ContentDiffers):
            await ask(database, request(*content), "no")

    assert await ask(database, request(b"x", signer="mailgun"), "yes") is None
    assert await ask(database, request(b"x", id="msg_2"), "yes") is None


async def test_nothing_is_remembered_of_what_failed(database: Database) -> None:
    def fail(c: sa.Connection) -> None:
        signed_requests.first_answer(c, request(b"x"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.write(fail)

    assert await ask(database, request(b"y"), "yes") is None


async def test_copies_at_once_are_one_mail_with_one_answer(database: Database) -> None:
    await given_a_meeting(database)
    reception = Reception(database, DOMAIN)
    signed = Source(way=Way.WEBHOOK, signed=request(MAIL))

    outcomes = await asyncio.gather(*(reception.accept(MAIL, ENVELOPE, signed) for _ in range(8)))

    assert [row.copies for row in await kept(database)] == [1]
    assert {each for (each,) in outcomes} == {outcomes[0][0]}
    assert outcomes[0][0].admission is Admission.ACCEPTED


async def test_a_providers_event_is_heard_once_and_its_token_serves_for_nothing_else(
    database: Database,
) -> None:
    letter = draft()
    [message] = await enqueue(database, letter)
    events = SqlProviderEvents(database)
    bounce = ProviderEvent(
        provider="mailgun",
        message_id=letter.message_id,
        recipient=letter.recipient,
        fate=DeliveryFate.BOUNCED,
        at=NOON,
    )

    answers = await asyncio.gather(*(events.take(bounce, request(b"b")) for _ in range(4)))
    silent = [await events.take(None, request(b"o", id="opened")) for _ in range(2)]
    with pytest.raises(ContentDiffers):
        await events.take(bounce, request(b"b", id="opened"))

    assert (answers, silent) == ([True] * 4, [False] * 2)
    noted = sa.select(outbox_events.c.message_id, outbox_events.c.type)
    assert await database.read(lambda c: c.execute(noted).all()) == [(message, "bounced")]


async def test_a_request_is_remembered_while_its_signature_is_fresh(database: Database) -> None:
    await ask(database, request(b"x"), "yes")
    count = sa.select(sa.func.count()).select_from(table)

    await Retention(database, now=lambda: NOON + CLOCKS_DIFFER).forget()
    assert await database.read(lambda c: c.execute(count).scalar()) == 1
    later = NOON + CLOCKS_DIFFER + timedelta(seconds=1)
    await Retention(database, now=lambda: later).forget()

    assert await database.read(lambda c: c.execute(count).scalar()) == 0
