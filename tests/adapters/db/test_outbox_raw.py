"""The bytes of a message are kept for as long after its end, however it ends and however long it
waited; on both engines."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from adapters.db import digests, outbox, outbox_claims, outbox_raw, outbox_results, suppressions
from adapters.db.database import Database
from adapters.db.outbox import Wait
from adapters.db.outbox_claims import Held
from adapters.db.outbox_results import Result
from adapters.db.schema import ENDED_AT, KEEPS_RAW_IN_VAIN
from adapters.db.schema import outbox as rows
from domain.outbox.model import Hold, MessageState, Phase, Report
from domain.outbox.model import SuppressionReason as Reason
from domain.outbox.model import SuppressionScope as Scope
from domain.outbox.rules import Ruling
from domain.outbox.transitions import Deed
from domain.values import LATEST
from tests.adapters.db.test_message_deeds import LATER, act
from tests.adapters.message_orders import asked
from tests.adapters.outbox_rows import NOON, draft, states

ASKED = LATER - timedelta(days=300)
WAITED = draft(1)


def attempted(c: sa.Connection, state: MessageState) -> None:
    [claim] = outbox_claims.claim(c, "one", 1, LATER, LATEST)
    outbox_claims.mark_sending(c, [Held(claim.id, claim.token)], LATER, LATEST)
    report = Report(phase=Phase.DONE, code=250)
    outbox_results.finish(c, [Result(claim, report, Ruling(state=state), LATER)])


def sent(c: sa.Connection) -> None:
    attempted(c, MessageState.SENT)


def failed(c: sa.Connection) -> None:
    attempted(c, MessageState.FAILED)


def expired(c: sa.Connection) -> None:
    c.execute(sa.update(rows).values(expires_at=LATER))
    assert outbox_claims.claim(c, "one", 1, LATER, LATEST) == []


def suppressed(c: sa.Connection) -> None:
    suppressions.suppress(c, "main", WAITED.recipient, Scope.ALL, Reason.PERSON, LATER)
    assert outbox_claims.claim(c, "one", 1, LATER, LATEST) == []


def merged(c: sa.Connection) -> None:
    parts = digests.due_parts(c, "morning", LATER)
    digests.merge(c, parts, draft(2), LATER)


def cancelled(c: sa.Connection) -> None:
    c.execute(sa.update(rows).values(state="held", next_at=LATEST))
    assert WAITED.party is not None
    assert outbox.stop_writing_to(c, WAITED.subject, WAITED.party, WAITED.recipient, LATER)


@pytest.mark.parametrize("ending", [sent, failed, expired, suppressed, merged, cancelled])
@pytest.mark.parametrize("due_at", [ASKED, LATER])
async def test_bytes_are_kept_from_the_end_of_a_message_on(
    database: Database, ending: Callable[[sa.Connection], None], due_at: datetime
) -> None:

    def work(c: sa.Connection) -> None:
        outbox.post(c, "main", WAITED, ASKED, wait=Wait(Hold.DIGEST, due_at), digest="morning")
        ending(c)

    await database.write(work)

    assert (await states(database))[0] == ending.__name__
    assert await forgotten(database) == [0, 1]


async def test_a_mail_that_was_dropped_while_it_was_held_for_ever_is_over(
    database: Database,
) -> None:
    message = await asked(database)
    await act(database, message.id, Deed.HOLD)
    await act(database, message.id, Deed.DROP)

    assert await forgotten(database) == [0, 1]


async def forgotten(database: Database) -> list[int]:
    """How many are forgotten of what was over before `LATER`, and until then."""
    moments = (LATER, LATER + timedelta(microseconds=1))
    return [
        await database.write(lambda c, at=one: outbox_raw.forget(c, at, at, 10))  # type: ignore[misc]
        for one in moments
    ]


async def test_what_is_over_is_found_among_very_many_that_wait(database: Database) -> None:
    await database.write(lambda c: outbox.post(c, "main", WAITED, NOON))
    plan = "EXPLAIN QUERY PLAN" if database.dialect == "sqlite" else "EXPLAIN"
    text = (
        f"{plan} SELECT id FROM outbox WHERE {KEEPS_RAW_IN_VAIN} AND {ENDED_AT} < 5"
        f" ORDER BY {ENDED_AT} LIMIT 10"
    )

    def explain(c: sa.Connection) -> str:
        if c.dialect.name == "postgresql":
            c.exec_driver_sql("SET LOCAL enable_seqscan = off")
        return str(c.exec_driver_sql(text).all())

    assert "ix_outbox_raw" in await database.read(explain)
