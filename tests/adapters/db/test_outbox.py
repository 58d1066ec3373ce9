"""Rows of the outbox, on both engines."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from adapters.db import evidence, outbox, outbox_claims, outbox_results
from adapters.db.database import Database
from adapters.db.outbox_claims import Held
from adapters.db.outbox_results import Result
from adapters.db.schema import outbox as outbox_table
from domain.errors import Refused
from domain.outbox.model import Claim, MessageState, Phase, Proof, Report
from domain.outbox.rules import Ruling
from domain.postage import Postage, Priority
from tests.adapters.outbox_rows import NOON, attempts, draft, enqueue, states, statuses
from tests.patience import until

LATER = NOON + timedelta(minutes=5)
OK = Report(phase=Phase.DONE, code=250, reply="queued as 42")
SENT = Ruling(state=MessageState.SENT)


async def claim(
    database: Database, limit: int = 10, *, now: datetime = NOON, until: datetime = LATER
) -> list[Claim]:
    return await database.write(lambda c: outbox_claims.claim(c, "one", limit, now, until))


async def mark(database: Database, *claims: Claim, now: datetime = NOON) -> set[Held]:
    held = [Held(one.id, one.token) for one in claims]
    return await database.write(
        lambda c: outbox_claims.mark_sending(c, held, now, now + 3 * (LATER - NOON))
    )


async def finish(
    database: Database, one: Claim, ruling: Ruling = SENT, report: Report = OK
) -> bool:
    result = Result(one, report, ruling, NOON)
    return bool(await database.write(lambda c: outbox_results.finish(c, [result])))


async def release(database: Database, before: datetime) -> int:
    return len(await database.write(lambda c: outbox_results.release_lapsed(c, before, before)))


async def test_one_business_key_is_one_message_for_ever(database: Database) -> None:
    first = await enqueue(database, draft())
    again = await enqueue(database, draft(), at=LATER)

    assert first == again
    assert await states(database) == ["queued"]


async def test_a_message_id_belongs_to_one_message(database: Database) -> None:
    stranger = draft(2).model_copy(update={"message_id": draft(1).message_id})
    await enqueue(database, draft(1))

    with pytest.raises(Refused):
        await enqueue(database, stranger)


async def test_enqueueing_rings_the_bell(database: Database) -> None:
    before = database.bell.rung(outbox.BELL)

    await enqueue(database, draft())

    await until(lambda: database.bell.rung(outbox.BELL) > before)


async def test_a_message_is_claimed_once(database: Database) -> None:
    await enqueue(database, draft(1), draft(2))

    first, second = await claim(database, 1), await claim(database, 10)

    assert [one.id for one in [*first, *second]] == [1, 2]
    assert await claim(database) == []
    assert first[0].raw == draft(1).raw
    assert (first[0].attempt, first[0].token) == (1, 1)


async def test_a_message_is_not_claimed_before_it_is_due(database: Database) -> None:
    await enqueue(database, draft(), at=LATER)

    assert await claim(database) == []
    assert await database.read(outbox.next_due) == LATER
    assert len(await claim(database, now=LATER)) == 1
    assert await database.read(outbox.next_due) is None


async def test_a_message_goes_from_claim_to_mark_to_sent(database: Database) -> None:
    await enqueue(database, draft())
    [one] = await claim(database)

    assert await mark(database, one) == {Held(one.id, one.token)}
    assert await states(database) == ["sending"]
    assert await finish(database, one)

    [status] = await statuses(database)
    assert (status.state, status.attempts, status.sent_at) == ("sent", 1, NOON)
    assert status.last_reply == "250 queued as 42"
    assert await attempts(database) == [("done", 250, "sent")]


async def test_a_second_mark_of_one_claim_is_refused(database: Database) -> None:
    """Two final dots for one claim cannot happen, whoever asks twice."""
    await enqueue(database, draft())
    [one] = await claim(database)

    assert len(await mark(database, one)) == 1
    assert await mark(database, one) == set()


async def test_a_mark_after_the_lease_is_refused(database: Database) -> None:
    await enqueue(database, draft())
    [one] = await claim(database)

    assert await mark(database, one, now=LATER) == set()


async def test_an_expired_claim_goes_back_to_the_queue(database: Database) -> None:
    await enqueue(database, draft())
    [slow] = await claim(database)

    assert await release(database, NOON) == 0
    assert await release(database, LATER) == 1
    [quick] = await claim(database, until=LATER + timedelta(hours=1))

    assert (quick.id, quick.token) == (slow.id, slow.token + 1)
    assert await mark(database, slow) == set()
    assert len(await mark(database, quick)) == 1


async def test_a_result_of_an_older_claim_changes_nothing(database: Database) -> None:
    await enqueue(database, draft())
    [slow] = await claim(database)
    await release(database, LATER)
    [quick] = await claim(database)

    assert not await finish(database, slow, Ruling(state=MessageState.FAILED))
    assert await states(database) == ["claimed"]
    assert await attempts(database) == []
    assert quick.token == 2


async def test_a_marked_message_whose_lease_ends_is_uncertain(database: Database) -> None:
    await enqueue(database, draft())
    [one] = await claim(database)
    await mark(database, one)

    assert await release(database, LATER + timedelta(hours=1)) == 1
    assert await states(database) == ["uncertain"]
    assert await attempts(database) == [("dot", None, "uncertain")]
    assert await claim(database, now=LATER + timedelta(days=9)) == []


async def test_a_late_reply_settles_what_was_uncertain(database: Database) -> None:
    await enqueue(database, draft())
    [one] = await claim(database)
    await mark(database, one)
    await release(database, LATER + timedelta(hours=1))

    assert await finish(database, one)
    assert await states(database) == ["sent"]
    assert await attempts(database) == [("done", 250, "sent")]


async def test_nothing_is_sent_that_was_not_marked(database: Database) -> None:
    await enqueue(database, draft())
    [one] = await claim(database)

    assert not await finish(database, one)
    assert await states(database) == ["claimed"]


async def test_a_retry_is_due_again_at_its_time(database: Database) -> None:
    await enqueue(database, draft())
    [one] = await claim(database)
    refused = Report(phase=Phase.RCPT, code=450, reply="greylisted")

    await finish(database, one, Ruling(state=MessageState.RETRY, next_at=LATER), refused)

    assert await claim(database) == []
    [again] = await claim(database, now=LATER)
    assert (again.attempt, again.token, again.raw) == (2, 2, one.raw)
    [status] = await statuses(database)
    assert status.last_reply == "450 greylisted"


async def test_a_message_given_back_has_not_been_tried(database: Database) -> None:
    await enqueue(database, draft())
    [one] = await claim(database)

    await database.write(lambda c: outbox_claims.give_back(c, [Held(one.id, one.token)]))

    [again] = await claim(database)
    assert (again.attempt, again.token) == (1, 2)


async def test_a_result_written_twice_counts_once(database: Database) -> None:
    await enqueue(database, draft())
    [one] = await claim(database)
    await mark(database, one)

    assert await finish(database, one)
    assert await finish(database, one)
    assert await attempts(database) == [("done", 250, "sent")]


async def test_many_results_are_written_together(database: Database) -> None:
    await enqueue(database, *(draft(n) for n in range(1, 6)))
    claims = await claim(database)
    await mark(database, *claims[:4])
    rulings = [SENT, SENT, Ruling(state=MessageState.UNCERTAIN, is_unknown=True), SENT, SENT]
    results = [Result(one, OK, ruling, NOON) for one, ruling in zip(claims, rulings, strict=True)]

    stands = await database.write(lambda c: outbox_results.finish(c, results))

    assert await states(database) == ["sent", "sent", "uncertain", "sent", "claimed"]
    assert {one.id for one in stands} == {1, 2, 3, 4}


async def test_an_error_of_the_database_quotes_no_mail(database: Database) -> None:
    spoiled = draft().model_copy(update={"kind": None})  # the column refuses it

    with pytest.raises(exc.DBAPIError) as fault:
        await enqueue(database, spoiled)

    assert "Subject: letter" not in str(fault.value)


LOST = Report(phase=Phase.DOT)
ONCE_MORE = Ruling(state=MessageState.RETRY, is_unknown=True, next_at=LATER)


async def sent_into_the_unknown(database: Database, ruling: Ruling = ONCE_MORE) -> Claim:
    """The one message, whose dot was written and whose reply was not read."""
    await enqueue(database, draft())
    [one] = await claim(database)
    await mark(database, one)
    await finish(database, one, ruling, LOST)
    return one


async def test_what_goes_out_once_more_says_that_the_first_time_is_unknown(
    database: Database,
) -> None:
    first = await sent_into_the_unknown(database)

    [again] = await claim(database, now=LATER)

    assert await attempts(database) == [("dot", None, "uncertain")]
    assert (again.resends, again.raw) == (1, first.raw)


async def test_an_unknown_result_written_twice_is_one_resend(database: Database) -> None:
    one = await sent_into_the_unknown(database)

    assert await finish(database, one, ONCE_MORE, LOST)

    [again] = await claim(database, now=LATER)
    assert again.resends == 1


@pytest.mark.parametrize("state", [MessageState.SENT, MessageState.FAILED])
async def test_a_late_reply_stops_what_was_to_go_out_once_more(
    database: Database, state: MessageState
) -> None:
    one = await sent_into_the_unknown(database)

    assert await finish(database, one, Ruling(state=state))
    assert await states(database) == [state]
    assert await claim(database, now=LATER) == []


@pytest.mark.parametrize("state", [MessageState.SENT, MessageState.FAILED])
@pytest.mark.parametrize("waits", [MessageState.HELD, MessageState.QUEUED])
async def test_a_late_reply_counts_while_the_copy_is_held_or_was_released(
    database: Database, waits: MessageState, state: MessageState
) -> None:
    one = await sent_into_the_unknown(database)
    held = {"state": waits.value, "held_because": "person" if waits == "held" else None}
    await database.write(lambda c: c.execute(sa.update(outbox_table).values(held)))

    assert await finish(database, one, Ruling(state=state))

    query = sa.select(outbox_table.c.state, outbox_table.c.held_because)
    assert await database.read(lambda c: c.execute(query).one()) == (state, None)
    assert await attempts(database) == [("done", 250, state)]


@pytest.mark.parametrize("waits", [MessageState.HELD, MessageState.QUEUED])
async def test_a_reply_to_what_waits_for_the_first_time_counts_for_nothing(
    database: Database, waits: MessageState
) -> None:
    """Its dispatcher wrote no dot: it gave the message back, or lost it before."""
    await enqueue(database, draft())
    [one] = await claim(database)
    await database.write(lambda c: c.execute(sa.update(outbox_table).values(state=waits.value)))

    assert not await finish(database, one)
    assert await states(database) == [waits]


async def test_evidence_that_arrives_before_the_result_settles_an_unknown_one(
    database: Database,
) -> None:
    await enqueue(database, draft())
    [one] = await claim(database)
    await mark(database, one)
    await database.write(lambda c: evidence.prove(c, [one.id], Proof.ANSWER, NOON))

    assert await finish(database, one, ONCE_MORE, LOST)
    assert await states(database) == ["sent"]


async def test_a_reply_counts_for_more_than_evidence_of_the_same_attempt(
    database: Database,
) -> None:
    await enqueue(database, draft())
    [one] = await claim(database)
    await mark(database, one)
    await database.write(lambda c: evidence.prove(c, [one.id], Proof.ANSWER, NOON))

    await finish(database, one, Ruling(state=MessageState.FAILED))

    assert await states(database) == ["failed"]


async def test_evidence_of_the_first_copy_stands_when_the_second_is_refused(
    database: Database,
) -> None:
    await sent_into_the_unknown(database)
    [again] = await claim(database, now=LATER)
    await mark(database, again)
    await database.write(lambda c: evidence.prove(c, [again.id], Proof.ANSWER, NOON))

    await finish(database, again, Ruling(state=MessageState.FAILED))

    assert await states(database) == ["sent"]


async def test_an_attempt_that_never_reached_the_relay_does_not_count(database: Database) -> None:
    await enqueue(database, draft())
    [one] = await claim(database)
    ruling = Ruling(state=MessageState.RETRY, next_at=LATER, counts=False)

    await finish(database, one, ruling, Report(phase=Phase.CONNECT))

    [again] = await claim(database, now=LATER)
    assert again.attempt == 1


async def test_a_message_that_takes_its_dispatcher_down_is_not_the_first_in_hand_again(
    database: Database,
) -> None:
    await enqueue(database, draft())
    for _ in range(2):
        await claim(database)
        await release(database, LATER)

    due = await database.read(outbox.next_due)
    assert due is not None
    assert due > LATER


async def test_the_more_urgent_goes_first_and_then_what_has_waited_longer(
    database: Database,
) -> None:
    bulk = draft(1).model_copy(update={"postage": Postage(priority=Priority.BULK)})
    urgent = draft(2).model_copy(update={"postage": Postage(priority=Priority.URGENT)})
    await enqueue(database, bulk, at=NOON - timedelta(days=1))
    await enqueue(database, draft(3), at=NOON)
    await enqueue(database, draft(4), at=NOON - timedelta(hours=1))
    await enqueue(database, urgent)

    assert [one.id for one in await claim(database, 3)] == [4, 3, 2]
    assert [one.id for one in await claim(database, 3)] == [1]


async def test_a_refused_copy_leaves_the_first_in_doubt(database: Database) -> None:
    await sent_into_the_unknown(database)
    [again] = await claim(database, now=LATER)
    refused = Report(phase=Phase.RCPT, code=550, reply="no such user")

    assert await finish(database, again, Ruling(state=MessageState.UNCERTAIN), refused)

    assert await states(database) == ["uncertain"]
    assert [state for _, _, state in await attempts(database)] == ["uncertain", "failed"]
