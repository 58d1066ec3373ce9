"""Addresses that take no mail, over HTTP."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from adapters.db import suppressions
from api.examples import SUPPRESSION_EXAMPLE
from domain.access import Scope
from domain.outbox.model import SuppressionReason, SuppressionScope
from tests.api.house import House


async def added(house: House, address: str = "ada@example.org", **more: Any) -> dict[str, Any]:
    answer = await house.client.post("/suppressions", json={"address": address, **more})
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_an_address_is_suppressed_until_it_is_lifted(either_house: House) -> None:
    house = either_house
    made = await added(house, detail="asked us on the phone")
    here = made["_links"]["self"]["href"]

    seen = (await house.client.get(here)).json()
    lifted = await house.client.delete(here)
    gone = await house.client.get(here)

    assert (seen["reason"], seen["detail"]) == ("person", "asked us on the phone")
    assert set(SUPPRESSION_EXAMPLE) <= {*seen, "_templates"}
    assert (lifted.status_code, gone.status_code) == (204, 404)
    assert (await house.client.get("/suppressions")).json()["count"] == 0


async def test_one_that_came_of_a_message_leads_to_it(house: House) -> None:
    await house.database.write(
        lambda c: suppressions.suppress(
            c,
            "main",
            "ben@example.org",
            SuppressionScope.ALL,
            SuppressionReason.BOUNCED,
            house.clock(),
            until=house.clock() + timedelta(days=30),
            message=17,
        )
    )

    [seen] = (await house.client.get("/suppressions")).json()["_embedded"]["items"]

    assert seen["_links"]["related"]["href"] == "/messages/17"
    assert (seen["reason"], seen["until"]) == ("bounced", "2027-03-22T10:00:00Z")


async def test_saying_it_twice_is_harmless(house: House) -> None:
    first, second = await added(house), await added(house, "ADA@example.org")

    assert first["id"] == second["id"]
    assert (await house.client.get("/suppressions")).json()["count"] == 1


async def test_the_owners_newest_word_holds_whether_it_ends_or_not(either_house: House) -> None:
    until = (either_house.clock() + timedelta(days=3)).isoformat()
    for_good = await added(either_house, detail="asked us to")

    holiday = await added(either_house, until=until, detail="on holiday")
    seen = (await either_house.client.get(for_good["_links"]["self"]["href"])).json()
    again = await added(either_house)

    assert seen == holiday
    assert (seen["until"], seen["detail"]) == ("2027-02-23T10:00:00Z", "on holiday")
    assert (again["id"], again["until"], again["detail"]) == (for_good["id"], None, "")


async def test_the_owners_word_ends_nothing_that_others_brought_about(house: House) -> None:
    now, scope = house.clock(), SuppressionScope.ALL

    def hear(c: sa.Connection) -> None:
        for reason in (SuppressionReason.COMPLAINED, SuppressionReason.UNSUBSCRIBED):
            suppressions.suppress(c, "main", "ada@example.org", scope, reason, now)

    await house.database.write(hear)

    await added(house, until=(now + timedelta(days=3)).isoformat())

    page = (await house.client.get("/suppressions")).json()
    reasons = [each["reason"] for each in page["_embedded"]["items"]]
    assert reasons == ["person", "unsubscribed", "complained"]


async def test_pages_lead_on(house: House) -> None:
    made = [(await added(house, f"a{n}@example.org"))["id"] for n in range(5)]
    seen: list[int] = []
    href: str | None = "/suppressions?limit=2"

    while href:
        page = (await house.client.get(href)).json()
        seen += [each["id"] for each in page["_embedded"]["items"]]
        href = page["_links"].get("next", {}).get("href")

    assert seen == sorted(made, reverse=True)


async def test_one_address_can_be_looked_up(house: House) -> None:
    made = await added(house)
    await added(house, "ben@example.org")

    page = (await house.client.get("/suppressions?address=Ada@Example.org")).json()

    assert [each["id"] for each in page["_embedded"]["items"]] == [made["id"]]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"address": "nobody"}, "address"),
        ({"address": "a@x.example", "scope": "some"}, "scope"),
        ({"address": "a@x.example", "until": "2027-02-20T10:00:00Z"}, "until"),
        ({"address": "a@x.example", "detail": "x\ny"}, "detail"),
        ({"address": "a@x.example", "reason": "bounced"}, "reason"),
        ({}, "address"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_field(
    house: House, body: dict[str, Any], field: str
) -> None:
    answer = await house.client.post("/suppressions", json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


async def test_others_see_and_lift_nothing(house: House) -> None:
    made = await added(house)
    here = f"/suppressions/{made['id']}"
    stranger = await house.client_of("other")
    reader = await house.client_of("main", Scope.MESSAGES_READ)

    assert (await stranger.get("/suppressions")).json()["count"] == 0
    assert (await stranger.get(here)).status_code == 404
    assert (await stranger.delete(here)).status_code == 404
    assert (await reader.delete(here)).status_code == 403
    assert (await reader.post("/suppressions", json={"address": "a@b.example"})).status_code == 403
    assert "_templates" not in (await reader.get(here)).json()
