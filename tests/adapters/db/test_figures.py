"""How mail stands, in numbers, on both engines."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from adapters.db import outbox_claims, outbox_results, suppressions
from adapters.db.database import Database
from adapters.db.figure_store import KEPT_FOR, SqlFigures
from adapters.db.figures import _APART, figures
from adapters.db.outbox_results import Result
from adapters.db.schema import outbox, outbox_attempts, outbox_lanes
from domain.outbox.figures import Figures
from domain.outbox.model import (
    MessageState,
    Phase,
    Report,
    SuppressionReason,
    SuppressionScope,
)
from domain.outbox.rules import Ruling
from domain.values import LATEST
from tests.adapters.message_orders import asked
from tests.adapters.outbox_rows import NOON

HOUR = timedelta(hours=1)


async def look(database: Database, later: timedelta = timedelta(0)) -> Figures:
    return await database.read(lambda c: figures(c, NOON + later))


async def become(database: Database, message: int, **values: Any) -> None:
    change = sa.update(outbox).where(outbox.c.id == message).values(**values)
    await database.write(lambda c: c.execute(change))


async def test_an_empty_house_has_nothing_to_count(database: Database) -> None:
    seen = await look(database)

    assert set(seen.states.values()) == {0}
    assert (seen.due, seen.due_since, seen.unsent_since, seen.unread) == (0, None, None, 0)


async def test_every_state_is_counted(database: Database) -> None:
    for number, state in enumerate(MessageState):
        for copy in range(number + 1):
            message = await asked(database, occasion=f"{number}-{copy}")
            await become(database, message.id, state=state.value)

    seen = await look(database)

    assert seen.states == {state: number + 1 for number, state in enumerate(MessageState)}


async def test_what_is_due_is_told_from_what_is_not(database: Database) -> None:
    await asked(database)
    await asked(database, occasion="2", send_at=NOON + 3 * HOUR)

    seen = await look(database, HOUR)

    assert (seen.due, seen.due_since, seen.unsent_since) == (1, NOON, NOON)


async def test_a_message_that_is_tried_again_and_again_stays_old(database: Database) -> None:
    message = await asked(database)
    await become(database, message.id, state="retry", next_at=NOON + 5 * HOUR)

    seen = await look(database, 4 * HOUR)

    assert (seen.due, seen.unsent_since) == (0, NOON)


async def test_attempts_are_counted_by_how_they_went(database: Database) -> None:
    for occasion, report in (
        ("1", Report(phase=Phase.DONE, code=250)),
        ("2", Report(phase=Phase.DONE, code=251)),
        ("3", Report(phase=Phase.CONNECT)),
    ):
        await asked(database, occasion=occasion)
        await attempt(database, report)
    in_a_row = sa.update(outbox_attempts).where(outbox_attempts.c.code.is_(None)).values(times=7)
    await database.write(lambda c: c.execute(in_a_row))

    seen = await look(database)

    assert {(kind.phase, kind.code_class): count for kind, count in seen.attempts} == {
        (Phase.DONE, 2): 2,
        (Phase.CONNECT, 0): 7,
    }


async def attempt(database: Database, report: Report) -> None:
    claims = await database.write(lambda c: outbox_claims.claim(c, "one", 1, NOON, LATEST))
    held = [outbox_claims.Held(one.id, one.token) for one in claims]
    await database.write(lambda c: outbox_claims.mark_sending(c, held, NOON, LATEST))
    results = [Result(one, report, Ruling(state=MessageState.SENT), NOON) for one in claims]
    await database.write(lambda c: outbox_results.finish(c, results))


async def test_lanes_and_suppressions_count_while_they_hold(database: Database) -> None:
    def work(c: sa.Connection) -> None:
        for name, until in (("domain/a.example", NOON + HOUR), ("domain/b.example", None)):
            row = {"name": name, "strikes": 1, "backs_off_until": until}
            c.execute(sa.insert(outbox_lanes), row | {"free_at": NOON, "listed_to": NOON})
        for address, until in (("a@x.example", None), ("b@x.example", NOON + HOUR)):
            scope, reason = SuppressionScope.ALL, SuppressionReason.BOUNCED
            suppressions.suppress(c, "main", address, scope, reason, NOON, until=until)

    await database.write(work)

    now, later = await look(database), await look(database, 2 * HOUR)

    assert (now.lanes_backing_off, later.lanes_backing_off) == (1, 0)
    assert now.suppressed == {SuppressionReason.BOUNCED: 2}
    assert later.suppressed == {SuppressionReason.BOUNCED: 1}


async def test_figures_are_kept_for_some_seconds(sqlite_database: Database) -> None:
    ticks = [0.0]
    store = SqlFigures(sqlite_database, lambda: NOON, lambda: ticks[0])
    first = await store.look()
    await asked(sqlite_database)

    again = await store.look()
    ticks[0] = KEPT_FOR + 1
    fresh = await store.look()

    assert again == first
    assert fresh.due == 1


async def test_the_seldom_states_are_counted_by_their_index_alone(
    sqlite_database: Database,
) -> None:
    text = str(_APART.compile(compile_kwargs={"literal_binds": True}))

    plan = await sqlite_database.read(
        lambda c: str(c.execute(sa.text(f"EXPLAIN QUERY PLAN {text}")).all())
    )

    assert "USING COVERING INDEX ix_outbox_apart" in plan
