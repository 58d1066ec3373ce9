"""Who may ask: keys, scopes, owners."""

from datetime import timedelta

import httpx
import pytest

from adapters.db.keys import SqlKeys
from domain.access import Scope
from tests.api.house import House, client_for, order

READS = [
    "/meetings",
    "/meetings/{id}",
    "/meetings/{id}/messages",
    "/meetings/{id}/mail",
    "/meetings/{id}/events",
    "/events",
]

STREAMS = ["/meetings/{id}/events/stream", "/events/stream"]
WRITES = [
    "/meetings",
    "/meetings/{id}/cancel",
    "/meetings/{id}/reschedule",
    "/meetings/{id}/correct-address",
]


def bare(house: House, **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(house.app)
    return httpx.AsyncClient(transport=transport, base_url="http://api.test", headers=headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"Authorization": "Bearer " + "x" * 5000},
        {"X-API-Key": "nonsense"},
        {"X-API-Key": "k\u00e9y"},
    ],
)
@pytest.mark.parametrize("path", ["/meetings", "/events/stream", "/commands/x"])
async def test_without_a_valid_key_nothing_is_told(
    house: House, headers: dict[str, str], path: str
) -> None:
    raw = {name: value.encode("utf-8") for name, value in headers.items()}

    answer = await bare(house).get(path, headers=raw)  # type: ignore[arg-type]  # httpx takes bytes values

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="parley"'
    assert answer.json()["code"] == "wrong-key"


async def test_a_tampered_secret_is_unknown(house: House) -> None:
    key = await house.key("main", [Scope.ADMIN])
    for other in (key[:-1], key + "x", key.swapcase(), key[:-1] + ("a" if key[-1] != "a" else "b")):
        answer = await client_for(house.app, other).get("/meetings")
        assert answer.status_code == 401


async def test_a_revoked_key_stops_working_at_once(house: House) -> None:
    keys = SqlKeys(house.database)
    key, text = await keys.create("main", "short", [Scope.ADMIN], house.clock())
    client = client_for(house.app, text)
    before = await client.get("/meetings")
    await keys.revoke("main", key.id, house.clock())

    after = await client.get("/meetings")

    assert (before.status_code, after.status_code) == (200, 401)


async def test_an_expired_key_stops_working(house: House) -> None:
    end = house.clock() + timedelta(hours=1)
    _, text = await SqlKeys(house.database).create("main", "s", [Scope.ADMIN], house.clock(), end)
    house.clock.now = end

    answer = await client_for(house.app, text).get("/meetings")

    assert answer.status_code == 401


async def test_a_key_may_come_in_its_own_header(house: House) -> None:
    key = await house.key("main", [Scope.MEETINGS_READ])

    answer = await bare(house, **{"X-API-Key": key}).get("/meetings")

    assert answer.status_code == 200


@pytest.mark.parametrize("path", READS + STREAMS)
async def test_reading_needs_the_scope(house: House, path: str) -> None:
    meeting_id = await house.invited()
    client = await house.client_of("main", Scope.MESSAGES_WRITE, Scope.MEETINGS_WRITE)

    answer = await client.get(path.format(id=meeting_id))

    assert answer.status_code == 403
    assert "meetings:read" in answer.json()["detail"]


@pytest.mark.parametrize("path", WRITES)
async def test_writing_needs_the_scope(house: House, path: str) -> None:
    meeting_id = await house.invited()
    client = await house.client_of("main", Scope.MEETINGS_READ)

    answer = await client.post(
        path.format(id=meeting_id), json=order(), headers={"Idempotency-Key": "k"}
    )

    assert answer.status_code == 403
    assert "meetings:write" in answer.json()["detail"]


@pytest.mark.parametrize("path", [path for path in READS + STREAMS if "{id}" in path])
async def test_what_belongs_to_others_is_not_found(house: House, path: str) -> None:
    meeting_id = await house.invited()
    stranger = await house.client_of("other")

    answer = await stranger.get(path.format(id=meeting_id))

    assert answer.status_code == 404


@pytest.mark.parametrize("path", [path for path in WRITES if "{id}" in path])
async def test_others_cannot_instruct(house: House, path: str) -> None:
    meeting_id = await house.invited()
    stranger = await house.client_of("other")
    bodies = {
        "reschedule": {"slots": order()["slots"]},
        "correct-address": {"party": 1, "address": "new@example.net"},
    }
    body = bodies.get(path.rpartition("/")[2], {})

    answer = await stranger.post(
        path.format(id=meeting_id), json=body, headers={"Idempotency-Key": "k"}
    )

    assert answer.status_code == 404
    assert (await house.client.get(f"/meetings/{meeting_id}")).json()["status"] == "negotiating"


async def test_lists_hold_only_what_is_ones_own(house: House) -> None:
    await house.invited()
    stranger = await house.client_of("other")

    meetings = (await stranger.get("/meetings")).json()
    events = (await stranger.get("/events")).json()

    assert (meetings["count"], events["count"]) == (0, 0)


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/livez",
        "/readyz",
        "/version",
        "/openapi.json",
        "/problems",
        "/.well-known/api-catalog",
        "/rels/cancel",
    ],
)
async def test_the_entrance_needs_no_key(house: House, path: str) -> None:
    answer = await bare(house).get(path)

    assert answer.status_code == 200
