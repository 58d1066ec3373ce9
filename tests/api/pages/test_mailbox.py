"""The mailbox of the embedded catcher: reading what was caught, and answering it by real SMTP."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from adapters.attendees.sending import submit
from adapters.db.keys import SqlKeys
from api.app import Parts, create_app
from domain.access import Scope
from domain.meetings.model import MeetingState, Partstat, Status
from settings import Settings
from tests.api.house import BASE_URL, House
from tests.api.pages.visitor import Form, Visitor, form_to, forms_of
from tests.e2e.pages_world import World, opened_world

BEN = "/mailbox/ben@example.com"


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with opened_world(tmp_path_factory.mktemp("world")) as world:
        yield world


@pytest.fixture
async def visitor(world: World) -> AsyncIterator[Visitor]:
    visitor = Visitor.at(world.base_url)
    yield visitor
    await visitor.client.aclose()


async def caught(world: World, raw: bytes, recipient: str) -> int:
    """Puts a mail into the mailbox by SMTP; gives its id."""
    await submit(raw, "sender@example.net", recipient, "127.0.0.1", world.catcher.port)
    [*_, mail] = await world.catcher.messages(recipient)
    return mail.id


async def state_of(world: World, meeting_id: str) -> MeetingState:
    return await world.rules.store.load(meeting_id)


async def invitation(world: World, visitor: Visitor, title: str) -> tuple[str, httpx.Response]:
    """A meeting and the page of Ben's invitation to it."""
    meeting_id = await world.invited(title)
    mail = await world.mail_to("ben@example.com", f"Invitation: {title}")
    return meeting_id, await visitor.get(f"{BEN}/{mail.id}")


def answer_form(page: httpx.Response, deed: str) -> Form:
    """The form whose button does `deed`, with that button pressed."""
    first, second = (form for form in forms_of(page) if form.action.endswith("/answer"))
    form = second if deed == "propose" else first
    form.fields["deed"] = deed
    return form


async def test_the_mailbox_lists_people_mails_and_one_mail(world: World, visitor: Visitor) -> None:
    _, page = await invitation(world, visitor, "Kitchen plans")

    assert "ben@example.com" in (await visitor.get("/mailbox")).text
    assert "Kitchen plans" in (await visitor.get(BEN)).text
    for words in (
        "Organizer: Moreira &amp; Co",
        "11:00–11:30",
        "Africa/Lagos",
        "Sequence 0",
        "Hello Ben Okafor",
        f'<a href="{world.base_url}/p/',
        "Google Calendar",
        "Outlook",
        "Apple",
        "Thunderbird",
    ):
        assert words in page.text


@pytest.mark.parametrize("program", ["google", "outlook", "apple", "thunderbird"])
@pytest.mark.parametrize(
    ("deed", "partstat"),
    [
        ("accept", Partstat.ACCEPTED),
        ("tentative", Partstat.TENTATIVE),
    ],
)
async def test_an_answer_travels_by_smtp_into_the_meeting(
    world: World, visitor: Visitor, program: str, deed: str, partstat: Partstat
) -> None:
    meeting_id, page = await invitation(world, visitor, f"{program} {deed}")

    answer = await visitor.send(answer_form(page, deed), program=program, comment="See you!")

    assert answer.headers["Location"] == f"{BEN}?sent=1"
    assert "sent by SMTP" in (await visitor.follow(answer)).text
    state = await world.state_when(meeting_id, lambda s: s.party(2).partstat is partstat)
    assert state.status is Status.NEGOTIATING


@pytest.mark.parametrize("program", ["google", "outlook", "apple"])
async def test_a_proposal_travels_by_smtp_into_the_meeting(
    world: World, visitor: Visitor, program: str
) -> None:
    meeting_id, page = await invitation(world, visitor, f"{program} proposes")
    form = answer_form(page, "propose")
    assert form.fields["zone"] == "Africa/Lagos"

    answer = await visitor.send(form, program=program, time="15:00")

    assert answer.status_code == 303, answer.text
    state = await world.state_when(meeting_id, lambda s: s.sequence == 1)
    assert state.slot is not None
    assert state.slot.start.hour == 14  # Lagos is an hour ahead of UTC


async def test_a_program_that_cannot_propose_says_so(world: World, visitor: Visitor) -> None:
    _, page = await invitation(world, visitor, "No proposals")

    answer = await visitor.send(answer_form(page, "propose"), program="thunderbird", time="15:00")

    assert answer.status_code == 422
    assert "cannot propose another time" in answer.text


async def test_a_reply_in_words_reaches_the_desk(world: World, visitor: Visitor) -> None:
    meeting_id, page = await invitation(world, visitor, "Words")

    await visitor.send(answer_form(page, "write"), comment="Could we meet outside?")

    state = await world.state_when(meeting_id, lambda s: s.version >= 3)
    assert state.party(2).partstat is Partstat.NEEDS_ACTION


@pytest.mark.parametrize(
    ("deed", "fields", "status"),
    [
        ("write", {"comment": ""}, 422),
        ("dance", {}, 422),
        ("", {}, 422),
        ("accept", {"program": "pine"}, 404),
        ("propose", {"date": "", "program": "google"}, 422),
        ("propose", {"zone": "Nowhere", "program": "google"}, 422),
        ("accept", {"comment": "a\x00b", "program": "google"}, 422),
    ],
)
async def test_an_answer_that_makes_no_sense_is_refused_in_words(
    world: World, visitor: Visitor, deed: str, fields: dict[str, str], status: int
) -> None:
    _, page = await invitation(world, visitor, "Odd")

    answer = await visitor.send(answer_form(page, deed), **fields)

    assert answer.status_code == status
    assert "text/html" in answer.headers["Content-Type"]


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example.net"}]
)
async def test_another_site_cannot_answer(
    world: World, visitor: Visitor, headers: dict[str, str]
) -> None:
    _, page = await invitation(world, visitor, "Cross")
    form = answer_form(page, "accept")

    assert (await visitor.post(form.action, form.fields, headers)).status_code == 403


async def test_an_answer_needs_the_nonce_of_the_page(world: World, visitor: Visitor) -> None:
    _, page = await invitation(world, visitor, "Nonce")

    assert (await visitor.send(answer_form(page, "accept"), nonce="x")).status_code == 403


async def test_a_nonce_serves_the_mail_it_was_shown_with_and_no_other(
    world: World, visitor: Visitor
) -> None:
    _, page = await invitation(world, visitor, "Mine")
    _, other = await invitation(world, visitor, "Other")
    nonce = answer_form(other, "accept").fields["nonce"]

    assert (await visitor.send(answer_form(page, "accept"), nonce=nonce)).status_code == 403


async def test_from_elsewhere_the_mailbox_needs_a_session_of_an_administrator(
    world: World, visitor: Visitor
) -> None:
    visitor.client.headers["X-Forwarded-For"] = "203.0.113.9"
    for path in ("/mailbox", BEN, f"{BEN}/1", f"{BEN}/1/html"):
        answer = await visitor.get(path)
        assert answer.status_code == 303
        assert answer.headers["Location"] == f"/login?next={quote(path)}"

    await sign_in(visitor, await key(world, Scope.MEETINGS_READ, Scope.MEETINGS_WRITE))
    assert (await visitor.get(BEN)).status_code == 403
    await sign_in(visitor, await key(world, Scope.ADMIN, owner="other"))
    assert (await visitor.get(BEN)).status_code == 403
    await sign_in(visitor, world.key)
    assert (await visitor.get(BEN)).status_code == 200


async def test_a_form_of_one_session_is_not_sent_by_another(world: World, visitor: Visitor) -> None:
    visitor.client.headers["X-Forwarded-For"] = "203.0.113.9"
    await sign_in(visitor, world.key)
    _, page = await invitation(world, visitor, "Twice")
    form = answer_form(page, "accept")
    await sign_in(visitor, world.key)

    assert (await visitor.send(form, program="google")).status_code == 403


async def sign_in(visitor: Visitor, key: str) -> None:
    answer = await visitor.send(form_to(await visitor.get("/login"), "/login"), key=key)
    assert answer.status_code == 303, answer.text


async def key(world: World, *scopes: Scope, owner: str = "main") -> str:
    _, text = await SqlKeys(world.database).create(owner, "desk", scopes, datetime.now(UTC))
    return text


async def test_a_public_address_makes_every_visitor_a_stranger(tmp_path: Path) -> None:
    """A proxy on this machine need not say for whom it asks."""
    async with opened_world(tmp_path) as world:
        settings = Settings(data_dir=tmp_path, base_url=BASE_URL)
        parts = Parts(settings, world.database, b"s" * 32, world.rules.poke, catcher=world.catcher)
        visitor = Visitor(create_app(parts))  # from 127.0.0.1

        assert (await visitor.get("/mailbox")).status_code == 303


async def test_the_mailbox_is_not_read_under_another_name(visitor: Visitor) -> None:
    """A name of another site that points here would otherwise make its scripts same-origin."""
    for path in ("/mailbox", BEN):
        assert (await visitor.get(path, Host="evil.example.net")).status_code == 403


async def test_without_a_catcher_there_is_no_mailbox(house: House) -> None:
    assert (await Visitor(house.app).get("/mailbox")).status_code == 404


def html_mail(html: str, subject: str = "x") -> bytes:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = subject, "a@example.net", "eve@example.net"
    mail.set_content("See https://evil.example.net/ and javascript:alert(1)")
    mail.add_alternative(html, subtype="html")
    return mail.as_bytes()


async def test_the_html_of_a_mail_is_framed_without_any_power(
    world: World, visitor: Visitor
) -> None:
    mail_id = await caught(world, html_mail("<script>alert(1)</script>"), "eve@example.net")

    page = await visitor.get(f"/mailbox/eve@example.net/{mail_id}")
    frame = await visitor.get(f"/mailbox/eve@example.net/{mail_id}/html")

    assert "sandbox title=" in page.text
    assert "<script" not in page.text
    assert "evil.example.net/</a>" not in page.text  # only our own pages become links
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    policy = frame.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "frame-ancestors 'self'" in policy


CALENDAR = b"Content-Type: text/calendar; method=REQUEST\r\n\r\n"
HOSTILE: dict[str, bytes] = {
    "empty": b"\r\n",
    "no headers": b"hello",
    "binary": bytes(range(256)) * 8,
    "unknown charset": b"Subject: x\r\nContent-Type: text/plain; charset=rot13\r\n\r\nhello",
    "bad encoded word": b"Subject: =?utf-8?b?%%%?= =?nope?q?x?=\r\n\r\nhello",
    "half address": b"From: a@[\r\nMessage-ID: <a@[x>\r\n\r\nhello",
    "nested": b'Content-Type: multipart/mixed; boundary="a"\r\n\r\n--a\r\n' * 200,
    "empty calendar": CALENDAR,
    "no event": CALENDAR + b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n",
    "odd sequence": CALENDAR
    + b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:1\r\nSEQUENCE:many\r\n"
    b"DTSTART:soon\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
    "ends first": CALENDAR
    + b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:<b>x\r\n"
    b"DTSTART:20270302T090000Z\r\nDTEND:20270301T090000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_any_mail_can_be_opened(world: World, visitor: Visitor, name: str) -> None:
    mail_id = await caught(world, HOSTILE[name], "odd@example.net")

    inbox = await visitor.get("/mailbox/odd@example.net")
    page = await visitor.get(f"/mailbox/odd@example.net/{mail_id}")
    html = await visitor.get(f"/mailbox/odd@example.net/{mail_id}/html")

    assert (inbox.status_code, page.status_code, html.status_code) == (200, 200, 200)
    assert "<b>x" not in page.text


@pytest.mark.parametrize("path", ["/0", "/999999", "/x", "/" + "9" * 30, "/²", "/1/2/3"])
async def test_a_mail_that_is_not_there_is_not_found(visitor: Visitor, path: str) -> None:
    assert (await visitor.get(f"{BEN}{path}")).status_code == 404


async def test_a_mail_opens_only_under_its_own_address(world: World, visitor: Visitor) -> None:
    mail_id = await caught(world, b"Subject: x\r\n\r\nhello", "one@example.net")

    assert (await visitor.get(f"/mailbox/two@example.net/{mail_id}")).status_code == 404


@pytest.mark.parametrize("address", ["nobody@example.org", "<script>", "é@example.org", "a b"])
async def test_an_address_without_mail_has_an_empty_inbox(visitor: Visitor, address: str) -> None:
    page = await visitor.get(f"/mailbox/{quote(address)}")

    assert page.status_code == 200
    assert "No mail for this address." in page.text
    assert "<script>" not in page.text


async def test_ten_fetches_of_a_mail_change_nothing(world: World, visitor: Visitor) -> None:
    meeting_id, page = await invitation(world, visitor, "Fetched")
    before: Any = await state_of(world, meeting_id)

    for _ in range(10):
        await visitor.get(str(page.url))
        await visitor.get(f"{page.url}/answer")

    assert await state_of(world, meeting_id) == before
