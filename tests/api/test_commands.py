"""One intent, however often it is sent."""

import asyncio

import httpx
import pytest

from domain.access import Scope
from tests.api.house import NOW, House, order


@pytest.fixture
def house(either_house: House) -> House:
    """What the database decides is the same on both engines."""
    return either_house


async def count(house: House) -> int:
    return int((await house.client.get("/meetings")).json()["count"])


async def test_a_retry_is_answered_with_the_first_command(house: House) -> None:
    first = await house.ask(Idempotency_Key='"8e03978e"')

    again = await house.ask(Idempotency_Key='"8e03978e"')

    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert await count(house) == 1


async def test_quoted_and_bare_keys_are_the_same(house: House) -> None:
    first = await house.ask(Idempotency_Key='"abc"')

    again = await house.ask(Idempotency_Key="abc")

    assert again.json()["id"] == first.json()["id"]


async def test_a_retry_after_the_end_gives_the_stored_result(prompt_either_house: House) -> None:
    first = await prompt_either_house.ask(Idempotency_Key="k", Prefer="wait=10")

    again = await prompt_either_house.ask(Idempotency_Key="k", Prefer="wait=10")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()


async def test_a_retry_counts_even_when_its_slots_have_passed(house: House) -> None:
    first = await house.ask(Idempotency_Key="k")
    house.clock.now = NOW.replace(month=12)

    again = await house.ask(Idempotency_Key="k")
    fresh = await house.ask(Idempotency_Key="other")

    assert again.json()["id"] == first.json()["id"]
    assert fresh.status_code == 422


async def test_a_retry_of_a_cancellation_is_no_second_one(house: House) -> None:
    meeting_id = await house.invited()
    first = await house.post(f"/meetings/{meeting_id}/cancel", Idempotency_Key="k")
    await house.saga.run(meeting_id)

    again = await house.post(f"/meetings/{meeting_id}/cancel", Idempotency_Key="k")

    assert again.status_code == 202
    assert again.json()["id"] == first.json()["id"]
    assert again.json()["state"] == "succeeded"


async def test_one_key_with_two_bodies_is_refused(house: House) -> None:
    await house.ask(Idempotency_Key="k")

    other = await house.ask(order(title="Another talk"), Idempotency_Key="k")

    assert other.status_code == 422
    assert other.json()["code"] == "idempotency-key-reused"
    assert await count(house) == 1


async def test_one_key_for_two_meetings_is_refused(house: House) -> None:
    one, two = await house.invited(), await house.invited()
    await house.post(f"/meetings/{one}/cancel", Idempotency_Key="k")

    other = await house.post(f"/meetings/{two}/cancel", Idempotency_Key="k")

    assert other.json()["code"] == "idempotency-key-reused"


async def test_two_owners_may_use_one_key(house: House) -> None:
    stranger = await house.client_of("other")
    mine = await house.ask(Idempotency_Key="k")

    theirs = await stranger.post("/meetings", json=order(), headers={"Idempotency-Key": "k"})

    assert theirs.status_code == 202
    assert theirs.json()["id"] != mine.json()["id"]


async def test_a_refused_request_leaves_its_key_free(house: House) -> None:
    bad = await house.ask(order(slots=[]), Idempotency_Key="k")

    good = await house.ask(Idempotency_Key="k")

    assert (bad.status_code, good.status_code) == (422, 202)


async def test_a_race_of_retries_makes_one_meeting(prompt_either_house: House) -> None:
    house = prompt_either_house

    answers = await asyncio.gather(
        *(house.ask(Idempotency_Key="k", Prefer="wait=20") for _ in range(20))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert await count(house) == 1


async def test_a_race_of_different_bodies_lets_one_through(house: House) -> None:
    answers = await asyncio.gather(
        *(house.ask(order(title=f"Talk {n}"), Idempotency_Key="k") for n in range(10))
    )

    assert sorted(answer.status_code for answer in answers) == [202] + [422] * 9
    assert await count(house) == 1


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "idempotency-key-missing"),
        ("", "malformed-request"),
        ('""', "malformed-request"),
        ('"open', "malformed-request"),
        ("two words", "malformed-request"),
        ("a, b", "malformed-request"),
        ("x" * 256, "malformed-request"),
        ("schlüssel", "malformed-request"),
    ],
)
async def test_a_key_that_cannot_be_read_is_a_bad_request(
    house: House, value: str | None, code: str
) -> None:
    headers = {} if value is None else {"Idempotency-Key": value.encode("utf-8")}

    answer = await house.client.post("/meetings", json=order(), headers=headers)  # type: ignore[arg-type]  # httpx takes bytes values

    assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_two_keys_are_a_bad_request(house: House) -> None:
    headers = httpx.Headers([("Idempotency-Key", "a"), ("Idempotency-Key", "b")])

    answer = await house.client.post("/meetings", json=order(), headers=headers)

    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        ("wait=0", "wait=0"),
        ('Wait="0"', "wait=0"),
        ("respond-async, wait=0", "wait=0"),
        ("return=minimal; x=1, wait = 0", "wait=0"),
        ("wait=0, wait=9", "wait=0"),
        ("respond-async", "respond-async"),
        ("wait=soon", None),
        ("wait=-1", None),
        ("wait=", None),
        ("lalala", None),
        (",,;;==", None),
    ],
)
async def test_preferences_are_honoured_or_ignored(
    house: House, prefer: str, applied: str | None
) -> None:
    answer = await house.ask(Prefer=prefer)

    assert answer.status_code == 202
    assert answer.headers.get("preference-applied") == applied


async def test_the_commands_of_others_are_not_found(house: House) -> None:
    stranger = await house.client_of("other", Scope.MEETINGS_READ)
    accepted = await house.ask()

    foreign = await stranger.get(accepted.headers["location"])

    assert foreign.status_code == 404


async def test_a_command_that_is_known_needs_no_body(house: House) -> None:
    accepted = await house.ask()
    location = accepted.headers["location"]
    tag = (await house.client.get(location)).headers["etag"]

    again = await house.client.get(location, headers={"If-None-Match": f'W/"x", {tag}'})

    assert (again.status_code, again.content) == (304, b"")
