"""Correcting a party's address over the API."""

from typing import Any

import pytest

from adapters.db import suppressions
from domain.meetings.messages import Cancellation, Undelivered
from domain.outbox.suppression import after_complaint
from tests.api.house import House

LOST = Undelivered(party=2, letter="meeting.invitation", reason="no-such-mailbox")
NEW = {"party": 2, "address": "Benedict@Example.com"}


async def meeting(house: House, meeting_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = (await house.client.get(f"/meetings/{meeting_id}")).json()
    return shown


async def correct(house: House, meeting_id: str, body: dict[str, Any], **more: str) -> Any:
    return await house.post(f"/meetings/{meeting_id}/correct-address", body, **more)


async def test_a_bounced_invitation_is_seen_and_the_address_put_right(house: House) -> None:
    meeting_id = await house.invited()
    await house.say(meeting_id, LOST)
    assert [p["unreachable"] for p in (await meeting(house, meeting_id))["parties"]] == [
        False,
        True,
    ]

    accepted = await correct(house, meeting_id, {**NEW, "name": "Benedict"})
    await house.saga.run(meeting_id)

    assert accepted.status_code == 202
    command = (await house.client.get(accepted.headers["Location"])).json()
    party = (await meeting(house, meeting_id))["parties"][1]
    assert command["state"] == "succeeded"
    assert (party["name"], party["address"]) == ("Benedict", "Benedict@example.com")
    assert party["unreachable"] is False
    events = (await house.client.get(f"/meetings/{meeting_id}/events")).json()
    kinds = [one["type"] for one in events["_embedded"]["items"]]
    assert kinds[-2:] == ["PartyUnreachable", "AddressCorrected"]
    assert events["_embedded"]["items"][-2]["data"]["reason"] == "no-such-mailbox"


async def test_the_command_keeps_no_address(house: House) -> None:
    meeting_id = await house.invited()

    accepted = await correct(house, meeting_id, NEW)

    command = await house.client.get(accepted.headers["Location"])
    assert "Benedict" not in command.text


async def test_a_repeated_correction_is_one_and_a_changed_one_is_not_it(house: House) -> None:
    meeting_id = await house.invited()
    first = await correct(house, meeting_id, NEW, Idempotency_Key="k")
    again = await correct(house, meeting_id, NEW, Idempotency_Key="k")
    other = {**NEW, "address": "x@example.com"}
    changed = await correct(house, meeting_id, other, Idempotency_Key="k")

    assert first.headers["Location"] == again.headers["Location"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (changed.status_code, changed.json()["code"]) == (422, "idempotency-key-reused")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"party": 2, "address": "ben@example.com"}, "address"),
        ({"party": 2, "address": "ada@example.org"}, "address"),
        ({"party": 2, "address": "nobody"}, "address"),
        ({"party": 7, "address": "x@example.com"}, "party"),
        ({"party": "2", "address": "x@example.com"}, "party"),
        ({"party": 2, "address": "x@example.com", "name": ""}, "name"),
        ({"address": "x@example.com"}, "party"),
    ],
)
async def test_what_cannot_be_the_new_address_is_named(
    house: House, body: dict[str, Any], field: str
) -> None:
    meeting_id = await house.invited()

    refused = await correct(house, meeting_id, body)

    assert refused.status_code == 422
    assert field in [error["field"] for error in refused.json()["errors"]]


async def test_an_address_of_ours_is_refused(house: House) -> None:
    meeting_id = await house.invited()
    ours = {"party": 2, "address": "r+x@mail.parley.example.org"}

    refused = await correct(house, meeting_id, ours)

    assert refused.status_code == 422
    assert "belongs to Parley" in refused.text


async def test_a_suppressed_address_is_told_with_its_reason(house: House) -> None:
    meeting_id = await house.invited()
    measure, at = after_complaint(), house.clock()
    await house.database.write(
        lambda c: suppressions.impose(c, "main", "benedict@example.com", measure, at)
    )

    refused = await correct(house, meeting_id, NEW)

    assert refused.status_code == 409
    assert "it is suppressed (complained)" in refused.json()["detail"]


async def test_an_ended_meeting_takes_no_correction(house: House) -> None:
    meeting_id = await house.invited()
    await house.say(meeting_id, Cancellation())

    refused = await correct(house, meeting_id, NEW)

    assert refused.status_code == 409
    assert "correct-address" not in (await meeting(house, meeting_id)).get("_templates", {})


async def test_a_version_that_has_passed_is_not_corrected(house: House) -> None:
    meeting_id = await house.invited()
    tag = (await house.client.get(f"/meetings/{meeting_id}")).headers["ETag"]
    await house.say(meeting_id, LOST)

    refused = await correct(house, meeting_id, NEW, If_Match=tag)

    assert refused.status_code == 412
