"""The gate and its lanes, as claims meet them; on both engines."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from adapters.db import (
    digests,
    evidence,
    lanes,
    outbox,
    outbox_claims,
    outbox_results,
    suppressions,
)
from adapters.db.database import Database
from adapters.db.outbox import Wait
from adapters.db.outbox_claims import Held, Order, Taken
from adapters.db.outbox_results import Result
from adapters.db.schema import outbox as rows
from adapters.db.schema import outbox_events, outbox_lanes
from domain.outbox.model import (
    Claim,
    Draft,
    Hold,
    MessageState,
    Phase,
    Proof,
    Report,
    SuppressionReason,
    SuppressionScope,
)
from domain.outbox.quiet import QuietHours
from domain.outbox.rules import Ruling
from domain.outbox.shaping import Shaping
from domain.postage import OnUnknown, Postage, Priority
from tests.adapters.outbox_rows import NOON, draft, enqueue, states

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
LEASE = timedelta(minutes=5)
SENT = Ruling(state=MessageState.SENT, proof=Proof.REPLY)


def letter(number: int, to: str = "ana@example.org", **postage: Any) -> Draft:
    return draft(number).model_copy(update={"recipient": to, "postage": Postage(**postage)})


async def take(
    database: Database,
    shaping: Shaping | None = None,
    limit: int = 50,
    now: datetime = NOON,
    **order: Any,
) -> Taken:
    wanted = Order("one", limit, now + LEASE, shaping or Shaping(), **order)
    return await database.write(lambda c: outbox_claims.take(c, wanted, now))


async def send(database: Database, claims: Sequence[Claim], at: datetime = NOON) -> None:
    held = [Held(one.id, one.token) for one in claims]
    results = [Result(one, Report(phase=Phase.DONE, code=250), SENT, at) for one in claims]

    def work(c: sa.Connection) -> None:
        outbox_claims.mark_sending(c, held, at, at + LEASE)
        outbox_results.finish(c, results)

    await database.write(work)


async def row(database: Database, id: int) -> Any:
    query = sa.select(rows).where(rows.c.id == id)
    return await database.read(lambda c: c.execute(query).one())


async def events(database: Database) -> list[tuple[int, str]]:
    query = sa.select(outbox_events).order_by(outbox_events.c.id)
    found = await database.read(lambda c: c.execute(query).all())
    return [(one.message_id, one.type) for one in found]


async def events_of(database: Database, id: int) -> list[str]:
    return [type for message, type in await events(database) if message == id]


async def test_what_expired_is_not_sent_and_is_said_once(database: Database) -> None:
    await enqueue(database, letter(1, expires_at=NOON), letter(2, expires_at=NOON + SECOND))

    taken = await take(database)
    again = await take(database)

    assert [one.id for one in taken.claims] == [2]
    assert [(one.id, one.state) for one in taken.fates] == [(1, "expired")]
    assert again.fates == []
    assert await states(database) == ["expired", "claimed"]
    assert await events(database) == [(1, "expired")]


@pytest.mark.parametrize("scope", SuppressionScope)
async def test_a_suppressed_address_gets_none_of_the_mail_it_does_not_want(
    database: Database, scope: SuppressionScope
) -> None:
    reason = SuppressionReason.UNSUBSCRIBED
    await database.write(
        lambda c: suppressions.suppress(c, "main", "Ana@example.org", scope, reason, NOON)
    )
    await enqueue(database, letter(1), letter(2, optional=True), letter(3, to="bo@example.org"))

    taken = await take(database)

    stopped = {1, 2} if scope is SuppressionScope.ALL else {2}
    assert {one.id for one in taken.fates} == stopped
    assert {one.id for one in taken.claims} == {1, 2, 3} - stopped


async def without_a_reply(database: Database) -> None:
    """An attempt at what is due, of which nobody knows what it came to; it goes out once more."""
    [claim] = (await take(database)).claims
    ruling = Ruling(state=MessageState.RETRY, next_at=NOON + SECOND, is_unknown=True)
    result = Result(claim, Report(phase=Phase.DOT), ruling, NOON)

    def work(c: sa.Connection) -> None:
        outbox_claims.mark_sending(c, [Held(claim.id, claim.token)], NOON, NOON + LEASE)
        outbox_results.finish(c, [result])

    await database.write(work)


@pytest.mark.parametrize("why", ["expired", "suppressed"])
async def test_a_copy_that_is_not_wanted_leaves_a_doubt_that_evidence_settles(
    database: Database, why: str
) -> None:
    expires_at = NOON + HOUR if why == "expired" else None
    await enqueue(database, letter(1, on_unknown=OnUnknown.RESEND_ONCE, expires_at=expires_at))
    await without_a_reply(database)
    scope, reason = SuppressionScope.ALL, SuppressionReason.UNSUBSCRIBED
    if why == "suppressed":
        await database.write(
            lambda c: suppressions.suppress(c, "main", "ana@example.org", scope, reason, NOON)
        )

    taken = await take(database, now=NOON + HOUR)
    again = await take(database, now=NOON + 2 * HOUR)

    assert (taken.claims, again.claims, again.fates) == ([], [], [])
    assert [(one.id, one.state) for one in taken.fates] == [(1, "uncertain")]
    assert await states(database) == await events_of(database, 1) == ["uncertain"]
    await database.write(lambda c: evidence.prove(c, [1], Proof.REPORT, NOON + HOUR))
    assert await states(database) == ["sent"]


async def test_another_owners_suppression_stops_nothing(database: Database) -> None:
    reason, scope = SuppressionReason.BOUNCED, SuppressionScope.ALL
    await database.write(
        lambda c: suppressions.suppress(c, "other", "ana@example.org", scope, reason, NOON)
    )
    await enqueue(database, letter(1))

    assert len((await take(database)).claims) == 1


async def test_quiet_hours_hold_until_the_morning_and_then_it_goes(database: Database) -> None:
    shaping = Shaping(quiet_hours=QuietHours(start=time(11), end=time(14)))
    await enqueue(database, letter(1, quiet=True, zone="UTC"), letter(2, zone="UTC"))

    taken = await take(database, shaping)
    held = await row(database, 1)
    assert [one.id for one in taken.claims] == [2]
    assert (held.state, held.held_because, held.next_at) == (
        "held",
        Hold.QUIET_HOURS,
        NOON + 2 * HOUR,
    )
    assert await events(database) == [(1, "held")]

    assert (await take(database, shaping, now=NOON + HOUR)).claims == []
    assert [one.id for one in (await take(database, shaping, now=NOON + 2 * HOUR)).claims] == [1]
    assert (await row(database, 1)).held_because is None


async def test_a_recipient_gets_so_many_in_a_day_and_the_rest_when_there_is_room(
    database: Database,
) -> None:
    shaping = Shaping(recipient_cap=2)
    await enqueue(database, *(letter(n) for n in range(1, 5)), letter(5, to="bo@example.org"))

    first = await take(database, shaping)
    assert [one.id for one in first.claims] == [1, 2, 5]
    assert [one.state for one in first.fates] == ["held", "held"]
    await send(database, first.claims)

    for hours in (1, 23):
        assert (await take(database, shaping, now=NOON + hours * HOUR)).claims == []
    next_day = await take(database, shaping, now=NOON + 24 * HOUR + SECOND)
    assert [one.id for one in next_day.claims] == [3, 4]
    assert await events(database) == [(3, "held"), (4, "held")]  # not once for every look


async def test_what_may_have_arrived_counts_for_the_cap(database: Database) -> None:
    shaping = Shaping(recipient_cap=1)
    await enqueue(database, letter(1))
    [one] = (await take(database, shaping)).claims
    held = [Held(one.id, one.token)]
    await database.write(lambda c: outbox_claims.mark_sending(c, held, NOON, NOON + LEASE))
    await database.write(lambda c: outbox_results.release_lapsed(c, NOON + HOUR, NOON + HOUR))
    assert await states(database) == ["uncertain"]
    await enqueue(database, letter(2), at=NOON)

    assert (await take(database, shaping, now=NOON + HOUR)).claims == []


async def test_a_held_message_becomes_due_by_itself_unless_a_person_holds_it(
    database: Database,
) -> None:
    def work(c: sa.Connection) -> None:
        wait = Wait(Hold.SCHEDULED, NOON + HOUR)
        outbox.post(c, "main", letter(1), NOON, wait=wait)

    await database.write(work)

    assert (await take(database)).claims == []
    [one] = (await take(database, now=NOON + HOUR)).claims
    assert one.created_at == NOON
    assert one.tried_at == NOON + HOUR  # what it is given up by


async def test_the_same_business_key_is_said_to_be_known(database: Database) -> None:
    first = await database.write(
        lambda c: outbox.post(c, "main", letter(1), NOON, fingerprint="one")
    )
    again = await database.write(
        lambda c: outbox.post(c, "main", letter(1), NOON, fingerprint="two")
    )

    assert (first.is_new, again.is_new) == (True, False)
    assert (again.id, again.fingerprint) == (first.id, "one")


async def test_a_full_lane_gives_turns_that_are_kept(database: Database) -> None:
    shaping = Shaping(rates_to={"example.org": 2})
    await enqueue(database, *(letter(n) for n in range(1, 10)))

    gone = {
        taken: len((await take(database, shaping, now=NOON + taken * SECOND)).claims)
        for taken in range(5)
    }

    assert gone == {0: 3, 1: 0, 2: 2, 3: 2, 4: 2}
    assert await states(database) == ["claimed"] * 9


async def test_a_slow_domain_holds_up_nobody(database: Database) -> None:
    shaping = Shaping(rates_to={"slow.org": 0.1})
    await enqueue(database, *(letter(n, to="ana@slow.org") for n in range(1, 301)))
    await enqueue(database, letter(301), at=NOON)

    claims: list[Claim] = []
    is_more = True
    while is_more:
        taken = await take(database, shaping, limit=20)
        claims += taken.claims
        is_more = taken.is_more

    assert {one.domain for one in claims} == {"slow.org", "example.org"}
    assert len(claims) == 2


async def test_urgent_mail_passes_those_that_wait_for_their_turn(database: Database) -> None:
    shaping = Shaping(rate=1)
    await enqueue(database, *(letter(n) for n in range(1, 101)))
    assert len((await take(database, shaping)).claims) == 2

    await enqueue(database, letter(101, priority=Priority.URGENT))

    assert [one.id for one in (await take(database, shaping, now=NOON + SECOND)).claims] == [101]


async def test_all_lanes_of_a_message_must_have_room(database: Database) -> None:
    shaping = Shaping(rate=100, rates_to={"slow.org": 1}, rates_of={"meeting": 5})
    await enqueue(database, *(letter(n, to="ana@slow.org") for n in range(1, 11)))
    await enqueue(database, *(letter(n) for n in range(11, 31)))

    claims = (await take(database, shaping)).claims

    by_domain = [one.domain for one in claims]
    assert (by_domain.count("slow.org"), by_domain.count("example.org")) == (2, 4)


async def test_two_dispatchers_together_keep_a_limit(database: Database) -> None:
    shaping = Shaping(rate=10)
    await enqueue(database, *(letter(n) for n in range(1, 1001)))

    taken = await asyncio.gather(*(take(database, shaping, limit=4) for _ in range(8)))
    # What one of them had locked meanwhile the others did not see.
    taken += await asyncio.gather(*(take(database, shaping, limit=1) for _ in range(12)))

    ids = [one.id for each in taken for one in each.claims]
    assert len(ids) == len(set(ids)) == 11


async def test_a_domain_that_asks_for_less_is_left_alone_and_then_tried_again(
    database: Database,
) -> None:
    await enqueue(database, *(letter(n) for n in range(1, 5)), letter(5, to="bo@quick.org"))

    def told(c: sa.Connection) -> None:
        lanes.tell(c, {"example.org": "421 too much"}, ["quick.org"], NOON)

    await database.write(told)

    assert [one.id for one in (await take(database)).claims] == [5]
    later = NOON + timedelta(seconds=31)
    tried = (await take(database, now=later)).claims
    assert [one.troubled for one in tried] == [True, True]  # not all four of them

    await database.write(lambda c: lanes.tell(c, {}, ["example.org"], later))
    rest = (await take(database, now=later + SECOND * 60)).claims
    assert [one.troubled for one in rest] == [False, False]


async def test_a_domain_whose_connections_are_busy_is_asked_for_again_soon(
    database: Database,
) -> None:
    await enqueue(database, *(letter(n) for n in range(1, 10)), letter(10, to="bo@quick.org"))

    shaping = Shaping(connections_to={"example.org": 1})
    taken = await take(database, shaping, in_hand={"example.org": 2})

    assert [one.id for one in taken.claims] == [1, 2, 10]
    assert len((await take(database, now=NOON + SECOND)).claims) == 7


async def test_a_claim_leaves_a_back_off_alone_that_began_meanwhile(postgres: Database) -> None:
    """Where many claim at once: a lane without a row cannot be locked."""
    loop, strikes = asyncio.get_running_loop(), []

    def strike(c: sa.Connection) -> None:
        strikes.extend(lanes.tell(c, {"example.org": "421 too many"}, [], NOON))

    class Interrupted(Shaping):
        def connections_at_once(self, domain: str) -> int:
            if not strikes:
                asyncio.run_coroutine_threadsafe(postgres.write(strike), loop).result(10)
            return 1

    await enqueue(postgres, letter(1))
    assert (await take(postgres, Interrupted(), in_hand={"example.org": 4})).claims == []

    [lane] = await postgres.read(lambda c: c.execute(sa.select(outbox_lanes)).all())
    assert (lane.strikes, lane.because) == (1, "421 too many")
    assert lane.backs_off_until == strikes[0].backs_off_until
    assert lane.listed_to > NOON


async def test_parts_of_digests_are_left_to_be_merged(database: Database) -> None:
    def work(c: sa.Connection) -> None:
        for number in (1, 2):
            wait = Wait(Hold.DIGEST, NOON)
            outbox.post(c, "main", letter(number), NOON, wait=wait, digest="morning")

    await database.write(work)

    taken = await take(database, composes=True)
    assert (taken.claims, taken.digests) == ([], {"morning"})
    assert len((await take(database)).claims) == 2  # nobody composes: they go as they are


async def test_a_digest_counts_for_the_cap_as_the_one_mail_it_is(database: Database) -> None:
    shaping = Shaping(recipient_cap=2)

    def work(c: sa.Connection) -> None:
        for number in range(1, 6):
            wait = Wait(Hold.DIGEST, NOON)
            outbox.post(c, "main", letter(number), NOON, wait=wait, digest="morning")
        outbox.post(c, "main", letter(6), NOON)

    await database.write(work)

    due = await take(database, shaping, composes=True)
    assert ([one.id for one in due.claims], due.fates, due.digests) == ([6], [], {"morning"})
    await send(database, due.claims)

    parts = await database.read(lambda c: digests.due_parts(c, "morning", NOON))
    await database.write(lambda c: digests.merge(c, parts, letter(7), NOON))
    assert [one.id for one in (await take(database, shaping, composes=True)).claims] == [7]

    await enqueue(database, letter(8))
    held = await take(database, shaping, composes=True)
    assert [(one.id, one.state) for one in held.fates] == [(8, MessageState.HELD)]


async def test_what_has_nothing_to_do_is_found_among_very_many(database: Database) -> None:
    """Neither engine reads all that waits, to find what is due."""
    await enqueue(database, draft(1))
    plan = "EXPLAIN QUERY PLAN" if database.dialect == "sqlite" else "EXPLAIN"
    text = (
        f"{plan} SELECT id FROM outbox WHERE state IN ('queued', 'retry', 'held')"
        " AND priority = 1 AND next_at <= 5 ORDER BY next_at, id LIMIT 10"
    )

    def explain(c: sa.Connection) -> str:
        if c.dialect.name == "postgresql":
            c.exec_driver_sql("SET LOCAL enable_seqscan = off")
        return str(c.exec_driver_sql(text).all())

    assert "ix_outbox_due" in await database.read(explain)
