"""The desk's page of mail that needs an operator."""

from html import unescape

import pytest

from adapters.intake.accepting import Reception
from domain.access import Scope
from domain.inbox.acceptance import Envelope, Source, Way
from tests.adapters.intake.letters import DOMAIN, MAIL, address, given_a_meeting
from tests.api.house import MAIL_DOMAIN, House
from tests.api.pages.test_desk import signed_in
from tests.api.pages.visitor import Visitor, actions_of, form_to

REPLAY, DISCARD = "/desk/quarantine/q1/replay", "/desk/quarantine/q1/discard"


@pytest.fixture
async def desk(house: House) -> Visitor:
    """An administrator; one mail is in quarantine, whose sender tries a trick."""
    await given_a_meeting(house.database)
    envelope = Envelope(mail_from="<script>@x", recipients=("x@example.org",))
    await Reception(house.database, MAIL_DOMAIN).accept(MAIL, envelope, Source(way=Way.IMAP))
    return await signed_in(house, Scope.ADMIN)


async def test_a_mail_is_given_to_the_inbox_by_its_button(desk: Visitor, house: House) -> None:
    page = await desk.get("/desk/quarantine")
    assert "<script>" not in page.text
    assert "&lt;script&gt;@x" in page.text

    ours = address().replace(DOMAIN, MAIL_DOMAIN)
    for _ in range(2):  # a double click
        answer = await desk.send(form_to(page, REPLAY), address=ours)
        assert answer.headers["Location"] == "/desk/quarantine"

    assert "Nothing." in (await desk.get("/desk/quarantine")).text
    assert (await house.client.get("/quarantine/m1")).json()["state"] == "unread"


async def test_what_cannot_be_done_says_why(desk: Visitor) -> None:
    page = await desk.get("/desk/quarantine")

    answer = await desk.send(form_to(page, REPLAY), address="ana@example.org")

    assert answer.status_code == 422
    assert f"token address at {MAIL_DOMAIN}" in unescape(answer.text)


async def test_a_discarded_mail_leaves_the_list(desk: Visitor) -> None:
    page = await desk.get("/desk/quarantine")

    await desk.send(form_to(page, DISCARD))

    assert not {"replay", "discard"} & set(actions_of(await desk.get("/desk/quarantine")))


async def test_the_bytes_are_a_file_to_save(desk: Visitor) -> None:
    answer = await desk.get("/desk/quarantine/q1/raw")

    assert answer.content == MAIL
    assert answer.headers["content-disposition"].startswith("attachment")


async def test_another_owner_has_a_page_of_its_own(desk: Visitor, house: House) -> None:
    page = await desk.get("/desk/quarantine")
    other = await signed_in(house, Scope.ADMIN, owner="other")
    theirs = await other.get("/desk/quarantine")

    assert "replay" in actions_of(page)
    assert "replay" not in actions_of(theirs)
    assert (await other.get("/desk/quarantine/q1/raw")).status_code == 404


async def test_it_is_for_administrators_only(desk: Visitor, house: House) -> None:
    page = await desk.get("/desk/quarantine")
    other = await signed_in(house, Scope.MEETINGS_READ, Scope.MEETINGS_WRITE)

    assert (await other.get("/desk/quarantine")).status_code == 403
    assert (await other.get("/desk/quarantine/q1/raw")).status_code == 403
    assert (await other.send(form_to(page, DISCARD))).status_code == 403
    assert "/desk/quarantine" not in (await other.get("/desk")).text
    assert "/desk/quarantine" in (await desk.get("/desk")).text
