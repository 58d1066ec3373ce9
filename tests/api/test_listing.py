"""The list of meetings: filters narrow together, pages neither miss nor repeat."""

from datetime import timedelta
from urllib.parse import quote

import pytest

from tests.api.house import NOW, House, order, slot


@pytest.fixture
def house(either_house: House) -> House:
    """Every promise here is kept on both engines."""
    return either_house


async def ids(house: House, query: str) -> list[str]:
    answer = await house.client.get(f"/meetings?{query}")
    assert answer.status_code == 200, answer.text
    return [meeting["id"] for meeting in answer.json()["_embedded"]["items"]]


async def test_pages_lead_on_to_the_end_newest_first(house: House) -> None:
    made = []
    for hour in range(7):
        house.clock.now = NOW + timedelta(hours=hour // 2)  # some share their instant
        made.append(await house.invited())
    seen: list[str] = []
    href: str | None = "/meetings?limit=3&text=talk"

    while href:
        page = (await house.client.get(href)).json()
        seen += [meeting["id"] for meeting in page["_embedded"]["items"]]
        href = page["_links"].get("next", {}).get("href")
        assert href is None or "text=talk" in href

    assert sorted(seen) == sorted(made)
    assert seen[-2:] == sorted(made[:2], reverse=True)


async def test_a_meeting_asked_for_meanwhile_moves_no_page(house: House) -> None:
    first = [await house.invited() for _ in range(3)]
    page = (await house.client.get("/meetings?limit=2")).json()
    house.clock.now += timedelta(minutes=1)
    await house.invited()

    rest = (await house.client.get(page["_links"]["next"]["href"])).json()

    shown = page["_embedded"]["items"] + rest["_embedded"]["items"]
    assert sorted(meeting["id"] for meeting in shown) == sorted(first)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=cancelled", "b"),
        ("status=negotiating", "ac"),
        ("status=negotiating&status=cancelled", "abc"),
        ("text=bridge", "a"),
        ("text=BRIDGE", "a"),
        ("text=lagos%20office", "b"),
        ("text=moreira", "abc"),
        ("text=%25", ""),
        ("text=_", ""),
        ("text=%C3%89COLE", "c"),
        ("address=ADA@example.org", "abc"),
        ("address=nobody@example.org", ""),
        ("text=bridge&status=cancelled", ""),
        (f"created_from={quote(NOW.isoformat())}", "abc"),
        (f"created_before={quote(NOW.isoformat())}", ""),
        (f"created_from={quote((NOW + timedelta(hours=1)).isoformat())}", "c"),
        ("starts_from=2027-04-01T00:00:00Z", "c"),
        ("starts_before=2027-04-01T00:00:00Z", "ab"),
        ("starts_from=2027-03-01T10:00:00Z&starts_before=2027-03-01T10:00:01Z", "ab"),
    ],
)
async def test_filters_narrow(house: House, query: str, found: str) -> None:
    names = {}
    names[await house.invited(order(title="About the Bridge"))] = "a"
    cancelled = await house.invited(order(location="Lagos office"))
    names[cancelled] = "b"
    await house.post(f"/meetings/{cancelled}/cancel")
    await house.saga.run(cancelled)
    house.clock.now = NOW + timedelta(hours=1)
    later = order(title="École", slots=[slot(NOW + timedelta(days=60))])
    names[await house.invited(later)] = "c"

    shown = await ids(house, query)

    assert "".join(sorted(names[meeting_id] for meeting_id in shown)) == found
