"""Webhooks over HTTP: where events go, and what became of them."""

import base64
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.db import deliveries
from adapters.db.deliveries import Claim
from api.event_types import EVENT_TYPES
from api.webhook_bodies import Represent, representing
from domain.access import Scope
from domain.webhooks.rules import Answer
from tests.api.house import House

URL = "https://hooks.example.org/parley"
SECRET = "whsec_" + base64.b64encode(b"0" * 32).decode()


async def added(house: House, **body: Any) -> dict[str, Any]:
    answer = await house.client.post("/webhooks", json={"url": URL, **body})
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


def representing_in(house: House) -> Represent:
    ports = house.app.state.ports
    return representing(ports.webhooks, ports.journal, ports.settings.base_url)


async def attempted(house: House, answer: Answer) -> list[Claim]:
    """One attempt of everything that is due meets `answer`."""

    def work(c: Any) -> list[Claim]:
        claims = deliveries.claim(c, house.clock(), timedelta(minutes=1), most=100, most_each=100)
        for claim in claims:
            deliveries.finish(c, claim.delivery, answer, house.clock())
        return claims

    return await house.database.write(work)


async def test_a_new_webhook_shows_its_secret_this_once(house: House) -> None:
    answer = await house.client.post("/webhooks", json={"url": URL})

    webhook = answer.json()
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert webhook["secret"].startswith("whsec_")
    assert len(base64.b64decode(webhook["secret"][6:])) == 32
    for path in (answer.headers["location"], "/webhooks"):
        assert webhook["secret"] not in (await house.client.get(path)).text


async def test_a_secret_of_the_owners_own_is_used(house: House) -> None:
    webhook = await added(house, secret=SECRET)

    assert webhook["secret"] == SECRET


async def test_two_webhooks_have_two_secrets(house: House) -> None:
    assert (await added(house))["secret"] != (await added(house))["secret"]


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://localhost/",
        "https://user:word@hooks.example.org/",
        "https://hooks.example.org:22/",
        "https://hooks.example.org/#x",
        "https://hooks.example.org/\u0000",
        "ftp://hooks.example.org/",
        "hooks.example.org",
        "",
        "https://hooks.example.org/" + "x" * 3000,
    ],
)
async def test_a_target_that_must_not_be_reached_is_refused_by_name(house: House, url: str) -> None:
    answer = await house.client.post("/webhooks", json={"url": url})

    assert answer.status_code in (400, 422), answer.text
    if answer.status_code == 422:
        assert [error["field"] for error in answer.json()["errors"]] == ["url"]
    assert (await house.client.get("/webhooks")).json()["count"] == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": URL, "colour": "red"}, "colour"),
        ({}, "url"),
        ({"url": 7}, "url"),
        ({"url": URL, "events": ["MeetingDreamed"]}, "events[0]"),
        ({"url": URL, "events": ["MeetingEnded", "x" * 61]}, "events[1]"),
        ({"url": URL, "events": "MeetingEnded"}, "events"),
        ({"url": URL, "events": ["MeetingEnded"] * 51}, "events"),
        ({"url": URL, "secret": "whsec_c2hvcnQ="}, "secret"),
        ({"url": URL, "secret": "hunter2-hunter2-hunter2-hunter2"}, "secret"),
        ({"url": URL, "secret": "whsec_" + "A" * 200}, "secret"),
    ],
)
async def test_bad_input_names_the_field_and_repeats_no_secret(
    house: House, body: dict[str, Any], field: str
) -> None:
    answer = await house.client.post("/webhooks", json=body)

    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert "hunter2" not in answer.text
    assert "c2hvcnQ" not in answer.text


@pytest.mark.parametrize("type", EVENT_TYPES)
async def test_every_type_of_event_may_be_asked_for(house: House, type: str) -> None:
    assert (await added(house, events=[type, type]))["events"] == [type]


async def test_a_test_delivery_is_made_and_can_be_followed(house: House) -> None:
    webhook = await added(house)

    answer = await house.client.post(webhook["_links"]["parley:test"]["href"])

    assert answer.status_code == 202, answer.text
    delivery = answer.json()
    assert answer.headers["location"] == delivery["_links"]["self"]["href"]
    assert (delivery["type"], delivery["event"], delivery["state"]) == (
        "WebhookPing",
        None,
        "pending",
    )
    await attempted(house, Answer(status=200))
    after = (await house.client.get(answer.headers["location"])).json()
    assert (after["state"], after["last_status"]) == ("delivered", 200)
    assert after["delivered_at"] == "2027-02-20T10:00:00Z"


async def test_events_become_deliveries_with_their_state_and_last_status(house: House) -> None:
    webhook = await added(house, events=["PersonAdded"])
    await house.post(
        "/people", {"name": "Ada", "address": "ada@example.org", "zone": "Europe/Lisbon"}
    )
    await attempted(house, Answer(status=503))

    page = (await house.client.get(webhook["_links"]["parley:deliveries"]["href"])).json()

    [event] = (await house.client.get("/events")).json()["_embedded"]["items"]
    [delivery] = page["_embedded"]["items"]
    assert delivery["type"] == "PersonAdded"
    assert delivery["event"] == event["id"]
    assert (delivery["state"], delivery["attempts"]) == ("pending", 1)
    assert (delivery["last_status"], delivery["last_error"]) == (503, "status 503")
    assert delivery["next_at"].startswith("2027-02-20T10:00:05")


async def test_deliveries_are_paged_by_links_and_filtered(house: House) -> None:
    webhook = await added(house)
    for _ in range(5):
        await house.client.post(webhook["_links"]["parley:test"]["href"])
    await attempted(house, Answer(status=200))
    await house.client.post(webhook["_links"]["parley:test"]["href"])

    seen: list[str] = []
    page = f"/webhooks/{webhook['id']}/deliveries?limit=4"
    while page:
        document = (await house.client.get(page)).json()
        seen += [each["id"] for each in document["_embedded"]["items"]]
        page = document["_links"].get("next", {}).get("href", "")
    waiting = await house.client.get(f"/webhooks/{webhook['id']}/deliveries?state=pending")

    assert len(seen) == len(set(seen)) == 6
    assert waiting.json()["count"] == 1


@pytest.mark.parametrize(
    "query", ["state=lost", "limit=0", "limit=201", "before=x", "before=1e400", "colour=red"]
)
async def test_a_bad_query_is_refused(house: House, query: str) -> None:
    webhook = await added(house)

    answer = await house.client.get(f"/webhooks/{webhook['id']}/deliveries?{query}")

    assert answer.status_code == 422


async def test_a_disabled_webhook_says_why_and_offers_to_be_enabled(house: House) -> None:
    webhook = await added(house)
    here = f"/webhooks/{webhook['id']}"
    ping = (await house.client.post(f"{here}/test")).json()
    await attempted(house, Answer(status=410))

    disabled = (await house.client.get(here)).json()
    refused = await house.client.post(f"{here}/test")
    delivery = (await house.client.get(ping["_links"]["self"]["href"])).json()
    retried = await house.client.post(f"{ping['_links']['self']['href']}/retry")

    assert disabled["state"] == "disabled"
    assert disabled["disabled_because"] == "The endpoint answered 410 Gone."
    assert "parley:test" not in disabled["_links"]
    assert (refused.status_code, refused.json()["_links"]["up"]["href"]) == (409, here)
    assert "parley:retry" not in delivery["_links"]
    assert retried.status_code == 409

    enabled = await house.client.post(disabled["_links"]["parley:enable"]["href"])

    assert enabled.status_code == 200
    assert (enabled.json()["state"], enabled.json()["disabled_because"]) == ("active", None)
    assert "parley:test" in enabled.json()["_links"]
    types = [e["type"] for e in (await house.client.get("/events")).json()["_embedded"]["items"]]
    assert types == ["WebhookDisabled", "WebhookEnabled"]


async def test_a_delivery_can_be_sent_again_exactly_when_it_is_offered(house: House) -> None:
    webhook = await added(house)
    ping = (await house.client.post(f"/webhooks/{webhook['id']}/test")).json()
    here = ping["_links"]["self"]["href"]
    await attempted(house, Answer(status=200))

    done = (await house.client.get(here)).json()
    answer = await house.client.post(done["_links"]["parley:retry"]["href"])

    assert answer.status_code == 202
    assert (answer.json()["state"], answer.json()["attempts"]) == ("pending", 0)
    [claim] = await attempted(house, Answer(status=200))
    assert claim.delivery.id == ping["id"]


async def test_a_new_secret_signs_beside_the_old_one(house: House) -> None:
    webhook = await added(house)
    here = f"/webhooks/{webhook['id']}"
    await house.client.post(f"{here}/test")

    rotated = await house.client.post(f"{here}/rotate-secret")
    own = await house.client.post(f"{here}/rotate-secret", json={"secret": SECRET})

    assert rotated.status_code == 200
    assert rotated.headers["cache-control"] == "no-store"
    assert rotated.json()["secret"] != webhook["secret"]
    assert own.json()["secret"] == SECRET
    [claim] = await attempted(house, Answer(status=200))
    assert claim.secrets == (SECRET, rotated.json()["secret"])


async def test_a_removed_webhook_is_gone_with_its_deliveries(house: House) -> None:
    webhook = await added(house)
    here = f"/webhooks/{webhook['id']}"
    ping = (await house.client.post(f"{here}/test")).json()

    removed = await house.client.delete(here)

    assert removed.status_code == 204
    for path in (here, f"{here}/deliveries", ping["_links"]["self"]["href"]):
        assert (await house.client.get(path)).status_code == 404
    assert (await house.client.delete(here)).status_code == 404


async def everything(client: httpx.AsyncClient, here: str, delivery: str) -> list[httpx.Response]:
    return [
        await client.get(here),
        await client.get(f"{here}/deliveries"),
        await client.post(f"{here}/test"),
        await client.post(f"{here}/enable"),
        await client.post(f"{here}/rotate-secret"),
        await client.get(delivery),
        await client.post(f"{delivery}/retry"),
        await client.delete(here),
    ]


async def test_another_owners_webhooks_are_not_there(house: House) -> None:
    here = f"/webhooks/{(await added(house))['id']}"
    ping = (await house.client.post(f"{here}/test")).json()["_links"]["self"]["href"]
    stranger = await house.client_of("other", Scope.WEBHOOKS)

    answers = await everything(stranger, here, ping)

    assert {answer.status_code for answer in answers} == {404}
    assert (await stranger.get("/webhooks")).json()["count"] == 0
    assert (await house.client.get(here)).status_code == 200


@pytest.mark.parametrize("scope", [s for s in Scope if s not in (Scope.WEBHOOKS, Scope.ADMIN)])
async def test_a_key_without_the_scope_may_do_nothing_here(house: House, scope: Scope) -> None:
    here = f"/webhooks/{(await added(house))['id']}"
    ping = (await house.client.post(f"{here}/test")).json()["_links"]["self"]["href"]
    caller = await house.client_of("main", scope)

    answers = await everything(caller, here, ping)
    answers += [await caller.get("/webhooks"), await caller.post("/webhooks", json={"url": URL})]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {
        (403, "not-allowed")
    }


@pytest.mark.parametrize("name", ["nosuch", "x" * 65, "a%00b", "..", "a%2Fb", "é"])
async def test_a_name_nobody_has_is_not_found(house: House, name: str) -> None:
    for path in (f"/webhooks/{name}", f"/deliveries/{name}"):
        assert (await house.client.get(path)).status_code == 404


async def test_a_delivery_carries_the_event_as_the_event_list_shows_it(house: House) -> None:
    await added(house)
    await house.invited()
    claims = await attempted(house, Answer(status=200))
    listed = (await house.client.get("/events")).json()["_embedded"]["items"]
    represent = representing_in(house)

    bodies = [await represent(claim.owner, claim.delivery) for claim in claims]

    shown = {event["id"]: event for event in listed}
    assert len(bodies) == len(shown) > 1
    for body in bodies:
        assert body is not None
        assert body["specversion"] == "1.0"
        assert body["data"].items() <= shown[body["id"]]["data"].items()
        assert [body[name] for name in ("source", "type", "subject", "time")] == [
            shown[body["id"]][name] for name in ("source", "type", "subject", "time")
        ]


async def test_a_ping_carries_an_event_of_its_own(house: House) -> None:
    webhook = await added(house)
    await house.client.post(f"/webhooks/{webhook['id']}/test")
    [claim] = await attempted(house, Answer(status=200))

    body = await representing_in(house)(claim.owner, claim.delivery)

    assert body is not None
    assert (body["id"], body["type"]) == (claim.delivery.id, "WebhookPing")
    assert body["subject"] == f"webhook/{webhook['id']}"


async def test_an_event_the_journal_does_not_have_has_no_body(house: House) -> None:
    webhook = await added(house)
    await house.client.post(f"/webhooks/{webhook['id']}/test")
    [claim] = await attempted(house, Answer(status=200))
    await house.invited()
    represent = representing_in(house)
    unknown = claim.delivery.model_copy(update={"type": "MeetingEnded", "position": 10**6})
    foreign = claim.delivery.model_copy(update={"type": "MeetingEnded", "position": 1})

    assert await represent("main", unknown) is None
    assert await represent("other", foreign) is None


async def test_no_answer_ever_shows_a_secret_again(house: House) -> None:
    webhook = await added(house, secret=SECRET)
    here = f"/webhooks/{webhook['id']}"
    ping = (await house.client.post(f"{here}/test")).json()["_links"]["self"]["href"]
    shown = await house.client.post(f"{here}/rotate-secret")

    answers = await everything(house.client, here, ping)

    again = [answer.text for answer in answers if "rotate-secret" not in str(answer.request.url)]
    assert not any(SECRET in text or shown.json()["secret"] in text for text in again)
    assert secrets.compare_digest(webhook["secret"], SECRET)


def test_the_manual_names_every_type_of_event() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()

    assert [type for type in EVENT_TYPES if f"`{type}`" not in manual] == []
