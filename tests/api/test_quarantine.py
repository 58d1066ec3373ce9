"""Mail that needs an operator, over HTTP: for administrators, with links that are true."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from adapters.intake.accepting import Reception
from adapters.retention import Retention
from domain.access import Scope
from domain.inbox.acceptance import Envelope, Source, Way
from tests.adapters.intake.letters import (
    ANA,
    DOMAIN,
    MAIL,
    address,
    given_a_meeting,
    mail_inputs,
    read,
)
from tests.api.house import MAIL_DOMAIN, House
from tests.api.test_walk import hrefs


async def quarantined(house: House, count: int = 1) -> None:
    await given_a_meeting(house.database)
    for number in range(count):
        envelope = Envelope(mail_from=ANA, recipients=(f"{number}@example.org",))
        await Reception(house.database, MAIL_DOMAIN).accept(MAIL, envelope, Source(way=Way.IMAP))


def ours() -> str:
    return address().replace(DOMAIN, MAIL_DOMAIN)


async def test_a_mail_is_listed_read_and_given_to_the_inbox(house: House) -> None:
    await quarantined(house)

    listed = (await house.client.get("/quarantine")).json()
    [stray] = listed["_embedded"]["items"]
    assert (stray["id"], stray["reason"], stray["state"]) == ("q1", "nobody", "kept")
    assert hrefs(stray) >= {"/quarantine/q1/replay", "/quarantine/q1/discard", "/quarantine/q1/raw"}
    assert stray["_templates"]["replay"]["properties"][0]["name"] == "address"
    for _ in range(2):
        done = await house.client.post("/quarantine/q1/replay", json={"address": ours()})
        assert done.status_code == 200, done.text
        assert done.json()["state"] == "replayed"
        assert done.json()["_links"]["related"]["href"] == "/quarantine/m1"

    assert "replay" not in done.json().get("_templates", {})
    assert (await house.client.post("/quarantine/q1/discard")).status_code == 409
    arrived = (await house.client.get("/quarantine/m1")).json()
    assert (arrived["state"], arrived["octets"]) == ("unread", len(MAIL))


async def test_the_bytes_are_a_file_to_save(house: House) -> None:
    await quarantined(house)

    answer = await house.client.get("/quarantine/q1/raw")

    assert answer.content == MAIL
    assert answer.headers["content-type"] == "message/rfc822"
    assert answer.headers["content-disposition"] == 'attachment; filename="q1.eml"'
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_forgotten_bytes_are_gone_with_a_reason(house: House) -> None:
    await quarantined(house)
    await house.client.post("/quarantine/q1/discard")
    await house.database.write(
        lambda c: (
            c.exec_driver_sql("UPDATE quarantine SET raw = x'', raw_forgotten_at = 1") and None
        )
    )

    answer = await house.client.get("/quarantine/q1/raw")

    assert (answer.status_code, answer.json()["code"]) == (410, "bytes-forgotten")
    assert "/quarantine/q1/raw" not in hrefs((await house.client.get("/quarantine/q1")).json())


async def test_what_nobody_settled_in_time_is_forgotten_and_says_so(house: House) -> None:
    await quarantined(house)
    later = datetime.now(UTC) + timedelta(days=2)

    await Retention(house.database, raw_for=timedelta(days=1), now=lambda: later).forget()

    stray = (await house.client.get("/quarantine/q1")).json()
    assert (stray["state"], stray["octets"]) == ("kept", 0)
    assert stray["raw_forgotten_at"] is not None
    assert not {"/quarantine/q1/replay", "/quarantine/q1/raw"} & hrefs(stray)
    replay = await house.client.post("/quarantine/q1/replay", json={"address": ours()})
    assert (replay.status_code, replay.json()["code"]) == (410, "bytes-forgotten")
    assert "forgotten when their time was over" in replay.json()["detail"]
    assert (await house.client.post("/quarantine/q1/discard")).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "bad-input"),
        ({"address": "ana@example.org"}, 422, "bad-input"),
        ({"address": f"r+{'a' * 26}@{MAIL_DOMAIN}"}, 409, "refused"),
        ({"address": "no address"}, 422, "invalid-request"),
        ({"to": "x"}, 422, "invalid-request"),
    ],
)
async def test_a_replay_that_cannot_be_says_why(
    house: House, body: dict[str, str], status: int, code: str
) -> None:
    await quarantined(house)

    answer = await house.client.post("/quarantine/q1/replay", json=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await house.client.get("/quarantine/q1")).json()["state"] == "kept"


async def test_a_mail_is_read_again_once_however_often_it_is_asked_for(house: House) -> None:
    await given_a_meeting(house.database)
    envelope = Envelope(mail_from=ANA, recipients=(ours(),))
    await Reception(house.database, MAIL_DOMAIN).accept(MAIL, envelope, Source(way=Way.SMTP))
    await read(house.database)
    stray = (await house.client.get("/quarantine/m1")).json()
    form = stray["_templates"]["replay"]
    said = {one["name"]: int(one["value"]) for one in form["properties"]}

    pressed = [house.client.post(form["target"], json=said) for _ in range(2)]
    answers = await asyncio.gather(*pressed)
    unsaid = await house.client.post(form["target"], json={})

    assert [(one.status_code, one.json()["replays"]) for one in answers] == [(200, 1), (200, 1)]
    assert (unsaid.status_code, unsaid.json()["code"]) == (428, "replays-missing")
    assert len(await mail_inputs(house.database)) == 2


async def test_pages_follow_each_other(house: House) -> None:
    await quarantined(house, 3)

    page = (await house.client.get("/quarantine?limit=2")).json()
    rest = (await house.client.get(page["_links"]["next"]["href"])).json()

    ids = [one["id"] for one in [*page["_embedded"]["items"], *rest["_embedded"]["items"]]]
    assert ids == ["q3", "q2", "q1"]
    assert "next" not in rest["_links"]


async def test_only_administrators_see_it(house: House) -> None:
    reader = await house.client_of("main", Scope.MEETINGS_READ)

    assert (await reader.get("/quarantine")).status_code == 403
    assert (await reader.post("/quarantine/q1/discard")).status_code == 403


async def test_an_administrator_of_another_owner_finds_none_of_it(house: House) -> None:
    await quarantined(house)
    envelope = Envelope(mail_from=ANA, recipients=(ours(),))
    await Reception(house.database, MAIL_DOMAIN).accept(MAIL, envelope, Source(way=Way.SMTP))
    await read(house.database)
    stranger = await house.client_of("other", Scope.ADMIN)

    listed = (await stranger.get("/quarantine")).json()
    assert listed["_embedded"] == {"items": [], "unreadable": []}
    for name in ("q1", "m1"):
        for path in (f"/quarantine/{name}", f"/quarantine/{name}/raw"):
            assert (await stranger.get(path)).status_code == 404
            assert (await house.client.get(path)).status_code == 200
        for deed in ("replay", "discard"):
            asked = await stranger.post(f"/quarantine/{name}/{deed}")
            assert asked.status_code == 404, (name, deed)


@pytest.mark.parametrize("name", ["q7", "m7", "x1", "q", "%00"])
async def test_unknown_names_are_not_found(house: House, name: str) -> None:
    assert (await house.client.get(f"/quarantine/{name}")).status_code == 404
