"""Large mails over HTTP: so many at once, and none that does not come keeps others out."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from adapters.db.database import Database
from api.bodies import LARGEST_BODY
from api.limits import LARGE_MAILS, LARGE_MAILS_OF_KNOWN, LARGE_MAILS_OF_ONE, limits_for
from api.mail_bodies import LEAST_WITH_A_PLACE
from tests.adapters.intake.letters import MAIL
from tests.api.bodies_in_pieces import FORM, Body, broken_off, from_peer
from tests.api.house import House
from tests.api.intake_senders import OURS, basic, open_house, send_postmark, send_raw, signed
from tests.patience import until

LARGE = MAIL + b"x" * (LARGEST_BODY + 1)


@pytest.fixture
async def house(sqlite_database: Database, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(sqlite_database, tmp_path) as house:
        yield house


@pytest.mark.parametrize("says_its_length", [True, False])
async def test_only_so_many_large_mails_are_in_memory_at_once(
    house: House, says_its_length: bool
) -> None:
    headers = signed(LARGE)
    if says_its_length:
        headers["Content-Length"] = str(len(LARGE))
    bodies = [Body(LARGE, waits=True) for _ in range(LARGE_MAILS)]
    sent = [send(house.client, body, headers) for body in bodies]
    await until(lambda: all(body.begun for body in bodies))

    one_more = Body(LARGE)
    refused = await house.client.post("/intake/raw", content=one_more, headers=headers)
    small = await house.client.post("/intake/raw", content=MAIL, headers=signed(MAIL))
    for body in bodies:
        body.goes_on.set()

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert one_more.begun != says_its_length
    assert small.status_code == 200
    assert [(await one).status_code for one in sent] == [200] * LARGE_MAILS
    again = await house.client.post("/intake/raw", content=LARGE, headers=headers)
    assert again.status_code == 200  # every place is free again


async def test_what_is_announced_and_does_not_come_takes_no_place(house: House) -> None:
    headers = signed(LARGE) | {"Content-Length": str(len(LARGE))}
    bodies = [Body(LARGE, waits=True, first=LARGEST_BODY) for _ in range(LARGE_MAILS)]
    sent = [send(house.client, body, headers) for body in bodies]
    await until(lambda: all(body.begun for body in bodies))

    taken = await house.client.post("/intake/raw", content=LARGE, headers=headers)
    for body in bodies:
        body.goes_on.set()

    assert taken.status_code == 200
    assert {(await one).status_code for one in sent} == {200}


async def test_nobody_without_the_password_keeps_postmarks_mail_out(house: House) -> None:
    bodies = [Body(LARGE, waits=True) for _ in range(LARGE_MAILS)]
    sent = [send(house.client, body, signed(LARGE)) for body in bodies]
    await until(lambda: all(body.begun for body in bodies))

    refused, taken = await send_raw(house, LARGE), await send_postmark(house, LARGE)
    for body in bodies:
        body.goes_on.set()

    assert (refused.status_code, taken.status_code) == (503, 200)
    assert {(await one).status_code for one in sent} == {200}


async def test_only_so_many_of_postmarks_are_in_memory_at_once(house: House) -> None:
    octets = json.dumps({"OriginalRecipient": OURS, "RawEmail": LARGE.decode()}).encode()
    bodies = [Body(octets, waits=True) for _ in range(LARGE_MAILS_OF_KNOWN)]
    sent = [send(house.client, body, basic(), "/intake/postmark") for body in bodies]
    await until(lambda: all(body.begun for body in bodies))

    refused, taken = await send_postmark(house, LARGE), await send_raw(house, LARGE)
    for body in bodies:
        body.goes_on.set()

    assert (refused.status_code, taken.status_code) == (503, 200)
    assert {(await one).status_code for one in sent} == {200}


async def test_one_peer_does_not_take_every_place(house: House) -> None:
    headers = signed(LARGE)
    async with from_peer(house, "8.8.8.8") as peer, from_peer(house, "8.8.4.4") as other:
        bodies = [Body(LARGE, waits=True) for _ in range(LARGE_MAILS_OF_ONE)]
        sent = [send(peer, body, headers) for body in bodies]
        await until(lambda: all(body.begun for body in bodies))

        refused = await peer.post("/intake/raw", content=LARGE, headers=headers)
        taken = await other.post("/intake/raw", content=LARGE, headers=headers)
        for body in bodies:
            body.goes_on.set()

        assert (refused.status_code, taken.status_code) == (503, 200)
        assert {(await one).status_code for one in sent} == {200}


def send(
    client: httpx.AsyncClient, body: Body, headers: dict[str, str], path: str = "/intake/raw"
) -> "asyncio.Task[httpx.Response]":
    return asyncio.create_task(client.post(path, content=body, headers=headers))


async def test_a_place_is_not_kept_by_sending_slowly(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.mail_bodies.READ_WITHIN", 0.05)
    body = Body(LARGE, waits=True)

    async with asyncio.timeout(3):
        slow = await house.client.post("/intake/raw", content=body, headers=signed(LARGE))

    assert (slow.status_code, slow.json()["code"]) == (408, "too-slow")
    assert house.app.state.ports.limits.large_mails.is_empty


@pytest.mark.parametrize("mail", [MAIL, LARGE], ids=["small", "large"])
async def test_a_body_that_stands_still_is_ended(
    house: House, mail: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.mail_bodies.STILL_FOR", 0.05)

    still = await house.client.post(
        "/intake/raw", content=Body(mail, waits=True), headers=signed(mail)
    )

    assert (still.status_code, still.json()["code"]) == (408, "too-slow")
    assert still.headers["connection"] == "close"
    assert house.app.state.ports.limits.large_mails.is_empty


async def test_a_place_is_not_kept_by_an_octet_now_and_then(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.mail_bodies.STILL_FOR", 0.3)

    async def dripping() -> AsyncIterator[bytes]:
        yield LARGE
        while True:
            await asyncio.sleep(0.001)
            yield b"x"

    async with asyncio.timeout(5):
        answer = await house.client.post("/intake/raw", content=dripping(), headers=signed(LARGE))

    assert answer.status_code == 408
    assert house.app.state.ports.limits.large_mails.is_empty


async def test_a_body_may_take_longer_as_long_as_it_comes(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.mail_bodies.STILL_FOR", 1.0)
    mail = LARGE + b"x" * 8 * LEAST_WITH_A_PLACE

    async def steady() -> AsyncIterator[bytes]:
        for at in range(0, len(mail), LEAST_WITH_A_PLACE):
            await asyncio.sleep(0.1)
            yield mail[at : at + LEAST_WITH_A_PLACE]

    answer = await house.client.post("/intake/raw", content=steady(), headers=signed(mail))

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("path", "headers", "counts"),
    [
        ("/intake/raw", signed(MAIL), True),
        ("/intake/mailgun", {}, True),
        ("/intake/postmark", basic(), False),  # whose password was right
    ],
)
@pytest.mark.parametrize("breaks_off", [True, False])
async def test_a_body_that_does_not_come_is_a_guess_of_whoever_is_not_known(
    house: House,
    path: str,
    headers: dict[str, str],
    counts: bool,
    breaks_off: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("api.mail_bodies.STILL_FOR", 0.05)
    monkeypatch.setattr("api.limits.GUESSES_AT_ONCE", 1)
    standing = limits_for(1000, lambda: 0.0)  # no time passes, so none is given back
    house.app.state.ports = replace(house.app.state.ports, limits=standing)

    if breaks_off:
        await broken_off(house, path, MAIL, **headers)
    else:
        body = Body(MAIL, waits=True)
        slow = await house.client.post(path, content=body, headers=FORM | headers)
        assert slow.status_code == 408

    assert (await send_raw(house)).status_code == (429 if counts else 200)
