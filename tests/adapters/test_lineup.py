"""The lineup: who goes next, at a cost that does not grow with the domains it has seen."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from adapters.outgoing.lineup import Lineup
from domain.outbox.model import Claim
from domain.postage import Priority

NOW = datetime.now(UTC)
LATER = NOW + timedelta(hours=1)


def claim(number: int, domain: str = "example.org", priority: Priority = Priority.NORMAL) -> Claim:
    return Claim(
        id=number,
        token=1,
        attempt=1,
        kind="note",
        subject="notes/1",
        party=None,
        mail_from="desk@parley.example",
        recipient=f"ana@{domain}",
        raw=b"",
        created_at=NOW,
        tried_at=NOW,
        priority=priority,
        domain=domain,
    )


async def passes_through(lineup: Lineup, claims: list[Claim]) -> None:
    for one in claims:
        lineup.put([one], LATER)
        await lineup.take()
        lineup.done(one)


async def test_one_that_is_put_back_goes_behind_the_others_of_its_priority() -> None:
    lineup = Lineup(1, None, lambda: 1)
    bulk = claim(4, priority=Priority.BULK)
    lineup.put([claim(1), claim(2), claim(3), bulk], LATER)

    refused = await lineup.take()
    assert refused is not None
    lineup.put_back(refused)
    lineup.done(refused.claim)

    order = []
    for _ in range(4):
        taken = await lineup.take()
        assert taken is not None
        order.append(taken.claim.id)
        lineup.done(taken.claim)
    assert order == [2, 3, 1, 4]


async def test_no_more_are_busy_than_there_may_be_and_than_their_domain_may_have() -> None:
    lineup = Lineup(4, lambda domain: 1, lambda: 2)
    lineup.put([claim(1, "a.org"), claim(2, "a.org"), claim(3, "b.org"), claim(4, "c.org")], LATER)

    taken = [await lineup.take(), await lineup.take()]
    assert [one and one.claim.id for one in taken] == [1, 3]
    third = asyncio.create_task(lineup.take())
    await asyncio.sleep(0)
    assert not third.done()
    lineup.done(claim(1, "a.org"))
    found = await third

    assert found is not None
    assert found.claim.id == 2
    assert lineup.in_hand == 3
    assert lineup.by_domain() == {"a.org": 1, "b.org": 1, "c.org": 1}


async def test_domains_that_were_seen_cost_nothing() -> None:
    lineup = Lineup(16, None, lambda: 16)

    async def cost() -> float:
        begun = time.process_time()
        await passes_through(lineup, [claim(n) for n in range(200)])
        return time.process_time() - begun

    one = claim(1)
    seen = [one.model_copy(update={"domain": f"d{n}.example.org"}) for n in range(30_000)]
    before = await cost()
    await passes_through(lineup, seen)

    assert min([await cost() for _ in range(3)]) < before * 3 + 0.01
