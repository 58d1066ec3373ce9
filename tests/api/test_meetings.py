"""Asking for meetings, reading them, and what is offered when."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from domain.access import Scope
from domain.meetings.messages import Answer
from domain.meetings.model import Partstat
from tests.api.house import BASE_URL, NOW, House, order, slot


async def test_a_meeting_asked_for_is_durable_before_the_answer(house: House) -> None:
    accepted = await house.ask()

    assert accepted.status_code == 202
    assert accepted.headers["location"] == f"/commands/{accepted.json()['id']}"
    assert accepted.headers["retry-after"] == "1"
    meeting = await house.client.get(accepted.json()["_links"]["related"]["href"])
    assert meeting.json()["status"] == "requested"
    assert house.saga.poked == [f"meeting/{meeting.json()['id']}"]


async def test_a_meeting_tells_where_it_stands_in_each_partys_zone(house: House) -> None:
    meeting_id = await house.invited()
    await house.say(meeting_id, Answer(party=1, partstat=Partstat.ACCEPTED, sequence=0))

    shown = (await house.client.get(f"/meetings/{meeting_id}")).json()

    assert (shown["status"], shown["sequence"]) == ("negotiating", 0)
    assert [party["partstat"] for party in shown["parties"]] == ["ACCEPTED", "NEEDS-ACTION"]
    # 10:00 UTC on 1 March is 10:00 in Lisbon (winter) and 11:00 in Lagos.
    assert [party["local_start"] for party in shown["parties"]] == [
        "2027-03-01T10:00:00+00:00",
        "2027-03-01T11:00:00+01:00",
    ]


async def test_waiting_gives_the_meeting_itself(prompt_house: House) -> None:
    answer = await prompt_house.ask(Prefer="wait=10")

    assert answer.status_code == 201
    assert answer.headers["preference-applied"] == "wait=10"
    assert answer.headers["vary"] == "Accept, Prefer"
    assert answer.headers["location"] == f"/meetings/{answer.json()['id']}"
    assert answer.json()["status"] == "negotiating"


async def test_a_wait_that_is_too_short_gives_the_command(house: House) -> None:
    answer = await house.ask(Prefer="wait=0")

    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "wait=0"
    assert answer.json()["state"] == "accepted"


async def test_asynchronous_is_said_when_it_was_asked_for(house: House) -> None:
    answer = await house.ask(Prefer="respond-async")

    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async"


async def test_a_command_becomes_its_result(house: House) -> None:
    accepted = (await house.ask()).json()
    before = await house.client.get(f"/commands/{accepted['id']}")
    await house.saga.run(accepted["_links"]["related"]["href"].rpartition("/")[2])

    after = await house.client.get(f"/commands/{accepted['id']}")

    assert before.json()["state"] == "accepted"
    assert after.status_code == 200
    assert after.json()["state"] == "succeeded"
    assert after.headers["etag"] != before.headers["etag"]
    assert "retry-after" not in after.headers


async def test_cancelling_twice_is_refused_the_second_time_with_a_way_out(house: House) -> None:
    meeting_id = await house.invited()
    await house.post(f"/meetings/{meeting_id}/cancel")
    await house.saga.run(meeting_id)

    again = await house.post(f"/meetings/{meeting_id}/cancel")

    assert again.status_code == 409
    assert again.headers["content-type"] == "application/problem+json"
    assert again.json()["detail"] == "The meeting has ended: it is cancelled."
    assert again.json()["_links"]["related"]["href"] == f"/meetings/{meeting_id}"


async def test_a_refusal_by_the_rules_is_an_outcome_of_the_command(house: House) -> None:
    """Both are accepted while the meeting lives; the saga finds it ended for the second."""
    meeting_id = await house.invited()
    first = await house.post(f"/meetings/{meeting_id}/cancel")
    second = await house.post(f"/meetings/{meeting_id}/cancel")
    await house.saga.run(meeting_id)

    states = [
        (await house.client.get(answer.headers["location"])).json() for answer in (first, second)
    ]

    assert [state["state"] for state in states] == ["succeeded", "refused"]
    problem = states[1]["problem"]
    assert problem["code"] == "already-ended"
    assert problem["type"] == f"{BASE_URL}/problems/refused"
    assert problem["_links"]["related"]["href"] == f"/meetings/{meeting_id}"


async def test_a_refusal_while_waiting_is_a_problem(prompt_house: House) -> None:
    house = prompt_house
    meeting_id = (await house.ask(Prefer="wait=10")).json()["id"]
    await house.saga.lock.acquire()  # the saga pauses, so that both commands are accepted
    first = await house.post(f"/meetings/{meeting_id}/cancel")
    house.saga.lock.release()

    second = await house.post(f"/meetings/{meeting_id}/cancel", Prefer="wait=10")

    assert first.status_code == 202
    assert second.status_code == 409
    assert second.headers["content-type"] == "application/problem+json"


async def test_rescheduling_offers_the_new_time(prompt_house: House) -> None:
    house = prompt_house
    meeting_id = (await house.ask(Prefer="wait=10")).json()["id"]
    new = slot(NOW + timedelta(days=20))

    moved = await house.post(
        f"/meetings/{meeting_id}/reschedule", {"slots": [new]}, Prefer="wait=9"
    )

    assert moved.status_code == 200
    assert moved.headers["content-location"] == f"/meetings/{meeting_id}"
    assert moved.json()["sequence"] == 1
    assert moved.json()["slot"]["start"] == "2027-03-12T10:00:00Z"


async def test_rescheduling_into_the_past_names_the_slot(house: House) -> None:
    meeting_id = await house.invited()
    slots = [slot(NOW + timedelta(days=3)), slot(NOW - timedelta(days=3))]

    refused = await house.post(f"/meetings/{meeting_id}/reschedule", {"slots": slots})

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "slots[1].start"


async def test_what_is_offered_is_what_is_possible(house: House) -> None:
    meeting_id = await house.invited()

    living = (await house.client.get(f"/meetings/{meeting_id}")).json()
    await house.post(f"/meetings/{meeting_id}/cancel")
    await house.saga.run(meeting_id)
    ended = (await house.client.get(f"/meetings/{meeting_id}")).json()

    assert set(living["_templates"]) == {"cancel", "reschedule", "correct-address"}
    assert "parley:cancel" in living["_links"]
    assert "_templates" not in ended
    assert "parley:cancel" not in ended["_links"]


async def test_a_meeting_that_is_past_offers_nothing(house: House) -> None:
    meeting_id = await house.invited()
    house.clock.now = NOW + timedelta(days=30)

    shown = (await house.client.get(f"/meetings/{meeting_id}")).json()
    refused = await house.post(f"/meetings/{meeting_id}/cancel")

    assert "_templates" not in shown
    assert refused.status_code == 409


async def test_a_key_that_may_only_read_is_offered_nothing_to_write(house: House) -> None:
    meeting_id = await house.invited()
    reader = await house.client_of("main", Scope.MEETINGS_READ)

    shown = (await reader.get(f"/meetings/{meeting_id}")).json()
    listed = (await reader.get("/meetings")).json()

    assert "_templates" not in shown
    assert "_templates" not in listed
    assert "create-form" not in listed["_links"]


async def test_the_version_is_the_entity_tag(house: House) -> None:
    meeting_id = await house.invited()
    first = await house.client.get(f"/meetings/{meeting_id}")

    known = await house.client.get(
        f"/meetings/{meeting_id}", headers={"If-None-Match": first.headers["etag"]}
    )
    stale = await house.post(f"/meetings/{meeting_id}/cancel", If_Match='"1"')
    present = await house.post(f"/meetings/{meeting_id}/cancel", If_Match=first.headers["etag"])

    assert first.headers["etag"] == '"2"'
    assert (known.status_code, known.content) == (304, b"")
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition-failed")
    assert present.status_code == 202


async def test_a_read_waits_for_a_version_until_it_is_there(house: House) -> None:
    meeting_id = await house.invited()
    path = f"/meetings/{meeting_id}"
    now = (await house.client.get(path)).json()["version"]
    reading = asyncio.ensure_future(house.client.get(f"{path}?at_least={now + 1}&wait=30"))
    await asyncio.sleep(0)

    await house.say(meeting_id, Answer(party=1, partstat=Partstat.ACCEPTED, sequence=0))

    assert (await asyncio.wait_for(reading, 20)).json()["version"] == now + 1


async def test_a_read_that_waited_in_vain_tells_the_version_there_is(house: House) -> None:
    path = f"/meetings/{await house.invited()}"
    present = (await house.client.get(path)).json()

    for query in ("at_least=99&wait=0.01", "at_least=99", f"at_least={present['version']}&wait=30"):
        answer = await house.client.get(f"{path}?{query}")
        assert (answer.status_code, answer.json()["version"]) == (200, present["version"])


@pytest.mark.parametrize("query", ["at_least=-1", "wait=31", "wait=nan", "wait=-1", "at_least=x"])
async def test_a_wait_out_of_bounds_is_refused_by_name(house: House, query: str) -> None:
    answer = await house.client.get(f"/meetings/{await house.invited()}?{query}")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == f"query.{query.partition('=')[0]}"


async def test_a_dry_run_tells_what_would_happen_and_keeps_nothing(house: House) -> None:
    headers = {"Idempotency-Key": "once"}
    shown = await house.client.post("/meetings?dry_run=1", json=order(), headers=headers)
    listed = (await house.client.get("/meetings")).json()["count"]
    real = await house.client.post("/meetings", json=order(), headers=headers)

    assert shown.status_code == 200, shown.text
    assert (listed, house.saga.poked[1:]) == (0, [])
    assert (real.status_code, "idempotency-replayed" in real.headers) == (202, False)
    meeting_id = real.json()["_links"]["related"]["href"].rpartition("/")[2]
    await house.saga.run(meeting_id)
    events = (await house.client.get(f"/meetings/{meeting_id}/events")).json()["_embedded"]["items"]
    assert [each["type"] for each in shown.json()["events"]] == [each["type"] for each in events]
    foretold = [each["data"] for each in shown.json()["events"]]
    assert foretold == [
        {name: value for name, value in each["data"].items() if name != "command"}
        for each in events
    ]
    assert shown.json()["mails"] == [
        {"kind": "meeting.invitation", "party": 1, "name": "Ada Moreira"},
        {"kind": "meeting.invitation", "party": 2, "name": "Ben Okafor"},
    ]


async def test_a_dry_run_is_refused_where_the_request_would_be(house: House) -> None:
    past = order(slots=[slot(NOW - timedelta(days=1))])

    answer = await house.post("/meetings?dry_run=1", past)

    assert (answer.status_code, answer.json()["code"]) == (422, "bad-times")


async def test_links_are_mirrored_as_headers_for_head_too(house: House) -> None:
    meeting_id = await house.invited()

    got = await house.client.get(f"/meetings/{meeting_id}")
    head = await house.client.head(f"/meetings/{meeting_id}")

    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["link"] == got.headers["link"]
    assert got.links["self"]["url"] == f"/meetings/{meeting_id}"
    cancel = f"{BASE_URL}/rels/cancel"
    assert got.links[cancel]["url"] == f"/meetings/{meeting_id}/cancel"


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        ("*/*", "application/prs.hal-forms+json"),
        ("application/json", "application/json"),
        ("application/hal+json", "application/hal+json"),
        ("application/hal+json;q=0.5, application/json", "application/json"),
        ("text/html,application/xml;q=0.9,*/*;q=0.8", "application/json"),  # a browser
    ],
)
async def test_one_document_in_three_media_types(house: House, accept: str, given: str) -> None:
    plain = await house.client.get("/meetings", headers={"Accept": "*/*"})

    answer = await house.client.get("/meetings", headers={"Accept": accept})

    assert answer.headers["content-type"] == given
    assert answer.json() == plain.json()


async def test_other_media_types_are_not_acceptable(house: House) -> None:
    answer = await house.client.get("/meetings", headers={"Accept": "image/png"})

    assert answer.status_code == 406
    assert answer.json()["code"] == "not-acceptable"


async def test_mails_in_and_out_are_listed(house: House) -> None:
    meeting_id = await house.invited()

    out = await house.client.get(f"/meetings/{meeting_id}/messages")
    incoming = await house.client.get(f"/meetings/{meeting_id}/mail")

    assert out.json()["count"] == 0  # the saga of these tests writes no letters
    assert incoming.json()["_embedded"]["items"] == []


async def test_international_domains_become_a_labels(house: House) -> None:
    body = order()
    body["parties"][0]["address"] = "ada@faß.example"

    meeting_id = await house.invited(body)

    shown = (await house.client.get(f"/meetings/{meeting_id}")).json()
    assert shown["parties"][0]["address"] == "ada@xn--fa-hia.example"


async def test_people_of_the_book_can_be_invited(house: House) -> None:
    added = await house.post(
        "/people",
        {"name": "Cleo Brandt", "address": "cleo@example.net", "zone": "Europe/Berlin"},
    )
    person = added.headers["location"].rpartition("/")[2]
    if added.status_code == 202:
        command = (await house.client.get(added.headers["location"])).json()
        person = command["_links"]["related"]["href"].rpartition("/")[2]
    body = order()
    body["parties"][1] = {"person": person}

    meeting_id = await house.invited(body)

    party: dict[str, Any] = (await house.client.get(f"/meetings/{meeting_id}")).json()["parties"][1]
    assert (party["name"], party["zone"]) == ("Cleo Brandt", "Europe/Berlin")
    assert party["_links"]["parley:person"]["href"] == f"/people/{person}"


async def test_an_unknown_person_is_named(house: House) -> None:
    body = order()
    body["parties"][1] = {"person": "nobody"}

    refused = await house.ask(body)

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "parties[1].person"
