"""Mail in over HTTP: signed, durable before 200, and refused so that nothing is lost."""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
import sqlalchemy as sa

from adapters.db.database import Database
from adapters.db.schema import outbox_events
from adapters.intake.accepting import Reception
from api.bodies import LARGEST_BODY
from api.intake_bodies import MOST_RECIPIENTS, addresses_in
from api.limits import limits_for
from domain.errors import BadInput, Unavailable
from domain.inbox.acceptance import SIZE_LIMIT, Envelope, Outcome, Source
from tests.adapters.intake.letters import ANA, MAIL, kept, revoke
from tests.adapters.outbox_rows import draft, enqueue
from tests.api.house import MAIL_DOMAIN, NOW, House, house_over
from tests.api.intake_senders import (
    OURS,
    WAYS,
    basic,
    mailgun,
    open_house,
    send_mailgun,
    send_postmark,
    send_raw,
    signed,
)

LARGE = MAIL + b"x" * SIZE_LIMIT


@pytest.fixture
async def house(sqlite_database: Database, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(sqlite_database, tmp_path) as house:
        yield house


@pytest.mark.parametrize("way", WAYS)
async def test_a_mail_is_in_the_inbox_before_200_and_once_however_often_it_comes(
    house: House, way: str
) -> None:
    answers = [await WAYS[way](house) for _ in range(2)]

    [row] = await kept(house.database)
    assert (row.raw, row.mail_from, row.source) == (MAIL, ANA, way)
    for answer in answers:
        assert answer.status_code == 200, answer.text
        [outcome] = answer.json()["outcomes"]
        assert outcome == {"recipient": OURS, "admission": "accepted", "key": row.key}


@pytest.mark.parametrize("way", WAYS)
async def test_a_mail_for_nobody_or_too_large_is_kept_and_not_sent_again(
    house: House, way: str
) -> None:
    nobody = await WAYS[way](house, to="x@example.org")
    large = await WAYS[way](house, raw=LARGE)

    assert [one.status_code for one in (nobody, large)] == [200, 200]
    assert nobody.json()["outcomes"][0]["admission"] == "quarantined"
    assert large.json()["outcomes"][0]["admission"] == "quarantined"
    assert await kept(house.database) == []


class Broken(Reception):
    async def accept(self, raw: bytes, envelope: Envelope, source: Source) -> tuple[Outcome, ...]:
        raise Unavailable("The database did not answer in time.")


@pytest.mark.parametrize("way", WAYS)
async def test_our_own_fault_is_tried_again(house: House, way: str) -> None:
    broken = Broken(house.database, MAIL_DOMAIN)
    house.app.state.ports = replace(house.app.state.ports, reception=broken)

    answer = await WAYS[way](house)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


@pytest.mark.parametrize("way", WAYS)
async def test_a_full_mailbox_is_tried_again(
    house: House, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.inbox.load.MOST_UNREAD", 0)

    assert (await WAYS[way](house)).status_code == 503
    assert await kept(house.database) == []


@pytest.mark.parametrize("way", WAYS)
async def test_what_finds_no_room_in_quarantine_is_tried_again_and_says_why(
    house: House, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.inbox.load.MOST_KEPT_OF_SOURCE", 0)

    answer = await WAYS[way](house, to="x@example.org")

    assert answer.status_code == 503
    assert "an operator must replay or discard" in answer.json()["detail"]
    monkeypatch.setattr("domain.inbox.load.MOST_KEPT_OF_SOURCE", 1)
    assert (await WAYS[way](house, to="x@example.org")).status_code == 200


async def test_a_mail_of_eight_bits_arrives_as_it_was(house: House) -> None:
    raw = MAIL + b"\xe9\xff\x00\r\n"

    await send_raw(house, raw)
    await send_mailgun(house, raw)

    assert [(row.raw, row.copies) for row in await kept(house.database)] == [(raw, 2)]


async def test_only_a_known_senders_form_is_taken_apart(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Megabytes of percent signs would keep the loop from everybody else."""
    decoded: list[int] = []

    def counting(value: bytes) -> bytes:
        decoded.append(len(value))
        return unquote_to_bytes(value)

    monkeypatch.setattr("api.intake_forms.unquote_to_bytes", counting)
    percent = b"timestamp=" + b"%41" * 100_000 + b"&body-mime=" + b"%41" * 100_000
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = await house.client.post("/intake/mailgun", content=percent, headers=form)

    assert answer.status_code == 401
    assert max(decoded) < 5000


async def test_mailgun_may_post_parts(house: House) -> None:
    fields = {"recipient": OURS, "sender": ANA, **mailgun()}

    answer = await house.client.post(
        "/intake/mailgun", data=fields, files={"body-mime": ("mail.eml", LARGE[:1_000_000])}
    )

    assert answer.status_code == 200, answer.text
    assert [row.raw for row in await kept(house.database)] == [LARGE[:1_000_000]]


async def test_wrong_signatures_are_refused_and_keep_nothing(house: House) -> None:
    forged = await house.client.post("/intake/raw", content=MAIL, headers=signed(b"other"))
    unsigned = await house.client.post("/intake/raw", content=MAIL)
    other = "whsec_" + base64.b64encode(b"x" * 32).decode()
    answers = [
        forged,
        unsigned,
        await send_raw(house, secret=other),
        await house.client.post("/intake/postmark", json={}, headers=basic("wrong")),
        await house.client.post("/intake/postmark", json={}),
        await send_mailgun(house, key="wrong"),
        await house.client.post("/intake/postmark/events", json={}),
        await house.client.post("/intake/mailgun/events", json={"signature": mailgun(key="x")}),
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert await kept(house.database) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"parley-rcpt-to": OURS.replace("r+", "b+")},
        {"parley-rcpt-to": f"{OURS}, {OURS}"},
        {"parley-mail-from": "<ben@example.net>"},
        {"parley-mail-from": ""},
    ],
)
async def test_an_overheard_request_cannot_be_addressed_anew(
    house: House, changed: dict[str, str]
) -> None:
    answer = await house.client.post("/intake/raw", content=MAIL, headers=signed(MAIL) | changed)

    assert answer.status_code == 401
    assert await kept(house.database) == []


async def test_the_example_of_the_page_is_accepted(
    sqlite_database: Database, tmp_path: Path
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "inbox.md").read_text()
    example: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], example)
    headers = example["headers"]

    assert headers["webhook-signature"] in page  # as its reader is told to expect
    settings = {"intake_webhook_secret": example["secret"]}
    async with house_over(sqlite_database, tmp_path, **settings) as house:
        house.clock.now = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        answer = await house.client.post("/intake/raw", content=example["mail"], headers=headers)

    assert answer.status_code == 200, answer.text


SIGNED = {"webhook": send_raw, "mailgun": send_mailgun}


@pytest.mark.parametrize("way", SIGNED)
async def test_a_repeated_request_gets_the_first_answer_and_does_nothing(
    house: House, way: str
) -> None:
    first = await SIGNED[way](house)
    await revoke(house.database)  # to whoever asks for the first time it is nobody's now

    again = await SIGNED[way](house)

    assert (again.status_code, again.json()) == (200, first.json())
    assert [row.copies for row in await kept(house.database)] == [1]


@pytest.mark.parametrize("way", SIGNED)
async def test_a_request_that_was_told_to_come_again_may(
    house: House, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.inbox.load.MOST_UNREAD", 0)
    assert (await SIGNED[way](house)).status_code == 503
    monkeypatch.setattr("domain.inbox.load.MOST_UNREAD", 1)

    answers = [await SIGNED[way](house) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert len(await kept(house.database)) == 1


@pytest.mark.parametrize(
    "other", [{"raw": MAIL + b"and more\r\n"}, {"to": f"{OURS},{OURS}"}, {"to": ""}]
)
@pytest.mark.parametrize("way", SIGNED)
async def test_one_signature_serves_for_one_content(
    house: House, way: str, other: dict[str, Any]
) -> None:
    await SIGNED[way](house, id="one")

    answer = await SIGNED[way](house, **other, id="one")

    assert (answer.status_code, answer.json()["code"]) == (409, "signed-content-differs")
    assert [row.raw for row in await kept(house.database)] == [MAIL]


async def test_an_old_signature_is_refused_for_good(house: House) -> None:
    await send_mailgun(house)
    house.clock.now += timedelta(hours=11)
    assert (await send_mailgun(house)).status_code == 200  # Mailgun may still be trying
    house.clock.now += timedelta(hours=2)

    assert (await send_mailgun(house)).status_code == 406
    assert (await send_raw(house)).status_code == 406
    house.clock.now = NOW
    assert (await send_raw(house, at=301)).status_code == 406


async def test_guessing_the_password_comes_to_an_end(house: House) -> None:
    standing = limits_for(1000, lambda: 0.0)  # no time passes, so none is given back
    house.app.state.ports = replace(house.app.state.ports, limits=standing)
    for _ in range(100):
        await house.client.post("/intake/postmark", json={}, headers=basic("wrong"))

    assert (await send_postmark(house)).status_code == 429


@pytest.mark.parametrize("path", ["/intake/raw", "/intake/postmark", "/intake/mailgun"])
async def test_a_way_that_is_not_set_up_is_shut(
    sqlite_database: Database, tmp_path: Path, path: str
) -> None:
    async with house_over(sqlite_database, tmp_path) as house:
        headers = signed(b"x", secret="") | basic("")
        answer = await house.client.post(path, content=b"x", headers=headers)
        large = await house.client.post(path, content=b"x" * (LARGEST_BODY + 1))

    assert (answer.status_code, large.status_code) == (401, 401)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'{"RawEmail": 7}', b'{"RawEmail": ""}', b'{"x": ' + b"[" * 50_000, b"\xff"],
)
async def test_what_is_no_mail_is_a_clear_refusal(house: House, body: bytes) -> None:
    headers = basic() | {"Content-Type": "application/json"}
    for path in ("/intake/postmark", "/intake/postmark/events", "/intake/mailgun"):
        answer = await house.client.post(path, content=body, headers=headers)
        assert answer.status_code in (200, 400, 401, 422), answer.text
    assert await kept(house.database) == []


async def heard(database: Database) -> list[tuple[int, str]]:
    query = sa.select(outbox_events.c.message_id, outbox_events.c.type)
    return await database.read(lambda c: [tuple(row) for row in c.execute(query)])


async def test_mailguns_events_reach_the_message_once(house: House) -> None:
    letter = draft()
    [message] = await enqueue(house.database, letter)
    body = {
        "signature": mailgun(),
        "event-data": {
            "event": "failed",
            "severity": "permanent",
            "id": "abc",
            "timestamp": NOW.timestamp(),
            "recipient": "ANA@example.org",
            "message": {"headers": {"message-id": letter.message_id.strip("<>")}},
            "delivery-status": {"code": 550, "message": "no such user"},
        },
    }

    answers = [await house.client.post("/intake/mailgun/events", json=body) for _ in range(2)]
    body["signature"] = mailgun(id="another")
    answers.append(await house.client.post("/intake/mailgun/events", json=body))

    assert [answer.json() for answer in answers] == [{"known": True}] * 3
    assert await heard(house.database) == [(message, "bounced")]


async def test_an_overheard_token_serves_for_nothing_else(house: House) -> None:
    """Neither for another event nor for a mail, whatever it came with first."""
    letter = draft()
    await enqueue(house.database, letter)
    opened = {"signature": mailgun(id="one"), "event-data": {"event": "opened"}}
    data = {
        "event": "complained",
        "recipient": letter.recipient,
        "message": {"headers": {"message-id": letter.message_id}},
    }
    first = await house.client.post("/intake/mailgun/events", json=opened)

    again = await house.client.post("/intake/mailgun/events", json=opened)
    forged = await house.client.post("/intake/mailgun/events", json={**opened, "event-data": data})
    mail = await send_mailgun(house, id="one")

    assert [one.status_code for one in (first, again, forged, mail)] == [200, 200, 409, 409]
    assert await heard(house.database) == []
    assert await kept(house.database) == []


@pytest.mark.parametrize("recipient", ["", "ben@example.net", None])
async def test_an_event_is_about_a_message_to_its_recipient(
    house: House, recipient: str | None
) -> None:
    letter = draft()
    await enqueue(house.database, letter)
    headers = {"message-id": letter.message_id}
    data = {"event": "complained", "recipient": recipient, "message": {"headers": headers}}
    postmark = {"RecordType": "SpamComplaint", "Email": recipient, "Metadata": headers}

    answers = [
        await house.client.post(
            "/intake/mailgun/events", json={"signature": mailgun(), "event-data": data}
        ),
        await house.client.post("/intake/postmark/events", json=postmark, headers=basic()),
    ]

    assert [answer.json() for answer in answers] == [{"known": False}] * 2
    assert await heard(house.database) == []


@pytest.mark.parametrize(
    ("record", "word"),
    [
        ({"RecordType": "Delivery", "Recipient": "ana@example.org"}, "delivered"),
        ({"RecordType": "Bounce", "Type": "HardBounce", "Email": "ana@example.org"}, "bounced"),
        ({"RecordType": "Bounce", "Type": "Transient", "Email": "Ana@example.org"}, "delayed"),
        (
            {"RecordType": "SpamComplaint", "BouncedAt": "nonsense", "Email": "ana@example.org"},
            "complained",
        ),
        ({"RecordType": "Open"}, None),
        ({}, None),
    ],
)
async def test_postmarks_events_say_what_became_of_it(
    house: House, record: dict[str, Any], word: str | None
) -> None:
    letter = draft()
    [message] = await enqueue(house.database, letter)
    body = {"MessageID": "guid", "Metadata": {"message-id": letter.message_id}, **record}

    answer = await house.client.post("/intake/postmark/events", json=body, headers=basic())

    assert answer.json() == {"known": word is not None}
    assert await heard(house.database) == ([(message, word)] if word else [])


async def test_events_about_nothing_of_ours_are_answered(house: House) -> None:
    data = {"event": "delivered", "recipient": "x@y", "message": {"headers": {"message-id": "x"}}}
    bodies: list[dict[str, Any]] = [
        {"event-data": data},
        {"event-data": []},
        {"event-data": {"timestamp": 1e400}},
    ]
    for number, body in enumerate(bodies):
        text = json.dumps({"signature": mailgun(id=str(number)), **body}).replace(
            "Infinity", "1e400"
        )
        answer = await house.client.post("/intake/mailgun/events", content=text.encode())
        assert answer.json() == {"known": False}


def test_no_recipient_is_left_out_without_a_word() -> None:
    many = ",".join(f"guest{number}@example.org" for number in range(MOST_RECIPIENTS + 1))

    assert len(addresses_in(many.rpartition(",")[0])) == MOST_RECIPIENTS
    with pytest.raises(BadInput, match="in parts"):
        addresses_in(many)
