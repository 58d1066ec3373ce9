"""What mail that came in does to the mail that went out, on both engines."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from adapters.calendar_mail.reading.reader import read_mail
from adapters.db import feedback, inbox, inputs, outbox, provider_events, suppressions
from adapters.db.database import Database
from adapters.db.schema import inbox as inbox_table
from adapters.db.schema import outbox as outbox_table
from adapters.db.schema import outbox_events
from adapters.db.schema import parties as party_table
from domain.access import Capability, Purpose
from domain.inbox.model import AnswerLine, Arrival, Reading, Verdict
from domain.meetings.messages import Undelivered
from domain.outbox.model import (
    DeliveryFate,
    Draft,
    Suppression,
    SuppressionReason,
    SuppressionScope,
)
from domain.outbox.provider import ProviderEvent
from domain.postage import Postage
from tests.adapters.intake.letters import ANA, BEN, NOW, STREAM, given_a_meeting

CORPUS = Path(__file__).parents[1] / "calendar_mail" / "corpus"
THEN = NOW + timedelta(hours=1)


def letter(number: int, party: int = 1, revision: int | None = None) -> Draft:
    return Draft(
        kind="meeting.invitation",
        subject=STREAM,
        occasion=str(number),
        recipient={1: ANA, 2: BEN}[party],
        party=party,
        mail_from="",
        message_id=f"<{party}.{number}@parley.example>",
        raw=b"",
        postage=Postage(revision=revision),
    )


async def given(database: Database, *drafts: Draft, state: str = "sent") -> list[int]:
    await given_a_meeting(database)

    def work(c: sa.Connection) -> list[int]:
        ids = [outbox.enqueue(c, "main", draft, NOW) for draft in drafts]
        c.execute(sa.update(outbox_table).values(state=state))
        return ids

    return await database.write(work)


async def come(
    database: Database,
    reading: Reading,
    purpose: Purpose = Purpose.BOUNCE,
    about: int | None = None,
    raw: bytes = b"",
    key: str = "a",
    mail_from: str = "",
) -> None:
    """A mail for Ana's address that says so is taken in."""

    def work(c: sa.Connection) -> None:
        capability = Capability(purpose=purpose, stream=STREAM, party=1)
        id, _ = inbox.accept(
            c,
            key=key,
            capability=capability,
            mail_from=mail_from,
            source="smtp",
            raw=raw,
            received_at=THEN,
            about=about,
        )
        columns = [inbox_table.c[name] for name in Arrival.model_fields]
        row = c.execute(sa.select(*columns).where(inbox_table.c.id == id)).mappings().one()
        feedback.heed(c, Arrival(**row), reading, THEN)

    await database.write(work)


def corpus(name: str) -> Reading:
    return read_mail((CORPUS / name).read_bytes())


async def rows(database: Database) -> list[Any]:
    query = sa.select(outbox_table).order_by(outbox_table.c.id)
    return list(await database.read(lambda c: c.execute(query).all()))


async def fates(database: Database) -> list[str | None]:
    return [row.fate for row in await rows(database)]


async def timeline(database: Database) -> list[tuple[str, str]]:
    query = sa.select(outbox_events.c.type, outbox_events.c.detail).order_by(outbox_events.c.id)
    return [tuple(row) for row in await database.read(lambda c: c.execute(query).all())]


async def suppressed(database: Database) -> list[Suppression]:
    return await database.read(lambda c: suppressions.list_page(c, "main", THEN))


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("machines/bounce-postfix-several.eml", "5.1.1 no-such-mailbox"),
        ("microsoft/undeliverable-remote.eml", "5.1.10 no-such-mailbox"),
        ("google/bounce.eml", "5.1.1 no-such-mailbox"),
        ("machines/bounce-exim-report.eml", "5.0.0 no-such-mailbox"),
        ("machines/bounce-qmail-no-host.eml", "no-such-domain"),
    ],
)
async def test_a_dead_address_is_left_alone_for_a_while(
    database: Database, name: str, detail: str
) -> None:
    [id, _] = await given(database, letter(1), letter(2))

    await come(database, corpus(name), about=id)

    [found] = await suppressed(database)
    assert await fates(database) == ["bounced", None]
    assert await timeline(database) == [("bounced", detail)]
    assert (found.address, found.reason, found.detail, found.message) == (
        ANA,
        SuppressionReason.BOUNCED,
        detail,
        id,
    )
    assert found.until == THEN + timedelta(days=30)


@pytest.mark.parametrize("name", ["machines/bounce-quota.eml", "machines/bounce-exchange-5.5.eml"])
async def test_a_mail_that_came_back_for_another_reason_suppresses_nothing(
    database: Database, name: str
) -> None:
    [id] = await given(database, letter(1))

    await come(database, corpus(name), about=id)

    assert await fates(database) == ["bounced"]
    assert await suppressed(database) == []


async def test_a_complaint_ends_all_mail_until_a_person_lifts_that(database: Database) -> None:
    [id] = await given(database, letter(1))

    await come(database, corpus("machines/complaint.eml"), about=id)

    [found] = await suppressed(database)
    assert await fates(database) == ["complained"]
    assert (found.reason, found.until) == (SuppressionReason.COMPLAINED, None)


async def test_the_same_report_twice_is_one(database: Database) -> None:
    [id] = await given(database, letter(1))
    bounce = corpus("google/bounce.eml")
    await come(database, bounce, about=id)
    [found] = await suppressed(database)
    await database.write(lambda c: suppressions.lift(c, "main", found.id, THEN))

    await come(database, bounce, about=id, key="b")

    assert await suppressed(database) == []  # what a person lifted stays lifted
    assert len(await timeline(database)) == 1


async def test_a_note_of_delay_is_not_the_last_word(database: Database) -> None:
    [id] = await given(database, letter(1))

    await come(database, corpus("machines/bounce-delayed.eml"), about=id)
    assert await fates(database) == ["delayed"]
    await come(database, corpus("machines/report-delivered-expanded.eml"), about=id, key="b")
    await come(database, corpus("machines/bounce-delayed.eml"), about=id, key="c")

    assert await fates(database) == ["delivered"]
    assert [type for type, _ in await timeline(database)] == ["delayed", "delivered"]


async def test_delivery_lifts_what_a_bounce_had_imposed(database: Database) -> None:
    first, second = await given(database, letter(1), letter(2))
    await come(database, corpus("google/bounce.eml"), about=first)
    moved = sa.text("UPDATE suppressions SET created_at = created_at - 1")
    await database.write(lambda c: c.execute(moved))

    await come(database, corpus("machines/report-delivered-expanded.eml"), about=second, key="b")

    assert await suppressed(database) == []


async def test_whatever_comes_to_the_bounce_address_of_a_message_proves_it(
    database: Database,
) -> None:
    first, _ = await given(database, letter(1), letter(2), state="uncertain")

    await come(database, Reading(verdict=Verdict.AUTOMATIC), about=first)

    assert [(row.state, row.proof) for row in await rows(database)] == [
        ("sent", "report"),
        ("uncertain", None),
    ]


async def test_without_a_number_the_quoted_message_id_tells(database: Database) -> None:
    await given(database, letter(1), letter(2), letter(3, party=2))

    await come(database, Reading(verdict=Verdict.BOUNCE), raw=b"Message-ID: <1.1@parley.example>")
    await come(
        database,
        Reading(verdict=Verdict.BOUNCE),
        raw=b"Message-ID: <2.3@parley.example>",  # another party's
        key="b",
    )

    assert await fates(database) == ["bounced", None, None]


async def test_the_number_of_another_partys_message_does_not_count(database: Database) -> None:
    _, other = await given(database, letter(1), letter(2, party=2))

    await come(database, corpus("google/bounce.eml"), about=other)

    assert await fates(database) == [None, None]
    assert await suppressed(database) == []


async def uid_of_ana(database: Database) -> str:
    query = sa.select(party_table.c.uid).where(party_table.c.number == 1)
    return str(await database.read(lambda c: c.execute(query).scalar_one()))


def answer(uid: str | None = None, **more: Any) -> Reading:
    line = AnswerLine(attendee=ANA, partstat="ACCEPTED")
    return Reading(verdict=Verdict.ANSWER, answers=(line,), uid=uid, sender=ANA, **more)


async def test_an_answer_proves_the_message_whose_revision_it_carries(database: Database) -> None:
    await given(database, letter(1, revision=0), letter(2, revision=1), state="uncertain")

    await come(database, answer("another", sequence=0), Purpose.REPLY)
    assert [row.state for row in await rows(database)] == ["uncertain", "uncertain"]
    await come(database, answer(await uid_of_ana(database), sequence=0), Purpose.REPLY, key="b")

    assert [row.state for row in await rows(database)] == ["sent", "uncertain"]


async def test_a_mail_that_refers_to_a_message_proves_it(database: Database) -> None:
    await given(database, letter(1), letter(2), state="uncertain")
    raw = b"From: ana@example.org\r\nIn-Reply-To:\r\n <1.2@parley.example>\r\n\r\nFine."

    await come(database, read_mail(raw), Purpose.REPLY)

    assert [(row.state, row.proof) for row in await rows(database)] == [
        ("uncertain", None),
        ("sent", "answer"),
    ]


async def test_an_answer_from_a_suppressed_address_shows_that_it_lives(database: Database) -> None:
    [id] = await given(database, letter(1))
    await come(database, corpus("google/bounce.eml"), about=id)
    moved = sa.text("UPDATE suppressions SET created_at = created_at - 1")
    await database.write(lambda c: c.execute(moved))

    await come(database, answer(), Purpose.REPLY, key="b")

    assert await suppressed(database) == []


async def test_an_automatic_reply_lifts_nothing(database: Database) -> None:
    [id] = await given(database, letter(1))
    await come(database, corpus("google/bounce.eml"), about=id)
    moved = sa.text("UPDATE suppressions SET created_at = created_at - 1")
    await database.write(lambda c: c.execute(moved))

    away = Reading(verdict=Verdict.AUTOMATIC, sender=ANA)
    await come(database, away, Purpose.REPLY, key="b")

    assert len(await suppressed(database)) == 1


async def test_a_providers_bounce_does_what_a_mailed_one_does(database: Database) -> None:
    await given(database, letter(1), state="uncertain")
    event = ProviderEvent(
        provider="postmark",
        message_id="<1.1@parley.example>",
        provider_id="guid",
        recipient="ANA@example.org",
        fate=DeliveryFate.BOUNCED,
        status="5.1.1",
        detail="550 no such user",
        at=THEN,
    )

    for _ in range(2):
        assert await database.write(lambda c: provider_events.take(c, event))

    [row], [found] = await rows(database), await suppressed(database)
    assert (row.state, row.proof, row.fate) == ("sent", "provider", "bounced")
    assert found.detail == "5.1.1 no-such-mailbox postmark guid"
    taken = await database.read(lambda c: inputs.take(c, STREAM, 10))
    assert [one.body for one in taken][1:] == [
        Undelivered(party=1, letter="meeting.invitation", reason="no-such-mailbox")
    ]


async def test_a_mail_to_the_unsubscribe_address_ends_reminders(database: Database) -> None:
    await given(database, letter(1))
    wish = Reading(verdict=Verdict.NOTE, subject="unsubscribe", sender=ANA)

    await come(database, wish, Purpose.UNSUBSCRIBE, key="a")
    assert await suppressed(database) == []  # it had no envelope sender
    await come(database, wish, Purpose.UNSUBSCRIBE, key="b", mail_from=ANA)
    await come(database, wish, Purpose.UNSUBSCRIBE, key="c", mail_from=ANA)

    [found] = await suppressed(database)
    assert (found.address, found.scope, found.reason) == (
        ANA,
        SuppressionScope.OPTIONAL,
        SuppressionReason.UNSUBSCRIBED,
    )
    taken = await database.read(lambda c: inputs.take(c, STREAM, 10))
    assert [one.body.kind for one in taken] == ["opening"]  # the mail itself is the saga's input
