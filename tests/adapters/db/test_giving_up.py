"""By which time a letter that nobody accepts is given up, and which does not count; on both
engines."""

from datetime import datetime, time, timedelta

import pytest
import sqlalchemy as sa

from adapters.db import lanes, outbox_claims, outbox_results
from adapters.db.database import Database
from adapters.db.outbox_claims import Held, Order
from adapters.db.outbox_results import Result
from adapters.db.schema import outbox as rows
from domain.commands import Submission
from domain.outbox.model import Claim, MessageState, Phase, Report
from domain.outbox.quiet import QuietHours
from domain.outbox.rules import rule_on
from domain.outbox.shaping import Shaping
from domain.outbox.transitions import Deed
from domain.postage import Postage
from tests.adapters.message_orders import messages_of
from tests.adapters.outbox_rows import NOON, draft, enqueue

DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
GREYLISTED = Report(phase=Phase.RCPT, code=450, reply="4.2.0 greylisted")
RELAY_DOWN = Report(phase=Phase.CONNECT, reply="connection refused")
LETTER = draft().model_copy(update={"postage": Postage(quiet=True, zone="UTC")})


def claim(c: sa.Connection, now: datetime, shaping: Shaping | None = None) -> list[Claim]:
    order = Order("one", 1, now + 5 * HOUR, shaping or Shaping())
    return outbox_claims.take(c, order, now).claims


def fail(c: sa.Connection, claim: Claim, report: Report, now: datetime) -> MessageState:
    ruling = rule_on(
        report,
        on_unknown=claim.on_unknown,
        resends=claim.resends,
        attempt=claim.attempt,
        since=claim.tried_at,
        now=now,
        jitter=0.0,
    )
    outbox_results.finish(c, [Result(claim, report, ruling, now)])
    return ruling.state


async def attempt(database: Database, report: Report, now: datetime) -> MessageState:
    """What becomes of the one letter there is when an attempt at `now` ends so."""

    def work(c: sa.Connection) -> MessageState:
        [one] = claim(c, now)
        return fail(c, one, report, now)

    return await database.write(work)


async def asked_for(database: Database, deed: Deed, at: datetime) -> None:
    order = Submission(
        id=deed.value,
        owner="main",
        kind="message.deed",
        route="POST /messages",
        key=deed.value,
        fingerprint="",
        data={},
        at=at,
    )
    await messages_of(database).act(order, 1, deed, "me")


async def due(database: Database) -> datetime:
    found = await database.read(lambda c: c.execute(sa.select(rows.c.next_at)).scalar_one())
    assert isinstance(found, datetime)
    return found


async def age_at(database: Database, now: datetime, shaping: Shaping | None = None) -> timedelta:
    """For how long it has been tried when it is claimed at `now`; the claim is given back."""

    def work(c: sa.Connection) -> timedelta:
        [one] = claim(c, now, shaping)
        outbox_claims.give_back(c, [Held(one.id, one.token)])
        return now - one.tried_at

    return await database.write(work)


async def test_a_letter_is_given_up_when_it_was_tried_for_five_days(database: Database) -> None:
    await enqueue(database, LETTER)
    now = NOON

    while await attempt(database, GREYLISTED, now) is MessageState.RETRY:
        now = await due(database)

    assert 5 * DAY <= now - NOON <= 5 * DAY + 2 * HOUR


@pytest.mark.parametrize("gap", [23 * HOUR, 25 * HOUR, 6 * DAY])
async def test_it_is_tried_several_times_however_long_nobody_tried(
    database: Database, gap: timedelta
) -> None:
    """The process was down, the installation held all mail, or others had their turn."""
    await enqueue(database, LETTER)
    now, tried = NOON, 1

    while await attempt(database, GREYLISTED, now) is MessageState.RETRY and tried < 20:
        now, tried = await due(database) + gap, tried + 1

    assert tried > 5


async def test_a_claim_that_is_given_back_after_a_pause_counts_it_out_once(
    database: Database,
) -> None:
    await enqueue(database, LETTER)
    await attempt(database, GREYLISTED, NOON)
    after = await due(database) + 6 * DAY

    ages = [await age_at(database, after + n * HOUR) for n in range(3)]

    assert ages == [15 * SECOND + n * HOUR for n in range(3)]


async def test_a_relay_that_is_down_makes_no_letter_older(database: Database) -> None:
    await enqueue(database, LETTER)
    await attempt(database, GREYLISTED, NOON)
    now = await due(database)

    for _ in range(8):
        assert await attempt(database, RELAY_DOWN, now) is MessageState.RETRY
        now = await due(database) + 23 * HOUR

    assert await age_at(database, await due(database)) == 15 * SECOND


async def test_time_in_which_it_was_held_does_not_count(database: Database) -> None:
    night = Shaping(quiet_hours=QuietHours(start=time(12), end=time(11)))
    await enqueue(database, LETTER)
    await attempt(database, GREYLISTED, NOON)
    now = NOON + 15 * SECOND

    assert await database.write(lambda c: claim(c, now, night)) == []
    morning = await due(database)

    assert morning == NOON + 23 * HOUR
    assert await age_at(database, morning, night) == 15 * SECOND


async def test_waiting_for_a_turn_does_not_count(database: Database) -> None:
    await enqueue(database, LETTER)
    await attempt(database, GREYLISTED, NOON)
    now = NOON + 15 * SECOND
    await database.write(lambda c: lanes.tell(c, {"example.org": "421 slow down"}, [], now))

    assert await database.write(lambda c: claim(c, now)) == []
    turn = await due(database)

    assert turn > now
    assert await age_at(database, turn + SECOND) == 16 * SECOND


@pytest.mark.parametrize("deeds", [(Deed.RETRY_NOW,), (Deed.HOLD, Deed.RELEASE)], ids=str)
async def test_a_person_who_asks_for_it_has_it_tried_for_as_long_again(
    database: Database, deeds: tuple[Deed, ...]
) -> None:
    await enqueue(database, LETTER)
    await attempt(database, GREYLISTED, NOON)
    later = NOON + 6 * DAY

    for deed in deeds:
        await asked_for(database, deed, later)

    assert await age_at(database, later + SECOND) == timedelta(0)


async def test_what_is_sent_once_more_after_a_week_of_doubt_is_tried_again(
    database: Database,
) -> None:
    await enqueue(database, LETTER)
    await database.write(lambda c: claim(c, NOON))
    await database.write(
        lambda c: c.execute(sa.update(rows).values(state=MessageState.UNCERTAIN.value))
    )

    await asked_for(database, Deed.RELEASE, NOON + 7 * DAY)

    assert await attempt(database, GREYLISTED, NOON + 7 * DAY) is MessageState.RETRY
