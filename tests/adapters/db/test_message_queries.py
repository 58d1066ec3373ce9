"""Lists, counts and stories of messages, on both engines."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from adapters.db import outbox_claims, outbox_events, outbox_raw, outbox_results
from adapters.db.database import Database
from adapters.db.outbox_results import Result
from adapters.db.schema import outbox as rows
from adapters.db.schema import outbox_attempts
from domain.errors import NotFound
from domain.outbox.model import DeliveryFate, Hold, MessageState, Phase, Report
from domain.outbox.requests import Correspondent
from domain.outbox.rules import Ruling, rule_on
from domain.outbox.views import MessageFilter, needs_attention
from domain.values import LATEST
from tests.adapters.message_orders import asked, messages_of
from tests.adapters.outbox_rows import NOON, draft, enqueue

HOUR = timedelta(hours=1)


async def become(database: Database, message: int, **values: Any) -> None:
    change = sa.update(rows).where(rows.c.id == message).values(**values)
    await database.write(lambda c: c.execute(change))


async def ids(database: Database, **wanted: Any) -> list[int]:
    found = await messages_of(database).search(MessageFilter(**{"owner": "main", **wanted}))
    return [message.id for message in found]


async def in_every_state(database: Database) -> dict[MessageState, int]:
    found = {}
    for number, state in enumerate(MessageState):
        message = await asked(database, occasion=str(number + 1))
        await become(database, message.id, state=state.value)
        found[state] = message.id
    return found


async def test_the_newest_come_first_and_pages_go_on_below(database: Database) -> None:
    made = [(await asked(database, occasion=str(n))).id for n in range(1, 6)]

    first = await ids(database, limit=2)
    second = await ids(database, limit=3, before=first[-1])

    assert [*first, *second] == sorted(made, reverse=True)


@pytest.mark.parametrize("state", list(MessageState))
async def test_each_state_can_be_asked_for(database: Database, state: MessageState) -> None:
    made = await in_every_state(database)

    assert await ids(database, states=(state,)) == [made[state]]
    assert len(await ids(database, states=(state, MessageState.SENT))) in (1, 2)


async def test_every_state_is_counted_whatever_states_are_asked_for(database: Database) -> None:
    await in_every_state(database)
    await asked(database, occasion="another", kind="order.paid")
    messages = messages_of(database)

    wanted = MessageFilter(owner="main", kind="order.shipped", states=(MessageState.SENT,))

    assert await messages.counts(wanted) == dict.fromkeys(MessageState, 1)
    assert await messages.counts(MessageFilter(owner="other")) == {}


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ({"kind": "order.paid"}, True),
        ({"kind": "order."}, True),
        ({"kind": "order"}, False),
        ({"recipient": "BEN@example.org"}, True),
        ({"recipient": "ada@example.org"}, False),
        ({"subject": "o/1"}, True),
        ({"subject": "external/main/o/1"}, True),
        ({"subject": "o/2"}, False),
        ({"created_from": NOON}, True),
        ({"created_from": NOON + HOUR}, False),
        ({"created_before": NOON}, False),
        ({"sent_from": NOON + HOUR}, True),
        ({"sent_before": NOON + HOUR}, False),
        ({"needs_attention": True}, False),
        ({"owner": "other"}, False),
    ],
)
async def test_filters_narrow(database: Database, wanted: dict[str, Any], fits: bool) -> None:
    message = await asked(
        database,
        kind="order.paid",
        subject="o/1",
        recipient=Correspondent(address="ben@example.org"),
    )
    await become(database, message.id, state="sent", sent_at=NOON + HOUR)

    assert await ids(database, **wanted) == ([message.id] if fits else [])


@pytest.mark.parametrize(
    "values",
    [
        {"state": "uncertain"},
        {"state": "failed"},
        {"state": "held", "held_because": Hold.PERSON.value},
        {"state": "held", "held_because": Hold.QUIET_HOURS.value},
        {"state": "sent", "held_because": Hold.PERSON.value},
        {"state": "sent", "fate": DeliveryFate.BOUNCED.value},
        {"state": "sent", "fate": DeliveryFate.COMPLAINED.value},
        {"state": "sent", "fate": DeliveryFate.DELIVERED.value},
        {"state": "suppressed"},
    ],
)
async def test_the_database_knows_what_needs_attention(
    database: Database, values: dict[str, Any]
) -> None:
    """The rule and its SQL say the same."""
    message = await asked(database)
    await become(database, message.id, **values)

    seen = await messages_of(database).get("main", message.id)

    assert bool(await ids(database, needs_attention=True)) == needs_attention(seen)


async def test_seldom_states_are_found_without_reading_the_rest(sqlite_database: Database) -> None:
    """SQLite takes a partial index only for its own words."""
    plan = sa.text(
        "EXPLAIN QUERY PLAN SELECT id FROM outbox WHERE owner = 'main' AND state IN ('failed') "
        "AND state IN ('retry', 'held', 'uncertain', 'failed',"
        " 'suppressed', 'expired', 'cancelled', 'merged') ORDER BY id DESC LIMIT 50"
    )

    steps = await sqlite_database.read(lambda c: str(c.execute(plan).all()))

    assert "ix_outbox_apart" in steps


async def test_a_story_goes_from_the_request_to_the_last_reply(database: Database) -> None:
    message = await asked(database)
    [claim] = await database.write(lambda c: outbox_claims.claim(c, "one", 1, NOON, LATEST))
    report = Report(phase=Phase.RCPT, code=450, reply="4.2.0 greylisted")
    result = Result(claim, report, Ruling(state=MessageState.RETRY, next_at=NOON + HOUR), NOON)
    await database.write(lambda c: outbox_results.finish(c, [result]))
    await database.write(
        lambda c: outbox_events.note(c, [message.id], "delivered", NOON + HOUR, detail="2.0.0")
    )

    story = await messages_of(database).story("main", message.id)

    assert [(line.type, line.text) for line in story.timeline] == [
        ("requested", ""),
        ("attempt", "4.2.0 greylisted"),
        ("delivered", "2.0.0"),
    ]
    assert (story.timeline[1].phase, story.timeline[1].code) == ("rcpt", 450)
    assert story.cause is not None
    assert story.cause.type == "MessageRequested"


AWAY = Report(phase=Phase.CONNECT, reply="connection refused", server="relay")
FULL = Report(phase=Phase.CONNECT, code=421, reply="too many connections", server="relay")
GREYLISTED = Report(phase=Phase.RCPT, code=450, reply="4.2.0 greylisted", server="relay")


async def attempt(database: Database, report: Report, at: datetime, times: int = 1) -> None:
    """One attempt of what is due, whose result is written so often."""

    def work(c: sa.Connection) -> None:
        [claim] = outbox_claims.claim(c, "one", 1, at, LATEST)
        ruling = rule_on(
            report,
            on_unknown=claim.on_unknown,
            resends=0,
            attempt=claim.attempt,
            since=claim.tried_at,
            now=at,
            jitter=0.0,
        )
        for _ in range(times):
            outbox_results.finish(c, [Result(claim, report, ruling, at)])

    await database.write(work)


async def test_a_long_outage_is_one_line_and_what_came_after_it_another(
    database: Database,
) -> None:
    message = await asked(database)
    reports = [*([AWAY] * 30), FULL, *([AWAY] * 2), GREYLISTED, AWAY]
    for number, report in enumerate(reports):
        await attempt(database, report, NOON + number * HOUR)

    story = await messages_of(database).story("main", message.id)

    assert [(line.text, line.times, line.until) for line in story.timeline[1:]] == [
        ("connection refused", 30, NOON + 29 * HOUR),
        ("too many connections", 1, None),
        ("connection refused", 2, NOON + 32 * HOUR),
        ("4.2.0 greylisted", 1, None),
        ("connection refused", 1, None),
    ]
    assert [line.at for line in story.timeline[1:3]] == [NOON, NOON + 30 * HOUR]
    assert story.message.attempts == 1  # only what was said about the message counts


async def test_an_attempt_that_is_written_twice_is_told_once(database: Database) -> None:
    message = await asked(database)
    for number in range(3):
        await attempt(database, AWAY, NOON + number * HOUR, times=2)

    story = await messages_of(database).story("main", message.id)

    [line] = story.timeline[1:]
    assert (line.at, line.times, line.until) == (NOON, 3, NOON + 2 * HOUR)


async def test_a_story_that_is_too_long_shows_how_it_began_and_how_it_ended(
    database: Database,
) -> None:
    message = await asked(database)
    noted = {"message_id": message.id, "at": NOON, "phase": "connect", "state": "retry"}
    many = [{**noted, "token": number, "reply": f"no {number}"} for number in range(1, 1001)]
    await database.write(lambda c: c.execute(sa.insert(outbox_attempts), many))

    story = await messages_of(database).story("main", message.id)

    told = [line.text for line in story.timeline if line.type == "attempt"]
    assert told[0] == "no 1"
    assert told[-1] == "no 1000"
    assert len(told) == 500


async def test_bytes_are_shown_as_sent_until_they_are_forgotten(database: Database) -> None:
    message = await asked(database)
    messages = messages_of(database)
    bare = await messages.raw("main", message.id)
    await become(database, message.id, signature="DKIM-Signature: v=1\r\n")
    signed = await messages.raw("main", message.id)
    await become(database, message.id, state="sent")
    await database.write(lambda c: outbox_raw.forget(c, LATEST, NOON, 10))
    gone = await messages.raw("main", message.id)

    assert bare.raw is not None
    assert signed.raw == b"DKIM-Signature: v=1\r\n" + bare.raw
    assert (gone.raw, gone.forgotten_at) == (None, NOON)


async def test_what_belongs_to_others_is_not_found(database: Database) -> None:
    message = await asked(database)
    messages = messages_of(database)

    for asking in (messages.get, messages.story, messages.raw):
        with pytest.raises(NotFound):
            await asking("other", message.id)


async def test_a_meetings_letter_names_the_decision_behind_it(database: Database) -> None:
    [letter] = await enqueue(database, draft())

    story = await messages_of(database).story("main", letter)

    assert story.cause is None  # the meeting of the draft does not exist
    assert story.message.subject == "meeting/7f3a"
