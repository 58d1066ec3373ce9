"""Messages over HTTP: asked for once, read with their story, decided about."""

import asyncio
import json
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.db import outbox_claims, outbox_raw, outbox_results
from adapters.db.outbox_results import Result
from adapters.db.schema import outbox, outbox_attempts
from adapters.general_mail.digest_writer import DigestWriter
from adapters.outgoing.merging import Merging
from api.examples import MESSAGE_EXAMPLE, MESSAGE_REQUEST_EXAMPLE
from api.message_bodies import MessageBody
from domain.access import Scope
from domain.outbox.model import MessageState, Phase, Report
from domain.outbox.rules import Ruling
from domain.outbox.transitions import Deed
from domain.values import LATEST
from tests.adapters.outbox_rows import draft, enqueue
from tests.api.house import House
from tests.api.message_bodies import mail, ready
from tests.api.test_any_input import JSON_VALUES

DEEDS = [deed.value for deed in Deed]


async def ask(house: House, body: dict[str, Any] | None = None, query: str = "") -> httpx.Response:
    return await house.client.post(f"/messages{query}", json=body or mail())


async def asked(house: House, **changes: Any) -> dict[str, Any]:
    answer = await ask(house, mail(**changes))
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def attempted(house: House, state: MessageState, *, code: int = 250) -> None:
    """One attempt of everything that is due comes to `state`."""
    now = house.clock()

    def work(c: sa.Connection) -> None:
        claims = outbox_claims.claim(c, "one", 100, now, LATEST)
        held = [outbox_claims.Held(one.id, one.token) for one in claims]
        outbox_claims.mark_sending(c, held, now, LATEST)
        ruling = Ruling(
            state=state,
            is_unknown=state is MessageState.UNCERTAIN,
            next_at=now + timedelta(minutes=5) if state is MessageState.RETRY else None,
        )
        report = Report(phase=Phase.DONE, code=code, reply="2.0.0 queued as 4F2", server="relay")
        outbox_results.finish(c, [Result(one, report, ruling, now) for one in claims])

    await house.database.write(work)


def filled_subject(value: str) -> dict[str, Any]:
    """A mail whose subject is one variable."""
    return mail(template={"subject": "{{ x }}", "text": "y", "variables": {"x": value}})


async def merged(house: House) -> None:
    """What is due for digests becomes them."""
    merging = Merging(house.database, DigestWriter("parley.example.org").compose, house.clock)
    keys = sa.select(outbox.c.digest).where(outbox.c.digest.is_not(None)).distinct()
    await merging.merge(await house.database.read(lambda c: c.execute(keys).scalars().all()))


async def become(house: House, message: int, **values: Any) -> None:
    change = sa.update(outbox).where(outbox.c.id == message).values(**values)
    await house.database.write(lambda c: c.execute(change))


async def test_a_mail_is_asked_for_once_however_many_ask(either_house: House) -> None:
    answers = await asyncio.gather(*(ask(either_house) for _ in range(8)))
    later = await ask(either_house)

    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert later.status_code == 200
    assert later.headers["idempotency-replayed"] == "true"
    assert len({answer.headers["location"] for answer in [*answers, later]}) == 1
    listed = (await either_house.client.get("/messages")).json()
    assert (listed["count"], listed["states"]["queued"]) == (1, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"priority": "urgent"},
        {"optional": True},
        {"reply_to": {"address": "a@b.example"}},
        {"template": {"subject": "Other", "text": "words"}},
        {"recipient": {"address": "ada@example.org"}},
    ],
)
async def test_another_mail_under_the_same_name_is_refused_with_a_link_to_the_first(
    house: House, changes: dict[str, Any]
) -> None:
    first = await asked(house)

    answer = await ask(house, mail(**changes))

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "message-differs")
    assert problem["_links"]["related"]["href"] == f"/messages/{first['id']}"


async def test_a_repetition_is_one_though_its_times_have_passed(house: House) -> None:
    body = mail(expires_at=(house.clock() + timedelta(hours=1)).isoformat())
    first = await ask(house, body)
    house.clock.now += timedelta(hours=2)

    again = await ask(house, body)
    other = await ask(house, body | {"occasion": "2"})

    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 422)
    assert other.json()["errors"][0]["field"] == "expires_at"


async def test_the_mail_is_what_was_asked_for(house: House) -> None:
    document = await asked(house, reply_to={"name": "Shop", "address": "orders@shop.example"})

    answer = await house.client.get(document["_links"]["parley:raw"]["href"])

    assert answer.headers["content-type"] == "message/rfc822"
    assert "attachment" in answer.headers["content-disposition"]
    message = message_from_bytes(answer.content, policy=policy.default)
    assert message["From"] == "Parley <no-reply@parley.example.org>"
    assert message["To"] == "Ada Moreira <ada@example.org>"
    assert message["Reply-To"] == "Shop <orders@shop.example>"
    assert message["Subject"] == "Order 4711"
    assert message["Message-ID"] == document["message_id"]
    bodies = [part.get_content() for part in message.walk() if not part.is_multipart()]
    assert bodies[0].strip() == "Hello Ada & Co, it is on its way."
    assert bodies[1].strip() == "<p>Hello <b>Ada &amp; Co</b></p>"


async def test_ready_mime_is_sent_as_it_is(house: House) -> None:
    document = (await ask(house, ready())).json()

    raw = (await house.client.get(f"/messages/{document['id']}/raw")).content

    assert raw.endswith(b"\r\n\r\nhello\r\n")
    assert b"\r\nSubject: Invoice\r\n" in raw


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        (mail(kind="meeting.invitation"), "kind", "bad-input"),
        (mail(kind="Order"), "kind", "invalid-request"),
        (mail(kind="order..x"), "kind", "invalid-request"),
        (mail(subject="two words"), "subject", "invalid-request"),
        (mail(subject="x\r\nBcc: y"), "subject", "invalid-request"),
        (mail(subject=""), "subject", "invalid-request"),
        (mail(occasion="1/again/1"), "occasion", "invalid-request"),
        (mail(recipient={"address": "not one"}), "recipient.address", "invalid-request"),
        (mail(recipient={"address": "a@x.example, b@x.example"}), "recipient.address", None),
        (mail(recipient={"address": "r+x@parley.example.org"}), "recipient.address", "bad-input"),
        (
            mail(recipient={"address": "a@x.example", "name": "x\nBcc: y"}),
            "recipient.name",
            "invalid-request",
        ),
        (mail(recipient={"address": "a@x.example", "zone": "Mars"}), "recipient.zone", None),
        (mail(mime="aGVsbG8="), "body", "invalid-request"),
        (ready(b"no header"), "mime", "bad-input"),
        (ready(b"Bcc: x@y.example\r\nSubject: x\r\n\r\n"), "mime", "bad-input"),
        ({**ready(), "mime": "%%%"}, "mime", "bad-input"),
        (ready(digest={"every": "PT1H"}), "digest", "bad-input"),
        (mail(digest={"every": "PT5M"}), "digest.every", "invalid-request"),
        (mail(template={"subject": "{{ x }}", "text": "y"}), "template.subject", None),
        (mail(template={"subject": "x", "text": "{{ y }}"}), "template.text", "missing-variable"),
        (mail(template={"subject": "x", "text": "{{ 7*7 }}"}), "template.text", "bad-input"),
        (mail(template={"subject": "x\ny", "text": "z"}), "template.subject", "invalid-request"),
        (mail(template={"subject": "", "text": "z"}), "template.subject", "invalid-request"),
        (filled_subject(""), "template.subject", "bad-input"),
        (filled_subject(" \n"), "template.subject", "bad-input"),
        (filled_subject("x" * 201), "template.subject", "bad-input"),
        (mail(send_at="2027-02-20T10:00:00"), "send_at", "invalid-request"),
        (mail(send_at="2029-02-20T10:00:00Z"), "send_at", "bad-times"),
        (mail(expires_at="2027-02-20T10:00:00Z"), "expires_at", "bad-times"),
        (mail(on_unknown="guess"), "on_unknown", "invalid-request"),
        (mail(bcc="x@y.example"), "bcc", "invalid-request"),
    ],
)
async def test_what_cannot_be_sent_is_refused_by_field(
    house: House, body: dict[str, Any], field: str, code: str | None
) -> None:
    answer = await ask(house, body)

    problem = answer.json()
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in problem["errors"]][:1] == [field]
    assert code is None or problem["code"] == code


async def test_a_template_that_grows_beyond_bounds_is_refused(house: House) -> None:
    text = "{{ x }}" * 200
    template = {"subject": "x", "text": text, "variables": {"x": "y" * 9000}}

    answer = await ask(house, mail(template=template))

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "template.text"


async def test_a_dry_run_shows_the_mail_and_keeps_nothing(house: House) -> None:
    answer = await ask(house, mail(digest={"every": "P1D"}), "?dry_run=1")

    shown = answer.json()
    assert (answer.status_code, shown["dry_run"]) == (200, True)
    assert "Subject: Order 4711" in shown["raw"]
    assert shown["send_at"] == "2027-02-21T08:00:00Z"
    assert shown["suppressed_because"] is None
    assert (await house.client.get("/messages")).json()["count"] == 0


async def test_a_dry_run_says_that_the_address_takes_no_mail(house: House) -> None:
    await house.client.post("/suppressions", json={"address": "ADA@example.org"})

    shown = (await ask(house, None, "?dry_run=1")).json()

    assert shown["suppressed_because"] == "person"


async def test_what_waits_says_why_and_until_when(house: House) -> None:
    later = house.clock() + timedelta(hours=3)

    document = await asked(house, send_at=later.isoformat())

    assert (document["state"], document["held_because"]) == ("held", "scheduled")
    assert document["explanation"] == "held until the time it was asked for"
    assert document["next_at"] == "2027-02-20T13:00:00Z"


async def test_a_message_tells_its_story(house: House) -> None:
    document = await asked(house)
    await attempted(house, MessageState.SENT)

    story = (await house.client.get(f"/messages/{document['id']}")).json()

    assert story["cause"]["type"] == "MessageRequested"
    assert story["cause"]["subject"] == f"message/{document['id']}"
    assert "was asked for" in story["cause"]["data"]["sentence"]
    assert [line["type"] for line in story["timeline"]] == ["requested", "attempt"]
    attempt = story["timeline"][1]
    assert (attempt["phase"], attempt["code"], attempt["server"]) == ("done", 250, "relay")
    assert (story["state"], story["last_reply"]) == ("sent", "250 2.0.0 queued as 4F2")
    assert story["next_at"] is None


async def test_attempts_that_the_relay_let_down_say_how_often_and_until_when(house: House) -> None:
    document = await asked(house)
    now = house.clock()
    row = {"message_id": document["id"], "token": 9, "at": now, "phase": "connect", "code": None}
    row |= {"reply": "refused", "state": "retry", "times": 9, "until": now + timedelta(hours=1)}
    await house.database.write(lambda c: c.execute(sa.insert(outbox_attempts), row))

    story = (await house.client.get(f"/messages/{document['id']}")).json()

    assert story["timeline"][1]["times"] == 9
    assert story["timeline"][1]["until"] == "2027-02-20T11:00:00Z"


async def test_a_meetings_message_leads_to_its_meeting(house: House) -> None:
    meeting_id = await house.invited()
    letter = draft(2, subject=f"meeting/{meeting_id}")
    [message] = await enqueue(house.database, letter, at=house.clock())

    story = (await house.client.get(f"/messages/{message}")).json()
    reader = await house.client_of("main", Scope.MESSAGES_READ)
    less = (await reader.get(f"/messages/{message}")).json()

    assert story["_links"]["related"]["href"] == f"/meetings/{meeting_id}"
    assert story["cause"]["subject"] == f"meeting/{meeting_id}"
    assert "related" not in less["_links"]
    assert "_templates" not in less


async def test_forgotten_bytes_are_gone(house: House) -> None:
    document = await asked(house)
    await become(house, document["id"], state="sent")
    await house.database.write(lambda c: outbox_raw.forget(c, LATEST, house.clock(), 10))

    answer = await house.client.get(f"/messages/{document['id']}/raw")
    story = (await house.client.get(f"/messages/{document['id']}")).json()

    assert (answer.status_code, answer.json()["code"]) == (410, "bytes-forgotten")
    assert "parley:raw" not in story["_links"]


@pytest.mark.parametrize("state", list(MessageState))
async def test_forms_are_there_exactly_when_they_are_accepted(
    house: House, state: MessageState
) -> None:
    for deed in DEEDS:
        document = await asked(house, occasion=deed)
        await become(house, document["id"], state=state.value)
        here = f"/messages/{document['id']}"
        offered = (await house.client.get(here)).json().get("_templates", {})

        answer = await house.post(f"{here}/{deed}")

        expected = 409 if deed not in offered else 201 if deed == "resend" else 200
        assert answer.status_code == expected, (state, deed, answer.text)


async def test_a_deed_comes_twice_and_is_done_once(either_house: House) -> None:
    house = either_house
    document = await asked(house)
    await attempted(house, MessageState.SENT)
    here = f"/messages/{document['id']}/resend"

    answers = await asyncio.gather(
        *(house.client.post(here, headers={"Idempotency-Key": "k"}) for _ in range(3))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert answers[0].headers["location"] != f"/messages/{document['id']}"
    command = answers[0].json()["_links"]["status"]["href"]
    assert (await house.client.get(command)).json()["state"] == "succeeded"
    assert (await house.client.get("/messages")).json()["count"] == 2


async def test_a_deed_needs_a_key(house: House) -> None:
    document = await asked(house)

    answer = await house.client.post(f"/messages/{document['id']}/drop")

    assert answer.json()["code"] == "idempotency-key-missing"


async def test_a_digest_that_failed_is_seen_in_its_parts_and_resent(house: House) -> None:
    part = (await asked(house, digest={"every": "PT1H"}))["id"]
    house.clock.now += timedelta(hours=1)
    await merged(house)
    await attempted(house, MessageState.FAILED, code=550)

    story = (await house.client.get(f"/messages/{part}")).json()
    whole = story["whole"]["id"]
    again = await house.client.post(
        f"/messages/{whole}/resend", headers={"Idempotency-Key": "once-more"}
    )
    assert again.status_code == 201, again.text
    raw = (await house.client.get(f"/messages/{again.json()['id']}/raw")).text

    assert story["whole"] == {"id": whole, "state": "failed", "fate": None}
    assert story["explanation"] == "became a part of a digest: could not be delivered"
    assert (await house.client.get(f"/messages/{whole}")).json()["cause"] is None
    assert "Hello Ada & Co, it is on its way." in raw


async def test_what_is_being_sent_cannot_be_dropped(house: House) -> None:
    document = await asked(house)
    await house.database.write(lambda c: outbox_claims.claim(c, "one", 1, house.clock(), LATEST))

    answer = await house.post(f"/messages/{document['id']}/drop")

    assert answer.status_code == 409
    assert "look again" in answer.json()["detail"]
    assert answer.json()["_links"]["up"]["href"] == f"/messages/{document['id']}"


async def test_events_tell_what_becomes_of_ones_own_mail(house: House) -> None:
    document = await asked(house)
    await house.post(f"/messages/{document['id']}/hold")
    await house.post(f"/messages/{document['id']}/drop")

    events = (await house.client.get("/events?type=MessageHeld&type=MessageCancelled")).json()

    shown = events["_embedded"]["items"]
    assert [event["type"] for event in shown] == ["MessageHeld", "MessageCancelled"]
    assert shown[0]["subject"] == f"message/{document['id']}"
    assert shown[0]["data"]["kind"] == "order.shipped"
    assert shown[1]["data"]["sentence"] == "The mail order.shipped about order-4711 was dropped."


async def test_a_webhook_carries_events_of_messages(house: House) -> None:
    hook = {"url": "https://hooks.example.org/x", "events": ["MessageRequested"]}
    webhook = (await house.client.post("/webhooks", json=hook)).json()

    await asked(house)

    deliveries = (await house.client.get(f"/webhooks/{webhook['id']}/deliveries")).json()
    assert [each["type"] for each in deliveries["_embedded"]["items"]] == ["MessageRequested"]


async def test_pages_lead_on_with_their_filters(house: House) -> None:
    made = [(await asked(house, occasion=str(n)))["id"] for n in range(1, 8)]
    await asked(house, kind="order.paid")
    seen: list[int] = []
    href: str | None = "/messages?kind=order.shipped&limit=3"

    while href:
        page = (await house.client.get(href)).json()
        seen += [each["id"] for each in page["_embedded"]["items"]]
        assert page["states"]["queued"] == 7
        href = page["_links"].get("next", {}).get("href")

    assert seen == sorted(made, reverse=True)


@pytest.mark.parametrize(
    "query", ["state=over", "before=0", "before=x", "limit=0", "created_from=now", "kind="]
)
async def test_filters_that_make_no_sense_are_refused(house: House, query: str) -> None:
    assert (await house.client.get(f"/messages?{query}")).status_code == 422


@pytest.mark.parametrize("name", ["0", "-1", "x", "1" * 19, "9" * 18, "%00"])
async def test_what_cannot_be_a_message_is_not_found(house: House, name: str) -> None:
    assert (await house.client.get(f"/messages/{name}")).status_code == 404


@pytest.mark.parametrize("path", ["/messages", "/messages/{id}", "/messages/{id}/raw"])
async def test_reading_needs_the_scope_and_the_owner(house: House, path: str) -> None:
    document = await asked(house)
    here = path.format(id=document["id"])
    unscoped = await house.client_of("main", Scope.MEETINGS_READ, Scope.MESSAGES_WRITE)
    stranger = await house.client_of("other")

    refused, empty = await unscoped.get(here), await stranger.get(here)

    assert (refused.status_code, "messages:read" in refused.text) == (403, True)
    assert empty.status_code == 404 or empty.json()["count"] == 0


@pytest.mark.parametrize("path", ["/messages", *(f"/messages/{{id}}/{deed}" for deed in DEEDS)])
async def test_acting_needs_the_scope_and_the_owner(house: House, path: str) -> None:
    document = await asked(house)
    here = path.format(id=document["id"])
    unscoped = await house.client_of("main", Scope.MESSAGES_READ)
    stranger = await house.client_of("other")
    body = mail() if path == "/messages" else {}
    headers = {"Idempotency-Key": "k"}

    refused = await unscoped.post(here, json=body, headers=headers)
    foreign = await stranger.post(here, json=body, headers=headers)

    assert (refused.status_code, "messages:write" in refused.text) == (403, True)
    assert foreign.status_code == (201 if path == "/messages" else 404)
    assert (await house.client.get(f"/messages/{document['id']}")).json()["state"] == "queued"


async def test_owners_may_have_messages_of_the_same_name(house: House) -> None:
    mine = await asked(house)
    other = await house.client_of("other")

    theirs = (await other.post("/messages", json=mail())).json()

    assert theirs["id"] != mine["id"]
    assert theirs["message_id"] != mine["message_id"]


def test_the_examples_are_what_they_show() -> None:
    MessageBody.model_validate(MESSAGE_REQUEST_EXAMPLE)


async def test_the_example_of_a_message_has_the_members_of_one(house: House) -> None:
    document = await asked(house)

    story = (await house.client.get(f"/messages/{document['id']}")).json()

    assert set(MESSAGE_EXAMPLE) <= set(story) | {"_templates"}


@given(
    changes=st.dictionaries(
        st.sampled_from([*MessageBody.model_fields, "x"]), JSON_VALUES, max_size=3
    )
)
@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_any_members_are_understood(house: House, changes: dict[str, Any]) -> None:
    content = json.dumps({**mail(), **changes}).encode()
    headers = {"Content-Type": "application/json"}

    answer = await house.client.post("/messages", content=content, headers=headers)

    assert answer.status_code in {200, 201, 400, 409, 422}


def test_the_manual_names_every_deed() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "outbox.md").read_text()

    assert [deed for deed in DEEDS if f"`{deed}`" not in manual] == []
