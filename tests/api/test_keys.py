"""API keys over HTTP: shown once, revoked at once, for administrators only."""

from typing import Any

import pytest

from domain.access import Scope
from tests.api.house import House, client_for

SITE = {"name": "booking site", "scopes": ["people", "webhooks"]}


async def made(house: House, body: dict[str, Any] = SITE) -> dict[str, Any]:
    answer = await house.client.post("/keys", json=body)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_a_new_key_is_shown_once_and_opens(house: House) -> None:
    answer = await house.client.post("/keys", json=SITE)

    key = answer.json()
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert key["key"].startswith(f"pk_{key['id']}_")
    assert key["scopes"] == ["people", "webhooks"]
    caller = client_for(house.app, key["key"])
    assert (await caller.get("/people")).status_code == 200
    assert (await caller.get("/meetings")).status_code == 403
    for path in (answer.headers["location"], "/keys"):
        shown = (await house.client.get(path)).text
        assert key["key"] not in shown
        assert "hash" not in shown


async def test_a_revoked_key_opens_nothing_from_then_on(house: House) -> None:
    key = await made(house)
    caller = client_for(house.app, key["key"])
    assert (await caller.get("/people")).status_code == 200

    revoked = await house.client.delete(key["_links"]["parley:revoke"]["href"])

    assert revoked.status_code == 204
    assert (await caller.get("/people")).status_code == 401
    shown = (await house.client.get(f"/keys/{key['id']}")).json()
    assert shown["revoked_at"] == "2027-02-20T10:00:00Z"
    assert "parley:revoke" not in shown["_links"]
    assert (await house.client.delete(f"/keys/{key['id']}")).status_code == 204


async def test_a_key_expires(house: House) -> None:
    key = await made(house, {**SITE, "expires_at": "2027-02-20T10:00:01Z"})
    caller = client_for(house.app, key["key"])
    assert (await caller.get("/people")).status_code == 200

    house.clock.now = house.clock.now.replace(second=1)

    assert (await caller.get("/people")).status_code == 401


async def test_use_is_shown(house: House) -> None:
    key = await made(house)
    assert (await house.client.get(f"/keys/{key['id']}")).json()["last_used_at"] is None

    await client_for(house.app, key["key"]).get("/people")

    shown = (await house.client.get(f"/keys/{key['id']}")).json()
    assert shown["last_used_at"] == "2027-02-20T10:00:00Z"


async def test_a_key_cannot_revoke_itself_and_so_one_is_always_left(house: House) -> None:
    [own] = (await house.client.get("/keys")).json()["_embedded"]["items"]

    answer = await house.client.delete(f"/keys/{own['id']}")

    assert "parley:revoke" not in own["_links"]
    assert (answer.status_code, answer.json()["code"]) == (409, "refused")
    assert (await house.client.get("/keys")).status_code == 200


@pytest.mark.parametrize("scope", [s for s in Scope if s is not Scope.ADMIN])
async def test_only_administrators_see_or_make_keys(house: House, scope: Scope) -> None:
    key = await made(house)
    caller = await house.client_of("main", scope)

    answers = [
        await caller.get("/keys"),
        await caller.get(f"/keys/{key['id']}"),
        await caller.post("/keys", json={"name": "more", "scopes": ["admin"]}),
        await caller.delete(f"/keys/{key['id']}"),
    ]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {
        (403, "not-allowed")
    }


async def test_another_owners_keys_are_not_there(house: House) -> None:
    key = await made(house)
    stranger = await house.client_of("other", Scope.ADMIN)

    assert (await stranger.get(f"/keys/{key['id']}")).status_code == 404
    assert (await stranger.delete(f"/keys/{key['id']}")).status_code == 404
    assert (await stranger.get("/keys")).json()["count"] == 1
    assert (await client_for(house.app, key["key"]).get("/people")).status_code == 200


async def test_a_new_key_belongs_to_the_owner_who_asked(house: House) -> None:
    stranger = await house.client_of("other", Scope.ADMIN)

    key = (await stranger.post("/keys", json=SITE)).json()

    assert (await house.client.get(f"/keys/{key['id']}")).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x", "scopes": ["everything"]}, "scopes[0]"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x"}, "scopes"),
        ({"scopes": ["admin"]}, "name"),
        ({"name": "", "scopes": ["admin"]}, "name"),
        ({"name": "x" * 101, "scopes": ["admin"]}, "name"),
        ({"name": "a\nb", "scopes": ["admin"]}, "name"),
        ({"name": "x", "scopes": ["admin"], "owner": "other"}, "owner"),
        ({"name": "x", "scopes": ["admin"], "expires_at": "2027-02-20T10:00:00Z"}, "expires_at"),
        ({"name": "x", "scopes": ["admin"], "expires_at": "2027-02-20T10:00:00"}, "expires_at"),
        ({"name": "x", "scopes": ["admin"], "expires_at": 1}, "expires_at"),
        (
            {"name": "x", "scopes": ["admin"], "expires_at": "9999-12-31T23:59:59-14:00"},
            "expires_at",
        ),
    ],
)
async def test_bad_input_is_refused_by_the_name_of_the_field(
    house: House, body: dict[str, Any], field: str
) -> None:
    answer = await house.client.post("/keys", json=body)

    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("path", ["/keys", "/people", "/webhooks"])
async def test_every_link_and_form_leads_somewhere(house: House, path: str) -> None:
    await made(house)
    document = (await house.client.get(path)).json()

    for rel, link in document["_links"].items():
        if rel != "curies" and not link.get("templated"):
            assert (await house.client.get(link["href"])).status_code == 200, rel
    for form in document["_templates"].values():
        assert form["method"] == "POST"
        assert (await house.client.get(form["target"])).status_code == 200
