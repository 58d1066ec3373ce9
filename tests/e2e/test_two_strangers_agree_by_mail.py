"""A counter-proposal between Google and Outlook, and everybody who is told of it."""

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from domain.values import Slot
from tests.adapters.receiver import Received, receiving
from tests.api.raw_sse import RawStream, open_stream
from tests.e2e.house import (
    House,
    Meeting,
    assert_calendars_show,
    assert_nothing_came_twice,
    later,
    partstats,
    slot_of,
    slots,
)
from tests.e2e.people import Person

STORY = [
    "MeetingRequested",
    "SlotOffered",
    "AnswerRecorded",
    "ProposalMade",
    "SlotOffered",
    "AnswerSetAside",
    "AnswerRecorded",
    "MeetingConfirmed",
]


@dataclass
class Play:
    """The meeting, its people, the time that one of them wants, and what the stream has told."""

    house: House
    meeting: Meeting
    ada: Person
    bela: Person
    wish: Slot
    heard: list[dict[str, Any]] = field(default_factory=list)

    async def hear(self, count: int) -> None:
        last = self.heard[-1] if self.heard else None
        self.heard += await hear(self.house, self.meeting, count, last)


async def test_two_strangers_agree_and_everybody_hears_the_same_story(house: House) -> None:
    async with receiving() as receiver:
        endpoint = (await house.post("/webhooks", {"url": receiver.url})).json()
        play = await curtain(house)
        await ada_accepts_and_bela_proposes(play)
        await a_late_yes_to_the_old_time_is_not_taken_for_the_new_one(play)
        agreed = await ada_accepts_the_new_time(play)
        events = [without_links(event) for event in await play.meeting.items("events")]
        await house.until(lambda: len(of_meeting(receiver.requests, play.meeting)) >= len(events))
        told = of_meeting(receiver.requests, play.meeting)
        await house.http.delete(endpoint["_links"]["self"]["href"])

    assert [event["type"] for event in events] == STORY
    assert play.heard == events
    assert sorted(told, key=position) == events
    assert all(is_signed(each, endpoint["secret"]) for each in receiver.requests)
    assert (slot_of(agreed), agreed["sequence"]) == (play.wish, 1)
    assert_calendars_show(agreed, play.ada, play.bela)
    assert_nothing_came_twice(play.ada, play.bela)


async def curtain(house: House) -> Play:
    offered = slots()
    ada, bela = house.pair("google", "outlook")
    play = Play(house, await house.ask(ada, bela, offered=offered), ada, bela, later(offered[1]))
    await play.hear(2)
    return play


async def ada_accepts_and_bela_proposes(play: Play) -> None:
    house, ada, bela = play.house, play.ada, play.bela
    await house.send(ada.answer("ACCEPTED"), ada)
    await play.meeting.when(lambda seen: partstats(seen) == ["ACCEPTED", "NEEDS-ACTION"])
    await house.send(bela.propose(play.wish, "Could we make it later?"), bela)
    await house.until(lambda: ada.shown.sequence == bela.shown.sequence == 1)
    assert (ada.slot, bela.slot) == (play.wish, play.wish)


async def a_late_yes_to_the_old_time_is_not_taken_for_the_new_one(play: Play) -> None:
    house, ada = play.house, play.ada
    old = ada.invitations[0]
    await house.send(ada.answer("ACCEPTED", about=old), ada, old.organizer)
    stale = await play.meeting.settled(mails_in=3)
    await play.hear(4)
    assert (stale["status"], partstats(stale)) == ("negotiating", ["NEEDS-ACTION", "ACCEPTED"])
    assert ada.slot == play.wish


async def ada_accepts_the_new_time(play: Play) -> dict[str, Any]:
    house, ada = play.house, play.ada
    await house.send(ada.answer("ACCEPTED"), ada)
    await play.meeting.when(lambda seen: seen["status"] == "confirmed")
    await play.hear(2)
    return await play.meeting.settled(mails_in=4)


async def hear(
    house: House, meeting: Meeting, count: int, last: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """The next events of the stream behind `last`, heard by a client that is then killed."""
    headers = {"Authorization": f"Bearer {house.api_key}"}
    if last is not None:
        headers["Last_Event_ID"] = last["id"]
    port = urlsplit(house.base).port
    assert port is not None
    stream: RawStream = await open_stream(port, f"{meeting.href}/events/stream", **headers)
    try:
        seen = await stream.take(count)
    finally:
        await stream.close()
    assert all(each.id == json.loads(each.data)["id"] for each in seen)
    return [json.loads(each.data) for each in seen]


def without_links(event: dict[str, Any]) -> dict[str, Any]:
    """An event as the stream and the webhooks tell it: HAL gives it links in a list."""
    return {name: value for name, value in event.items() if name != "_links"}


def position(event: dict[str, Any]) -> int:
    return int(event["id"])


def of_meeting(requests: list[Received], meeting: Meeting) -> list[dict[str, Any]]:
    """The events of this meeting that were delivered, each once however often it came."""
    events = {request.id: json.loads(request.body) for request in requests}
    return [each for each in events.values() if each["subject"] == f"meeting/{meeting.id}"]


def is_signed(request: Received, secret: str) -> bool:
    """Whether the body is signed as standardwebhooks.com says (1.0.0, symmetric)."""
    signed = f"{request.id}.{request.headers['webhook-timestamp']}.".encode() + request.body
    key = b64decode(secret.removeprefix("whsec_"))
    expected = b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return request.headers["webhook-signature"] == f"v1,{expected}"
