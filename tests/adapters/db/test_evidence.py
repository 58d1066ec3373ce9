"""What proves that a message arrived, on both engines."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from adapters.db import evidence, outbox, outbox_claims
from adapters.db.database import Database
from adapters.db.outbox_claims import Held
from adapters.db.schema import outbox as outbox_table
from adapters.db.schema import outbox_events
from domain.outbox.marks import mark_of
from domain.outbox.model import Draft, Proof
from tests.adapters.outbox_rows import NOON, SUBJECT, draft, enqueue, states

SOON = NOON + timedelta(minutes=1)


async def given(database: Database, *drafts: Draft, **columns: Any) -> list[int]:
    """Messages whose rows hold `columns`."""
    ids = await enqueue(database, *drafts)
    change = sa.update(outbox_table).where(outbox_table.c.id.in_(ids)).values(**columns)
    await database.write(lambda c: c.execute(change))
    return ids


async def prove(database: Database, ids: Sequence[int], proof: Proof = Proof.REPORT) -> list[int]:
    return await database.write(lambda c: evidence.prove(c, ids, proof, SOON))


async def rows(database: Database) -> list[Any]:
    query = sa.select(outbox_table).order_by(outbox_table.c.id)
    return list(await database.read(lambda c: c.execute(query).all()))


async def timeline(database: Database) -> list[str]:
    query = sa.select(outbox_events.c.type).order_by(outbox_events.c.id)
    return list(await database.read(lambda c: c.execute(query).scalars()))


def carrying(number: int, revision: int | None, party: int = 1) -> Draft:
    postage = draft().postage.model_copy(update={"revision": revision})
    return draft(number, party=party).model_copy(update={"postage": postage})


async def test_evidence_settles_a_doubt_once(database: Database) -> None:
    ids = await given(database, draft(), state="uncertain")

    assert await prove(database, ids) == ids
    assert await prove(database, ids, Proof.CLICK) == []

    [row] = await rows(database)
    assert (row.state, row.proof, row.sent_at) == ("sent", "report", SOON)
    assert await timeline(database) == ["proved"]


@pytest.mark.parametrize("state", ["queued", "retry", "held", "claimed"])
async def test_what_is_to_be_sent_once_more_after_a_doubt_is_not(
    database: Database, state: str
) -> None:
    ids = await given(database, draft(), state=state, resends=1)

    assert await prove(database, ids) == ids

    assert await states(database) == ["sent"]
    assert await database.read(outbox.next_due) is None


@pytest.mark.parametrize(
    "state", ["queued", "retry", "held", "claimed", "failed", "suppressed", "cancelled", "expired"]
)
async def test_where_there_is_no_doubt_evidence_changes_nothing(
    database: Database, state: str
) -> None:
    ids = await given(database, draft(), state=state)

    assert await prove(database, ids) == []

    assert await states(database) == [state]
    assert await timeline(database) == []


async def test_a_claim_of_what_was_proved_meanwhile_comes_to_nothing(database: Database) -> None:
    ids = await given(database, draft(), state="claimed", resends=1, token=4, lease_until=SOON)
    await prove(database, ids)

    held = [Held(ids[0], 4)]
    marked = await database.write(lambda c: outbox_claims.mark_sending(c, held, NOON, SOON))

    assert marked == set()
    assert await states(database) == ["sent"]


async def test_what_is_being_sent_stays_with_its_dispatcher(database: Database) -> None:
    ids = await given(database, draft(), state="sending", token=4, lease_until=SOON)

    assert await prove(database, ids) == []

    [row] = await rows(database)
    assert (row.state, row.token, row.lease_until, row.sent_at) == ("sending", 4, SOON, None)
    assert row.proof == "report"  # for whoever finds that its dispatcher is gone


async def test_a_mail_that_names_a_message_proves_it_and_no_others(database: Database) -> None:
    ids = await given(database, draft(1), draft(2), draft(3, party=2), state="uncertain")
    named = [draft(1).message_id, draft(3).message_id, "<unheard@of.example>"]

    def name(c: sa.Connection) -> list[int]:
        return evidence.prove_named(c, SUBJECT, 1, named, SOON)

    assert await database.write(name) == [ids[0]]
    assert await states(database) == ["sent", "uncertain", "uncertain"]


async def answered(database: Database, revision: int) -> list[int]:
    return await database.write(lambda c: evidence.prove_revision(c, SUBJECT, 1, revision, SOON))


async def test_an_answer_proves_the_only_message_that_can_have_brought_it(
    database: Database,
) -> None:
    ids = await given(
        database, carrying(1, 0), carrying(2, 1), carrying(3, 0, party=2), state="uncertain"
    )

    assert await answered(database, 0) == [ids[0]]
    assert await answered(database, 7) == []
    assert await states(database) == ["sent", "uncertain", "uncertain"]


async def test_an_answer_that_two_messages_may_have_brought_proves_neither(
    database: Database,
) -> None:
    await given(database, carrying(1, 0), state="sent")
    await given(database, carrying(2, 0), state="uncertain")

    assert await answered(database, 0) == []
    assert await states(database) == ["sent", "uncertain"]


async def test_a_message_that_never_left_is_not_taken_for_the_bringer(database: Database) -> None:
    await given(database, carrying(1, 0), state="failed")
    [doubted] = await given(database, carrying(2, 0), state="uncertain")

    assert await answered(database, 0) == [doubted]


async def test_a_mark_proves_the_message_whose_links_carry_it(database: Database) -> None:
    ids = await given(database, draft(1), draft(2), state="uncertain")
    mark = mark_of(draft(2).message_id)

    def click(c: sa.Connection) -> list[list[int]]:
        return [evidence.prove_clicked(c, SUBJECT, 1, one, SOON) for one in ("", "abc", mark)]

    assert await database.write(click) == [[], [], [ids[1]]]
