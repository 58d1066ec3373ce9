"""Events as they happen, seen by a client that knows only the standard."""

import asyncio
import json

import pytest

from adapters.db.keys import SqlKeys
from api import waiting
from api.stream import Feed, frames
from domain.access import Scope
from domain.meetings.messages import Cancellation, Refresh
from tests.api.house import BASE_URL, House
from tests.api.raw_sse import open_stream, serving


@pytest.fixture
def house(either_house: House) -> House:
    """Every promise here is kept on both engines."""
    return either_house


async def always() -> bool:
    return True


async def bearer(house: House) -> str:
    return f"Bearer {await house.key('main', [Scope.MEETINGS_READ])}"


async def test_a_meeting_is_followed_from_its_beginning_and_on(house: House) -> None:
    meeting_id = await house.invited()
    async with serving(house.app) as port:
        path = f"/meetings/{meeting_id}/events/stream"
        stream = await open_stream(port, path, Authorization=await bearer(house))
        early = await stream.take(2)
        await house.say(meeting_id, Cancellation())
        late = await stream.take(1)
        await stream.close()

    assert stream.status == 200
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert stream.headers["cache-control"] == "no-cache, no-transform"
    assert stream.retry == "2000"
    assert [seen.event for seen in early + late] == [
        "MeetingRequested",
        "SlotOffered",
        "MeetingEnded",
    ]
    event = json.loads(late[0].data)
    assert event["id"] == late[0].id
    assert event["source"] == f"{BASE_URL}/"
    assert "called the meeting off" in event["data"]["sentence"]


async def test_a_client_cut_off_again_and_again_misses_nothing(house: House) -> None:
    """Events are appended all the while; the reader hangs up after every second one."""
    meeting_id = await house.invited()

    async with serving(house.app) as port:
        acting = asyncio.create_task(act(house, meeting_id))
        seen = await read_in_pairs(port, f"/meetings/{meeting_id}/events/stream", house)
        await acting

    whole = (await house.client.get(f"/meetings/{meeting_id}/events?limit=200")).json()
    assert seen == [event["id"] for event in whole["_embedded"]["items"]]
    assert len(seen) == len(set(seen)) == 13


async def act(house: House, meeting_id: str) -> None:
    for _ in range(5):
        await house.say(meeting_id, Refresh(party=1))
        await house.say(meeting_id, Refresh(party=2))
    await house.say(meeting_id, Cancellation())


async def read_in_pairs(port: int, path: str, house: House) -> list[str]:
    """The ids of all events until the meeting has ended, two for each connection."""
    seen, last, token = [], "0", await bearer(house)
    while True:
        headers = {"Last-Event-ID": last, "Authorization": token}
        stream = await open_stream(port, path, **headers)
        for _ in range(2):
            event = (await stream.take(1))[0]
            seen.append(event.id)
            if event.event == "MeetingEnded":
                await stream.close()
                return seen
        last = stream.last_id
        await stream.close()


async def test_everything_is_followed_from_now_on(house: House) -> None:
    await house.invited()
    async with serving(house.app) as port:
        stream = await open_stream(port, "/events/stream", Authorization=await bearer(house))
        later = await house.invited()
        seen = await stream.take(2)
        await stream.close()

    assert {json.loads(each.data)["subject"] for each in seen} == {f"meeting/{later}"}


async def test_a_client_cut_off_before_its_first_event_resumes_too(house: House) -> None:
    await house.invited()
    token = await bearer(house)
    async with serving(house.app) as port:
        first = await open_stream(port, "/events/stream", Authorization=token)
        await first._line()
        await first._line()  # retry and id are there; no event has been dispatched
        first._take("id: " + str(await house.app.state.ports.journal.last_position("main")))
        await first.close()
        missed = await house.invited()
        headers = {"Last-Event-ID": first.last_id, "Authorization": token}
        second = await open_stream(port, "/events/stream", **headers)
        seen = await second.take(2)
        await second.close()

    assert {json.loads(each.data)["subject"] for each in seen} == {f"meeting/{missed}"}


async def test_an_id_from_nowhere_resets_the_client(house: House) -> None:
    await house.invited()
    last = await house.app.state.ports.journal.last_position("main")
    async with serving(house.app) as port:
        headers = {"Last-Event-ID": str(2**62), "Authorization": await bearer(house)}
        stream = await open_stream(port, "/events/stream", **headers)
        reset = (await stream.take(1))[0]
        await house.invited()
        after = (await stream.take(1))[0]
        await stream.close()

    assert (reset.event, json.loads(reset.data), reset.id) == (
        "reset",
        {"position": last},
        str(last),
    )
    assert int(after.id) > last


@pytest.mark.parametrize("sent", ["abc", "-1", "9223372036854775808", "1" * 30, "1.5", "\u0663"])
async def test_an_id_that_was_never_ours_is_refused(house: House, sent: str) -> None:
    answer = await house.client.get(
        "/events/stream",
        headers=[(b"Last-Event-ID", sent.encode())],
    )

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Last-Event-ID"


async def test_silence_is_broken_by_comments(house: House) -> None:
    journal = house.app.state.ports.journal
    stream = frames(journal, Feed("main"), 0, BASE_URL, always, ping_every=0.01)

    first, second = await anext(stream), await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]  # it is a generator

    assert first.startswith(b"retry: ")
    assert second == b": still here\n\n"


async def test_what_is_not_followed_is_passed_once(house: House) -> None:
    await house.invited()
    journal = house.app.state.ports.journal
    last = await journal.last_position("main")
    feed = Feed("main", types=("MeetingEnded",))
    stream = frames(journal, feed, 0, BASE_URL, always, ping_every=0.01)

    await anext(stream)
    passed, silence = await anext(stream), await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]  # it is a generator

    assert passed == f"id: {last}\n\n".encode()
    assert silence == b": still here\n\n"


async def test_a_stream_ends_soon_after_its_key_was_revoked(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.stream.PING_EVERY", 0.05)
    keys = SqlKeys(house.database)
    key, text = await keys.create("main", "short", [Scope.MEETINGS_READ], house.clock())
    async with serving(house.app) as port:
        stream = await open_stream(port, "/events/stream", Authorization=f"Bearer {text}")
        await keys.revoke("main", key.id, house.clock())
        async with asyncio.timeout(20):
            rest = await stream.reader.read()
        await stream.close()

    assert rest.endswith(b"0\r\n\r\n")  # the last chunk: it ended, it did not break


async def test_a_busy_stream_asks_for_its_key_as_well(house: House) -> None:
    asked = 0

    async def is_open() -> bool:
        nonlocal asked
        asked += 1
        return asked < 3

    meeting_id = await house.invited()
    for party in (1, 2) * 5:
        await house.say(meeting_id, Refresh(party=party))
    journal = house.app.state.ports.journal

    # Without a pause between looks every one finds events until there are no more.
    stream = frames(journal, Feed("main"), 0, BASE_URL, is_open, ping_every=0.0)

    assert len([frame async for frame in stream]) == 3  # the beginning, and two looks


async def test_head_of_a_stream_ends(house: House) -> None:
    answer = await house.client.head("/events/stream")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")


async def test_news_between_look_and_wait_is_not_lost(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each append races a reader that has just found nothing; only the bell can wake it."""
    monkeypatch.setattr(waiting, "STEP", 3600.0)
    meeting_id = await house.invited()
    journal = house.app.state.ports.journal
    start = await journal.last_position("main")
    stream = frames(journal, Feed("main"), start, BASE_URL, always, ping_every=3600)
    await anext(stream)

    for party in (1, 2) * 5:
        reading = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        await house.say(meeting_id, Refresh(party=party))
        frame = await asyncio.wait_for(reading, 60)
        assert b"CurrentStateResent" in frame
    await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
