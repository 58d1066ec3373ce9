"""Owners are told what becomes of their own mails, in the transaction that writes it."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from adapters.db import evidence, journal, outbox_claims, outbox_results
from adapters.db.database import Database
from adapters.db.fates import Fate, tell_sagas
from adapters.db.message_events import record
from adapters.db.outbox_results import Result
from domain.journal import JournalEvent
from domain.outbox.events import MessageEvent, event_of_fate, sentence
from domain.outbox.model import Claim, DeliveryFate, MessageState, Phase, Proof, Report
from domain.outbox.rules import Ruling
from domain.values import LATEST
from tests.adapters.message_orders import asked
from tests.adapters.outbox_rows import NOON, draft, enqueue

LATER = NOON + timedelta(minutes=1)


async def told(database: Database, message: int) -> list[JournalEvent]:
    return await database.read(lambda c: journal.read_stream(c, f"message/{message}"))


async def ended(database: Database, ruling: Ruling, *, times: int = 1) -> list[str]:
    """One attempt that comes to `ruling`, its result written so many times; who is poked."""
    [claim] = await database.write(lambda c: outbox_claims.claim(c, "one", 1, NOON, LATEST))
    held = outbox_claims.Held(claim.id, claim.token)
    await database.write(lambda c: outbox_claims.mark_sending(c, [held], NOON, LATEST))
    result = Result(claim, Report(phase=Phase.DONE, code=250), ruling, LATER)
    poked: list[str] = []
    for _ in range(times):
        poked += await database.write(lambda c: write(c, claim, result))
    return poked


def write(c: sa.Connection, claim: Claim, result: Result) -> list[str]:
    found = outbox_results.finish(c, [result])
    fates = [
        Fate(claim.id, claim.kind, claim.subject, claim.party, state, LATER)
        for state in found.values()
    ]
    return tell_sagas(c, fates)


@pytest.mark.parametrize(
    ("ruling", "type"),
    [
        (Ruling(state=MessageState.SENT, proof=Proof.REPLY), "MessageSent"),
        (Ruling(state=MessageState.FAILED), "MessageFailed"),
        (Ruling(state=MessageState.UNCERTAIN, is_unknown=True), "MessageUncertain"),
        (Ruling(state=MessageState.RETRY, next_at=LATER), None),
    ],
)
async def test_what_an_attempt_came_to_is_told_once(
    database: Database, ruling: Ruling, type: str | None
) -> None:
    """Also when its result is written twice, as it is when a dispatcher stops."""
    message = await asked(database)

    poked = await ended(database, ruling, times=2)

    types = [event.type for event in await told(database, message.id)]
    assert types == ["MessageRequested", *([type] if type else [])]
    assert poked == []


async def test_what_proved_an_uncertain_message_is_told(database: Database) -> None:
    message = await asked(database)
    await ended(database, Ruling(state=MessageState.UNCERTAIN, is_unknown=True))

    await database.write(lambda c: evidence.prove(c, [message.id], Proof.REPORT, LATER))

    last = (await told(database, message.id))[-1]
    assert (last.type, last.data["proof"]) == ("MessageSent", "report")


@pytest.mark.parametrize("fate", list(DeliveryFate))
async def test_what_was_heard_afterwards_is_told(database: Database, fate: DeliveryFate) -> None:
    message = await asked(database)

    await database.write(lambda c: record(c, message.id, event_of_fate(fate), LATER))

    last = (await told(database, message.id))[-1]
    assert last.type == f"Message{fate.value.capitalize()}"
    assert last.owner == "main"


async def test_a_meetings_letters_are_told_of_by_the_meeting(database: Database) -> None:
    [letter] = await enqueue(database, draft(party=None))

    await ended(database, Ruling(state=MessageState.SENT))

    assert await told(database, letter) == []


async def test_no_fact_names_the_recipient(database: Database) -> None:
    message = await asked(database)
    await ended(database, Ruling(state=MessageState.FAILED))

    facts = await told(database, message.id)

    assert not any("ada" in str(fact.data).lower() for fact in facts)
    assert [sorted(fact.data)[:3] for fact in facts] == [["kind", "occasion", "subject"]] * 2


@pytest.mark.parametrize("type", list(MessageEvent))
def test_every_fact_has_a_sentence(type: MessageEvent) -> None:
    words = sentence(type, {"kind": "order.shipped", "subject": "o-1"})

    assert words.startswith("The mail order.shipped about o-1 ")
    assert words.endswith(".")
    assert "Message" not in words
