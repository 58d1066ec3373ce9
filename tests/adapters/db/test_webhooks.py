"""Deliveries follow from events, are claimed by one dispatcher at a time, and are never lost."""

import asyncio
import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from adapters.db import deliveries, endpoints, journal, webhooks
from adapters.db.database import Database
from adapters.db.deliveries import Claim
from adapters.db.webhook_store import SqlWebhooks
from domain.errors import NotFound, Refused, StreamMoved
from domain.journal import NewEvent
from domain.webhooks.model import Delivery, DeliveryState, EndpointState
from domain.webhooks.rules import ATTEMPTS, PATIENCE, PAUSES, Answer, Fault, Settlement
from tests.adapters.hooks import (
    NOW,
    OTHER_SECRET,
    SECRET,
    endpoint,
    happens,
    with_endpoints,
)
from tests.patience import until

LEASE = timedelta(seconds=60)
OK = Answer(status=200)
DOWN = Answer(fault=Fault.UNREACHABLE)


async def claimed(
    database: Database,
    at: object = NOW,
    *,
    most: int = 10,
    each: int = 10,
    under_way: dict[str, int] | None = None,
) -> list[Claim]:
    def work(c: sa.Connection) -> list[Claim]:
        return deliveries.claim(
            c,
            at,  # type: ignore[arg-type]  # every caller passes an instant
            LEASE,
            most=most,
            most_each=each,
            under_way=under_way,
        )

    return await database.write(work)


async def finished(
    database: Database, claim: Claim, answer: Answer, at: object = NOW
) -> Settlement | None:
    return await database.write(
        lambda c: deliveries.finish(c, claim.delivery, answer, at)  # type: ignore[arg-type]  # as above
    )


async def all_of(database: Database, id: str = "hook", owner: str = "main") -> list[Delivery]:
    return await database.read(lambda c: deliveries.list_of(c, owner, id))


async def test_every_active_endpoint_that_wants_an_event_gets_a_delivery(
    database: Database,
) -> None:
    await with_endpoints(
        database,
        endpoint("all"),
        endpoint("some", events=("MeetingEnded",)),
        endpoint("foreign", owner="other"),
        endpoint("off", state=EndpointState.DISABLED),
    )

    first, second = await happens(database, "MeetingConfirmed", "MeetingEnded")

    assert [each.position for each in await all_of(database, "all")] == [second, first]
    assert [each.position for each in await all_of(database, "some")] == [second]
    assert await all_of(database, "foreign", "other") == []
    assert await all_of(database, "off") == []


async def test_an_append_that_fails_leaves_no_delivery(database: Database) -> None:
    await with_endpoints(database, endpoint())
    await happens(database, "MeetingConfirmed")

    with pytest.raises(StreamMoved):
        await database.write(
            lambda c: journal.append(
                c,
                owner="main",
                stream="meeting/m1",
                expected_version=0,
                events=[NewEvent(type="MeetingEnded", data={})],
                at=NOW,
            )
        )

    assert len(await all_of(database)) == 1


async def test_an_event_rings_for_deliveries(database: Database) -> None:
    await with_endpoints(database, endpoint())
    before = database.bell.rung("deliveries")

    await happens(database, "MeetingConfirmed")

    await until(lambda: database.bell.rung("deliveries") > before)


async def test_a_claimed_delivery_is_claimed_by_nobody_else(database: Database) -> None:
    await with_endpoints(database, endpoint())
    await happens(database, "MeetingConfirmed")

    first, second = await claimed(database), await claimed(database)

    assert len(first) == 1
    assert second == []
    assert first[0].delivery.attempts == 1
    assert first[0].secrets == (SECRET,)


async def test_dispatchers_racing_for_deliveries_share_them(database: Database) -> None:
    await with_endpoints(database, endpoint())
    positions = await happens(database, *["MeetingConfirmed"] * 40)

    rounds = await asyncio.gather(*(claimed(database, most=15) for _ in range(4)))
    rounds += [await claimed(database, most=40, each=40)]

    taken = [claim.delivery.position for claims in rounds for claim in claims]
    assert sorted(taken) == positions


async def test_an_expired_claim_is_claimed_again_under_the_same_id(database: Database) -> None:
    await with_endpoints(database, endpoint())
    await happens(database, "MeetingConfirmed")
    [lost] = await claimed(database)

    early = await claimed(database, NOW + LEASE - timedelta(seconds=1))
    [again] = await claimed(database, NOW + LEASE)

    assert early == []
    assert again.delivery.id == lost.delivery.id
    assert again.delivery.attempts == 2


async def test_a_dispatcher_that_lost_its_claim_changes_nothing(database: Database) -> None:
    await with_endpoints(database, endpoint())
    await happens(database, "MeetingConfirmed")
    [lost] = await claimed(database)
    [held] = await claimed(database, NOW + LEASE)

    assert await finished(database, lost, OK, NOW + LEASE) is None
    [waiting] = await all_of(database)
    assert waiting.state is DeliveryState.PENDING

    assert await finished(database, held, OK, NOW + LEASE) is not None
    [done] = await all_of(database)
    assert (done.state, done.last_status) == (DeliveryState.DELIVERED, 200)
    assert done.delivered_at == NOW + LEASE


async def test_finishing_twice_counts_once(database: Database) -> None:
    await with_endpoints(database, endpoint())
    await happens(database, "MeetingConfirmed")
    [claim] = await claimed(database)

    await finished(database, claim, OK)

    assert await finished(database, claim, DOWN) is None
    assert [each.state for each in await all_of(database)] == [DeliveryState.DELIVERED]


async def test_one_endpoint_takes_no_more_than_its_share(database: Database) -> None:
    await with_endpoints(database, endpoint("slow"), endpoint("fine"))
    await happens(database, *["MeetingConfirmed"] * 6)

    first = await claimed(database, most=20, each=4)
    more = await claimed(database, most=20, each=4, under_way={"slow": 4, "fine": 3})

    def share(claims: list[Claim]) -> list[str]:
        return sorted(claim.delivery.endpoint_id for claim in claims)

    assert share(first) == ["fine"] * 4 + ["slow"] * 4
    assert share(more) == ["fine"]


async def test_a_backlog_of_a_busy_endpoint_hides_nobody_else(database: Database) -> None:
    await with_endpoints(database, endpoint("slow", events=("MeetingEnded",)), endpoint("fine"))
    await happens(database, *["MeetingEnded"] * 30, at=NOW - timedelta(hours=1))
    await happens(database, "MeetingConfirmed", stream="meeting/m2")
    busy = {"slow": 4}

    claims = await claimed(database, most=40, each=4, under_way=busy)

    assert {claim.delivery.endpoint_id for claim in claims} == {"fine"}


async def test_a_failure_is_due_again_by_the_schedule(database: Database) -> None:
    await with_endpoints(database, endpoint())
    await happens(database, "MeetingConfirmed")
    [claim] = await claimed(database)

    settled = await finished(database, claim, DOWN)

    assert settled is not None
    due = await database.read(deliveries.next_due)
    assert due == settled.next_at
    assert NOW + PAUSES[0] <= due <= NOW + PAUSES[0] * 1.1
    assert await claimed(database, due - timedelta(microseconds=1)) == []
    assert len(await claimed(database, due)) == 1


async def test_a_success_ends_the_run_of_failures(database: Database) -> None:
    await with_endpoints(database, endpoint())
    await happens(database, "MeetingConfirmed", "MeetingEnded")
    one, other = await claimed(database)

    await finished(database, one, DOWN)
    failing = await database.read(lambda c: webhooks.get(c, "main", "hook"))
    await finished(database, other, OK)
    well = await database.read(lambda c: webhooks.get(c, "main", "hook"))

    assert (failing.failing_since, well.failing_since) == (NOW, None)


async def test_what_was_never_sent_is_not_held_against_the_endpoint(database: Database) -> None:
    await with_endpoints(database, endpoint())
    await happens(database, "MeetingConfirmed")
    [claim] = await claimed(database)

    await finished(database, claim, Answer(fault=Fault.NOTHING_TO_SEND))

    hook = await database.read(lambda c: webhooks.get(c, "main", "hook"))
    assert hook.failing_since is None


async def test_a_claim_that_is_given_back_was_no_attempt(database: Database) -> None:
    await with_endpoints(database, endpoint())
    await happens(database, "MeetingConfirmed")
    [claim] = await claimed(database)
    soon = NOW + timedelta(seconds=5)

    await database.write(lambda c: deliveries.give_back(c, claim.delivery, soon))

    [again] = await claimed(database, soon)
    assert again.delivery.attempts == 1
    await database.write(lambda c: deliveries.give_back(c, claim.delivery, soon))
    assert await claimed(database, soon) == []  # a claim that is over gives nothing back


async def test_an_endpoint_down_for_the_whole_schedule_is_disabled_with_a_reason(
    database: Database,
) -> None:
    await with_endpoints(database, endpoint(), endpoint("beside"))
    await happens(database, "MeetingConfirmed")
    at = NOW
    for attempt in range(1, ATTEMPTS + 1):
        claims = await claimed(database, at, under_way={"beside": 10})
        assert [claim.delivery.attempts for claim in claims] == [attempt]
        settled = await finished(database, claims[0], DOWN, at)
        assert settled is not None
        at = max(settled.next_at, at)

    disabled = await database.read(lambda c: webhooks.get(c, "main", "hook"))

    assert at - NOW >= PATIENCE
    assert disabled.state is EndpointState.DISABLED
    assert disabled.disabled_because == "Nothing could be delivered for 3 days; last: unreachable."
    told = await database.read(lambda c: journal.read_stream(c, "webhook/hook"))
    assert [event.type for event in told] == ["WebhookDisabled"]
    assert "WebhookDisabled" in [each.type for each in await all_of(database, "beside")]


async def test_gone_disables_and_parks_what_was_waiting(database: Database) -> None:
    await with_endpoints(database, endpoint())
    await happens(database, "MeetingConfirmed", "MeetingEnded")
    [claim] = await claimed(database, most=1)

    await finished(database, claim, Answer(status=410))
    await happens(database, "MeetingRequested", stream="meeting/m2")

    assert [each.state for each in await all_of(database)] == [
        DeliveryState.PENDING,
        DeliveryState.FAILED,
    ]
    assert await claimed(database, NOW + timedelta(days=30)) == []
    assert await database.read(deliveries.next_due) is None


async def test_enabling_sends_what_was_waiting_and_says_so(database: Database) -> None:
    store = SqlWebhooks(database)
    await with_endpoints(database, endpoint())
    await happens(database, "MeetingConfirmed", "MeetingEnded")
    [claim] = await claimed(database, most=1)
    await finished(database, claim, Answer(status=410))
    later = NOW + timedelta(days=1)

    enabled = await store.enable("main", "hook", later)
    again = await store.enable("main", "hook", later)

    assert enabled.state is EndpointState.ACTIVE
    assert again == enabled
    assert enabled.disabled_because is None
    due = await claimed(database, later)
    assert sorted(each.delivery.type for each in due) == ["MeetingEnded", "WebhookEnabled"]
    told = await database.read(lambda c: journal.read_stream(c, "webhook/hook"))
    assert [event.type for event in told] == ["WebhookDisabled", "WebhookEnabled"]


async def test_two_attempts_that_both_find_it_gone_disable_once(database: Database) -> None:
    await with_endpoints(database, endpoint())
    await happens(database, "MeetingConfirmed", "MeetingEnded")
    claims = await claimed(database)

    await asyncio.gather(*(finished(database, claim, Answer(status=410)) for claim in claims))

    told = await database.read(lambda c: journal.read_stream(c, "webhook/hook"))
    assert [event.type for event in told] == ["WebhookDisabled"]


async def test_settling_and_enabling_at_once_never_lock_each_other_out(database: Database) -> None:
    await with_endpoints(database, endpoint())
    await happens(database, *["MeetingConfirmed"] * 20)
    claims = await claimed(database, most=20, each=20)

    def enable(c: sa.Connection) -> None:
        endpoints.enable(c, "main", "hook", NOW)

    settling = [finished(database, claim, Answer(status=410)) for claim in claims]
    await asyncio.gather(*settling, *(database.write(enable) for _ in range(5)))

    states = {each.state for each in await all_of(database) if each.type == "MeetingConfirmed"}
    assert states == {DeliveryState.FAILED}


async def test_a_removed_endpoint_takes_its_deliveries_along(database: Database) -> None:
    store = SqlWebhooks(database)
    await with_endpoints(database, endpoint())
    await happens(database, "MeetingConfirmed", "MeetingEnded")
    [claim] = await claimed(database, most=1)

    await store.remove("main", "hook")

    assert await finished(database, claim, OK) is None
    assert await claimed(database, NOW + LEASE) == []
    with pytest.raises(NotFound):
        await store.delivery("main", claim.delivery.id)


async def test_a_finished_delivery_can_be_sent_again_under_the_same_id(
    database: Database,
) -> None:
    store = SqlWebhooks(database)
    await with_endpoints(database, endpoint())
    await happens(database, "MeetingConfirmed")
    [claim] = await claimed(database)
    with pytest.raises(Refused, match="under way"):
        await store.retry("main", claim.delivery.id, NOW)
    await finished(database, claim, OK)

    again = await store.retry("main", claim.delivery.id, NOW)

    assert (again.state, again.attempts, again.delivered_at) == (DeliveryState.PENDING, 0, None)
    [anew] = await claimed(database)
    assert anew.delivery.id == claim.delivery.id


async def test_pings_are_deliveries_without_an_event(database: Database) -> None:
    store = SqlWebhooks(database)
    await with_endpoints(database, endpoint(events=("MeetingEnded",)))
    await happens(database, "MeetingEnded")

    first = await store.ping("main", "hook", NOW)
    second = await store.ping("main", "hook", NOW)

    assert (first.position, second.position) == (-1, -2)
    assert first.type == second.type == "WebhookPing"
    assert len(await claimed(database)) == 3


async def test_nothing_is_sent_to_a_disabled_endpoint_on_request_either(
    database: Database,
) -> None:
    store = SqlWebhooks(database)
    await with_endpoints(database, endpoint())
    await happens(database, "MeetingConfirmed")
    [claim] = await claimed(database)
    await finished(database, claim, Answer(status=410))

    with pytest.raises(Refused, match="disabled"):
        await store.ping("main", "hook", NOW)
    with pytest.raises(Refused, match="disabled"):
        await store.retry("main", claim.delivery.id, NOW)


async def test_both_secrets_sign_while_they_rotate(database: Database) -> None:
    store = SqlWebhooks(database)
    await with_endpoints(database, endpoint())
    await happens(database, "MeetingConfirmed")

    await store.rotate_secret("main", "hook", OTHER_SECRET, NOW)

    [now] = await claimed(database)
    [tomorrow] = await claimed(database, NOW + timedelta(hours=24))
    assert now.secrets == (OTHER_SECRET, SECRET)
    assert tomorrow.secrets == (OTHER_SECRET,)


async def test_deliveries_are_paged_newest_first_and_filtered(database: Database) -> None:
    store = SqlWebhooks(database)
    await with_endpoints(database, endpoint())
    positions = await happens(database, *["MeetingConfirmed"] * 5)
    [claim] = await claimed(database, most=1)
    await finished(database, claim, OK)

    first = await store.deliveries("main", "hook", limit=3)
    rest = await store.deliveries("main", "hook", before=first[-1].position, limit=3)
    done = await store.deliveries("main", "hook", state=DeliveryState.DELIVERED)

    assert [each.position for each in first + rest] == positions[::-1]
    assert [each.id for each in done] == [claim.delivery.id]


async def test_what_belongs_to_another_owner_is_not_there(database: Database) -> None:
    store = SqlWebhooks(database)
    await with_endpoints(database, endpoint())
    await happens(database, "MeetingConfirmed")
    [claim] = await claimed(database)

    calls = [
        store.get("other", "hook"),
        store.remove("other", "hook"),
        store.rotate_secret("other", "hook", OTHER_SECRET, NOW),
        store.enable("other", "hook", NOW),
        store.ping("other", "hook", NOW),
        store.deliveries("other", "hook"),
        store.delivery("other", claim.delivery.id),
        store.retry("other", claim.delivery.id, NOW),
    ]

    for call in calls:
        with pytest.raises(NotFound):
            await call
    assert await store.list_of("other") == []
    assert await store.get("main", "hook") == endpoint()


async def test_an_owner_has_a_bounded_number_of_endpoints(database: Database) -> None:
    many = [endpoint(f"hook{n}") for n in range(webhooks.MOST_ENDPOINTS)]
    await with_endpoints(database, *many)

    with pytest.raises(Refused, match="delete one first"):
        await with_endpoints(database, endpoint("more"))

    await with_endpoints(database, endpoint("theirs", owner="other"))


async def test_an_event_can_be_told_while_older_transactions_still_run(postgres: Database) -> None:
    """Readers in order must wait for them; a delivery knows its position and need not."""
    store = SqlWebhooks(postgres)
    await with_endpoints(postgres, endpoint())
    is_open, may_end = threading.Event(), threading.Event()

    def linger(c: sa.Connection) -> None:
        c.execute(sa.text("SELECT pg_current_xact_id()"))
        is_open.set()
        may_end.wait(30)

    lingering = asyncio.create_task(postgres.write(linger))
    await asyncio.to_thread(is_open.wait, 30)
    try:
        [position] = await happens(postgres, "MeetingConfirmed")
        [claim] = await claimed(postgres)
        event = await store.event("main", claim.delivery)
        in_order = await postgres.read(lambda c: journal.read_after(c, 0))
    finally:
        may_end.set()
        await lingering

    assert event is not None
    assert event.position == position
    assert in_order == []
    assert await store.event("other", claim.delivery) is None
