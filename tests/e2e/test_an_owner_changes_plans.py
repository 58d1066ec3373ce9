"""The owner moves a meeting and calls it off over the API, and asks twice to be sure."""

import secrets

from adapters.attendees.calendar import Received
from tests.e2e.house import (
    House,
    assert_calendars_show,
    assert_nothing_came_twice,
    partstats,
    slot_of,
    slots,
)


async def test_a_retried_reschedule_moves_the_meeting_once(house: House) -> None:
    ada, bela = house.pair()
    meeting = await house.ask(ada, bela)
    new = slots(2, days=20)
    body = {"slots": [slot.model_dump(mode="json") for slot in new]}
    key = secrets.token_hex(8)

    answers = [await house.post(f"{meeting.href}/reschedule", body, key) for _ in range(3)]
    await house.until(lambda: ada.shown.sequence == bela.shown.sequence == 1)
    answers.append(await house.post(f"{meeting.href}/reschedule", body, key))
    seen = await meeting.settled()

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.headers["Location"] for answer in answers}) == 1
    replayed = ["Idempotency-Replayed" in answer.headers for answer in answers]
    assert replayed == [False, True, True, True]
    assert (seen["sequence"], slot_of(seen)) == (1, new[0])
    assert partstats(seen) == ["NEEDS-ACTION", "NEEDS-ACTION"]
    assert_calendars_show(seen, ada, bela)
    assert_nothing_came_twice(ada, bela)


async def test_a_retried_request_is_one_meeting(house: House) -> None:
    """Even when the retry comes while the first is under way, and when it waits."""
    ada, bela = house.pair()
    people = [{"name": p.name, "address": p.address, "zone": p.zone} for p in (ada, bela)]
    offered = [slot.model_dump(mode="json") for slot in slots()]
    order = {"title": "Once", "parties": people, "slots": offered}
    headers = {"Idempotency-Key": secrets.token_hex(8)}

    first = await house.http.post("/meetings", json=order, headers=headers)
    waiting = headers | {"Prefer": "wait=20"}
    second = await house.http.post("/meetings", json=order, headers=waiting)
    other = await house.http.post("/meetings", json={**order, "title": "Two"}, headers=headers)
    await house.until(lambda: bool(ada.calendar.entries and bela.calendar.entries))

    assert (first.status_code, second.status_code, other.status_code) == (202, 201, 422)
    assert other.json()["code"] == "idempotency-key-reused"
    listed = await house.get(f"/meetings?address={ada.address}")
    assert [each["id"] for each in listed["_embedded"]["items"]] == [second.json()["id"]]
    assert ada.methods == bela.methods == ["REQUEST"]


async def test_a_retried_cancellation_of_a_confirmed_meeting_clears_both_calendars(
    house: House,
) -> None:
    ada, bela = house.pair("apple", "thunderbird")
    meeting = await house.ask(ada, bela)
    for person in (ada, bela):
        await house.send(person.answer("ACCEPTED"), person)
    await meeting.when(lambda seen: seen["status"] == "confirmed")
    key = secrets.token_hex(8)

    answers = [await house.post(f"{meeting.href}/cancel", {}, key) for _ in range(2)]
    seen = await meeting.when(lambda seen: seen["status"] == "cancelled")
    answers.append(await house.post(f"{meeting.href}/cancel", {}, key))
    again = await house.post(f"{meeting.href}/cancel", {})
    await meeting.settled(mails_in=2)

    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert (await house.get(answers[0].headers["Location"]))["state"] == "succeeded"
    assert again.status_code == 409
    assert not [rel for rel in seen["_links"] if rel in ("parley:cancel", "parley:reschedule")]
    for person in (ada, bela):
        assert person.methods.count("CANCEL") == 1
        assert person.effects[-1] is Received.CANCELLED
    assert_nothing_came_twice(ada, bela)
