"""Integrators' own mails: one row for each business key, on both engines."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from email import message_from_bytes

import pytest
import sqlalchemy as sa

from adapters.db import capabilities, inbox, journal, outbox_claims, suppressions
from adapters.db.database import Database
from adapters.db.schema import inbox as mails
from adapters.db.schema import outbox as rows
from adapters.db.unsubscribing import SqlUnsubscribing
from domain.access import Purpose, read_token_address
from domain.outbox.digests import read_key
from domain.outbox.model import Hold, MessageState, SuppressionScope
from domain.outbox.requests import Correspondent, DigestOrder, Every, MessageDiffers
from domain.postage import Postage
from domain.values import LATEST
from tests.adapters.message_orders import MAIL_DOMAIN, asked, messages_of, order
from tests.adapters.outbox_rows import NOON, draft, enqueue


async def count(database: Database) -> int:
    query = sa.select(sa.func.count()).select_from(rows)
    return await database.read(lambda c: int(c.execute(query).scalar_one()))


async def test_who_asks_again_gets_the_same_message(database: Database) -> None:
    messages = messages_of(database)

    first, is_new = await messages.request(order(), NOON, "key")
    again, is_new_again = await messages.request(order(), NOON + timedelta(days=400), "other")

    assert (is_new, is_new_again) == (True, False)
    assert first == again
    assert await count(database) == 1


async def test_of_many_who_ask_at_once_one_makes_the_message(database: Database) -> None:
    messages = messages_of(database)

    answers = await asyncio.gather(*(messages.request(order(), NOON, "key") for _ in range(12)))

    assert len({message.id for message, _ in answers}) == 1
    assert sum(is_new for _, is_new in answers) == 1
    assert await count(database) == 1


async def test_of_two_transactions_the_second_waits_and_finds_the_first(
    postgres: Database,
) -> None:
    """The interleaving that a pre-check would lose: both have looked before either writes."""
    messages, looked = messages_of(postgres), asyncio.Barrier(2)

    async def ask() -> int:
        assert await messages.earlier(order()) is None
        await looked.wait()
        message, _ = await messages.request(order(), NOON, "key")
        return message.id

    first, second = await asyncio.gather(ask(), ask())

    assert first == second
    assert await count(postgres) == 1


async def test_of_two_different_mails_under_one_key_the_second_is_refused(
    database: Database,
) -> None:
    messages = messages_of(database)
    first, _ = await messages.request(order(), NOON, "key")

    with pytest.raises(MessageDiffers) as refusal:
        await messages.request(order(fingerprint="another"), NOON, "key")

    assert refusal.value.present == first.id
    with pytest.raises(MessageDiffers):
        await messages.earlier(order(fingerprint="another"))


async def test_an_address_in_another_case_is_the_same_recipient(database: Database) -> None:
    first = await asked(database)
    again = await asked(database, recipient=Correspondent(address="ADA@example.org", name="Ada"))

    assert first.id == again.id


@pytest.mark.parametrize(
    "other",
    [
        {"kind": "order.paid"},
        {"subject": "order-4712"},
        {"occasion": "2"},
        {"recipient": Correspondent(address="ben@example.org")},
        {"owner": "other"},
    ],
)
async def test_each_part_of_the_key_makes_another_message(
    sqlite_database: Database, other: dict[str, object]
) -> None:
    assert (await asked(sqlite_database)).id != (await asked(sqlite_database, **other)).id


async def test_a_message_asked_for_is_due_at_once_and_told_of(database: Database) -> None:
    message = await asked(database)

    claims = await database.write(lambda c: outbox_claims.claim(c, "one", 10, NOON, LATEST))
    events = await database.read(lambda c: journal.read_stream(c, f"message/{message.id}"))

    assert [claim.id for claim in claims] == [message.id]
    assert [(event.owner, event.type) for event in events] == [("main", "MessageRequested")]
    assert events[0].data == {
        "kind": "order.shipped",
        "subject": "order-4711",
        "occasion": "1",
    }


async def test_its_envelope_sender_opens_a_bounce_capability(database: Database) -> None:
    await asked(database)
    [claim] = await database.write(lambda c: outbox_claims.claim(c, "one", 10, NOON, LATEST))

    found = read_token_address(claim.mail_from, MAIL_DOMAIN)

    assert found is not None
    purpose, token = found[0], found[1]
    opened = await database.read(lambda c: capabilities.find(c, Purpose(purpose), token))
    assert opened is not None
    assert opened.stream.startswith("external/main/order-4711/to/")
    assert opened.party == 0


async def test_what_is_to_be_sent_later_is_held_until_then(database: Database) -> None:
    later = NOON + timedelta(hours=3)

    message = await asked(database, send_at=later)

    assert (message.state, message.held_because, message.next_at) == (
        MessageState.HELD,
        Hold.SCHEDULED,
        later,
    )


async def test_parts_of_one_digest_carry_one_key(database: Database) -> None:
    hourly = DigestOrder(every=Every.HOUR)

    first = await asked(database, digest=hourly)
    second = await asked(database, digest=hourly, occasion="2")

    assert first.digest is not None
    assert first.digest == second.digest
    assert (first.state, first.held_because) == (MessageState.HELD, Hold.DIGEST)
    assert first.next_at == read_key(first.digest).until == datetime(2027, 3, 1, 13, tzinfo=UTC)


async def test_a_mail_of_a_meeting_is_not_found_as_an_integrators_own(
    sqlite_database: Database,
) -> None:
    await enqueue(sqlite_database, draft())

    assert await messages_of(sqlite_database).earlier(order()) is None


async def test_whoever_gets_optional_mail_may_end_it_by_its_headers(database: Database) -> None:
    message = await asked(database, postage=Postage(optional=True))
    raw = (await messages_of(database).raw("main", message.id)).raw
    assert raw is not None
    listed = message_from_bytes(raw)["List-Unsubscribe"]
    token, mark = re.search(r"/u/([0-9a-z]{26})\?\w+=(\w+)", listed).groups()  # type: ignore[union-attr]  # found

    ended = await SqlUnsubscribing(database).stop_optional(token, mark, NOON)

    held = await database.read(
        lambda c: suppressions.of_address(c, "main", "ada@example.org", NOON)
    )
    assert ended
    assert [(one.scope, one.message) for one in held] == [(SuppressionScope.OPTIONAL, message.id)]


async def test_other_mail_offers_no_end(sqlite_database: Database) -> None:
    message = await asked(sqlite_database)

    raw = (await messages_of(sqlite_database).raw("main", message.id)).raw

    assert b"List-Unsubscribe" not in (raw or b"")


async def test_one_recipients_bounce_address_does_not_speak_of_anothers_mail(
    database: Database,
) -> None:
    """Numbers are easily guessed, and a bounce silences an address."""
    ana = await asked(database)
    ben = await asked(database, recipient=Correspondent(address="ben@example.net"))
    claims = await database.write(lambda c: outbox_claims.claim(c, "one", 10, NOON, LATEST))
    returning = {claim.id: read_token_address(claim.mail_from, MAIL_DOMAIN) for claim in claims}
    token = returning[ana.id]
    assert token is not None
    opened = await database.read(lambda c: capabilities.find(c, token.purpose, token.token))
    assert opened is not None

    def come(c: sa.Connection, about: int) -> int | None:
        id, _ = inbox.accept(
            c,
            key=f"about {about}",
            capability=opened,
            mail_from="",
            source="smtp",
            raw=b"bounce",
            received_at=NOON,
            about=about,
        )
        kept: int | None = c.execute(sa.select(mails.c.about).where(mails.c.id == id)).scalar()
        return kept

    assert await database.write(lambda c: come(c, ana.id)) == ana.id
    assert await database.write(lambda c: come(c, ben.id)) is None
