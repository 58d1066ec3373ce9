"""Megabytes over HTTP: not read for nobody, and taken whole or as what can be kept of them."""

import json
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlencode

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from adapters.db.database import Database
from adapters.db.schema import quarantine
from api.intake_bodies import MOST_RECIPIENTS
from api.intake_forms import MailForm
from api.mail_bodies import BEGINNING, LARGEST_MAIL, LARGEST_OF_MAILGUN
from tests.adapters.intake.letters import ANA, MAIL, kept
from tests.api.bodies_in_pieces import FORM, Body, broken_off, come, from_peer
from tests.api.house import House
from tests.api.intake_senders import OURS, basic, mailgun, open_house, send_mailgun, signed


@pytest.fixture
async def house(sqlite_database: Database, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(sqlite_database, tmp_path, intake_mails_per_minute=10) as house:
        yield house


STALE = signed(MAIL, at=-400)
MANY = ",".join(f"guest{number}@example.org" for number in range(MOST_RECIPIENTS + 1))


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("raw", {}, 401),
        ("raw", signed(MAIL) | {"webhook-id": ""}, 401),
        ("raw", signed(MAIL) | {"webhook-id": "a.b"}, 422),
        ("raw", signed(MAIL) | {"webhook-signature": "v2,x"}, 401),
        ("raw", signed(MAIL) | {"webhook-timestamp": "soon"}, 401),
        ("raw", STALE, 406),
        ("raw", signed(MAIL, MANY), 422),
        ("raw", signed(MAIL) | {"Content-Length": str(LARGEST_MAIL + 1)}, 413),
        ("raw", signed(MAIL) | {"Content-Length": "9" * 40}, 413),
        ("postmark", {}, 401),
        ("postmark", basic("wrong"), 401),
        ("mailgun", {"Content-Type": "application/json"}, 422),
        ("mailgun/mime", FORM | {"Content-Length": str(LARGEST_OF_MAILGUN + 1)}, 413),
    ],
)
async def test_what_can_be_refused_without_the_body_is(
    house: House, path: str, headers: dict[str, str], status: int
) -> None:
    body = Body(MAIL)

    answer = await house.client.post(f"/intake/{path}", content=body, headers=headers)

    assert (answer.status_code, body.begun) == (status, False)
    assert (answer.headers.get("connection") == "close") == (status == 413)


async def test_a_way_that_is_not_set_up_reads_nothing(
    sqlite_database: Database, tmp_path: Path
) -> None:
    shut = {"intake_webhook_secret": "", "postmark_password": "", "mailgun_signing_key": ""}
    async with open_house(sqlite_database, tmp_path, **shut) as house:
        for path in ("raw", "postmark", "mailgun", "mailgun/mime"):
            body, headers = Body(MAIL), signed(MAIL) | basic("") | FORM
            answer = await house.client.post(f"/intake/{path}", content=body, headers=headers)
            assert (answer.status_code, body.begun) == (401, False)


async def test_a_peer_from_outside_brings_so_many_in_a_minute(house: House) -> None:
    headers = signed(MAIL)
    async with from_peer(house, "8.8.8.8") as peer, from_peer(house, "8.8.4.4") as other:
        for _ in range(10):
            assert (
                await peer.post("/intake/raw", content=MAIL, headers=headers)
            ).status_code == 200
        body = Body(MAIL)
        late = await peer.post("/intake/raw", content=body, headers=headers)
        assert (late.status_code, body.begun) == (429, False)
        assert int(late.headers["retry-after"]) >= 1
        assert (await other.post("/intake/raw", content=MAIL, headers=headers)).status_code == 200
    assert (await house.client.post("/intake/raw", content=MAIL, headers=headers)).is_success


async def test_a_mail_that_breaks_off_is_none(house: House) -> None:
    """Half a form looks like a whole one, and would take the token of the whole one."""
    fields = {"recipient": OURS, "sender": ANA, **mailgun(), "body-mime": MAIL}
    half = urlencode(fields).encode()[:-20]

    await broken_off(house, "/intake/mailgun/mime", half)

    assert await kept(house.database) == []
    assert (await send_mailgun(house, id="token")).status_code == 200


async def test_an_event_that_breaks_off_is_not_heard(house: House) -> None:
    assert await broken_off(house, "/intake/mailgun/events", b"{}") == []


async def test_a_mail_from_postmark_whose_last_piece_is_too_much_is_begun_as_well(
    house: House,
) -> None:
    """Servers mark the last piece as such; it is not followed by an empty one."""
    octets = json.dumps({"FromFull": {"Email": ANA}, "RawEmail": "x" * LARGEST_MAIL}).encode()
    halves = octets[:BEGINNING], octets[BEGINNING:]
    messages: list[Message] = [
        {"type": "http.request", "body": half, "more_body": half is not halves[-1]}
        for half in halves
    ]

    [start, *_] = await come(house, "/intake/postmark", messages, **basic())

    assert start["status"] == 200
    raw = await house.database.read(lambda c: c.execute(sa.select(quarantine.c.raw)).scalar_one())
    assert raw == octets[:BEGINNING]


@pytest.mark.parametrize("says_its_length", [True, False])
@pytest.mark.parametrize("to", [OURS, "x@example.org"])
async def test_of_a_mail_too_large_from_postmark_the_beginning_is_kept(
    house: House, to: str, says_its_length: bool
) -> None:
    """With who it was from and for, whatever its sender wrote into the texts before."""
    document = {
        "FromName": 'x", "From": "forged\\\\',
        "From": ANA,
        "FromFull": {"Email": ANA, "Name": '"OriginalRecipient": "forged"'},
        "OriginalRecipient": to,
        "Subject": 'two "OriginalRecipient": "forged"',
        "RawEmail": "x" * LARGEST_MAIL,
    }
    octets = json.dumps(document).encode()
    headers = basic() | ({"Content-Length": str(len(octets))} if says_its_length else {})

    answers = [
        await house.client.post("/intake/postmark", content=Body(octets), headers=headers)
        for _ in range(2)
    ]

    assert [answer.json()["outcomes"][0]["admission"] for answer in answers] == ["quarantined"] * 2
    columns = [quarantine.c[name] for name in ("mail_from", "recipient", "reason", "raw")]
    [row] = await house.database.read(lambda c: c.execute(sa.select(*columns)).all())
    assert tuple(row) == (ANA, to, "cut", octets[:BEGINNING])


async def test_a_mail_as_large_as_mailgun_takes_is_kept_whole(house: House) -> None:
    mail = MAIL + b"x" * 25 * 1024 * 1024

    answer = await send_mailgun(house, mail)

    assert answer.json()["outcomes"][0]["admission"] == "quarantined"
    length = sa.select(sa.func.length(quarantine.c.raw))
    assert await house.database.read(lambda c: c.execute(length).scalar()) == len(mail)


@given(st.text("%4a+é", max_size=30))
def test_a_form_is_decoded_the_same_in_pieces(text: str) -> None:
    value = text.encode()
    form = MailForm({"x": value}, is_encoded=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("api.intake_forms._PIECE", 3)
        assert form.octets("x") == unquote_to_bytes(value.replace(b"+", b" "))


def test_a_mail_of_percent_signs_takes_no_more_memory_than_another() -> None:
    form = MailForm({"body-mime": b"%25" * 500_000}, is_encoded=True)
    tracemalloc.start()
    try:
        assert len(form.octets("body-mime")) == 500_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 10_000_000
