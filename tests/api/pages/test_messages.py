"""The desk's pages of mail out, and of addresses that take none."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from adapters.db import outbox_raw
from adapters.db.schema import outbox, outbox_attempts
from domain.access import Scope
from domain.outbox.model import MessageState
from domain.outbox.transitions import Deed, Standing, possible
from domain.values import LATEST
from tests.adapters.outbox_rows import draft, enqueue
from tests.api.house import House
from tests.api.message_bodies import mail
from tests.api.pages.test_desk import signed_in
from tests.api.pages.visitor import Visitor, actions_of, form_to, forms_of

ALL = (Scope.MEETINGS_READ, Scope.MESSAGES_READ, Scope.MESSAGES_WRITE)


@pytest.fixture
async def desk(house: House) -> Visitor:
    return await signed_in(house, *ALL)


async def asked(house: House, **changes: Any) -> int:
    answer = await house.client.post("/messages", json=mail(**changes))
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


async def become(house: House, message: int, **values: Any) -> None:
    change = sa.update(outbox).where(outbox.c.id == message).values(**values)
    await house.database.write(lambda c: c.execute(change))


@pytest.mark.parametrize("path", ["/desk/messages", "/desk/messages/1", "/desk/suppressions"])
async def test_strangers_are_sent_to_the_sign_in(house: House, path: str) -> None:
    answer = await Visitor(house.app).get(path)

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/login")


async def test_a_key_without_the_scope_sees_no_mail(house: House) -> None:
    message = await asked(house)
    visitor = await signed_in(house, Scope.MEETINGS_READ)

    for path in ("/desk/messages", f"/desk/messages/{message}", "/desk/suppressions"):
        assert (await visitor.get(path)).status_code == 403
    assert "/desk/messages" not in (await visitor.get("/desk")).text


async def test_the_list_shows_what_there_is_and_how_much(house: House, desk: Visitor) -> None:
    for occasion in "123":
        await asked(house, occasion=occasion)
    failed = await asked(house, occasion="4", kind="order.paid")
    await become(house, failed, state="failed")

    page = await desk.get("/desk/messages")
    only = await desk.get("/desk/messages?state=failed&kind=order.")

    assert "queued <strong>3</strong>" in page.text
    assert "failed <strong>1</strong>" in page.text
    assert page.text.count('class="title"') == 4
    assert only.text.count('class="title"') == 1
    assert "could not be delivered" in only.text
    assert "/desk/messages?kind=order.&amp;state=queued" in only.text


async def test_only_what_needs_a_look_is_shown_on_request(house: House, desk: Visitor) -> None:
    await asked(house)
    doubtful = await asked(house, occasion="2")
    await become(house, doubtful, state="uncertain")

    page = await desk.get("/desk/messages?attention=1")

    assert page.text.count('class="title"') == 1
    assert f"/desk/messages/{doubtful}" in page.text
    assert "may or may not have arrived" in page.text


async def test_older_messages_are_behind_a_button_that_keeps_the_filter(
    house: House, desk: Visitor
) -> None:
    for number in range(52):
        await asked(house, occasion=str(number + 1))

    page = await desk.get("/desk/messages?kind=order.shipped&state=queued")

    [href] = [part.split('"')[0] for part in page.text.split('href="') if "before=" in part[:90]]
    older = await desk.get(href.replace("&amp;", "&"))
    assert "kind=order.shipped" in href
    assert older.text.count('class="title"') == 2


@pytest.mark.parametrize(
    "query",
    ["state=over", "before=x", "before=" + "9" * 30, "recipient=%00%ff", "kind=" + "x" * 999],
)
async def test_any_address_of_the_list_is_a_page(desk: Visitor, query: str) -> None:
    assert (await desk.get(f"/desk/messages?{query}")).status_code == 200


@pytest.mark.parametrize("state", list(MessageState))
async def test_buttons_are_there_exactly_when_pressing_them_is_accepted(
    house: House, desk: Visitor, state: MessageState
) -> None:
    offered = {row.deed for row in possible(Standing(state=state))}
    for deed in Deed:
        message = await asked(house, occasion=deed.value)
        await become(house, message, state=state.value)
        page = await desk.get(f"/desk/messages/{message}")
        assert {Deed(name) for name in actions_of(page) if name in set(Deed)} == offered

        if deed in offered:
            answer = await desk.send(form_to(page, f"/{deed}"))
            shown = await desk.follow(answer)
            assert shown.status_code == 200
            assert 'role="status"' in shown.text


async def test_a_double_click_resends_once(house: House, desk: Visitor) -> None:
    message = await asked(house)
    await become(house, message, state="sent")
    form = form_to(await desk.get(f"/desk/messages/{message}"), "/resend")

    first, second = await desk.send(form), await desk.send(form)

    assert first.headers["Location"] == second.headers["Location"]
    assert (await house.client.get("/messages")).json()["count"] == 2


async def test_a_button_that_came_too_late_says_so(house: House, desk: Visitor) -> None:
    message = await asked(house)
    form = form_to(await desk.get(f"/desk/messages/{message}"), "/drop")
    await become(house, message, state="sending")

    answer = await desk.send(form)

    assert answer.status_code == 409
    assert "being sent right now" in answer.text


async def test_forms_of_others_change_nothing(house: House, desk: Visitor) -> None:
    message = await asked(house)
    form = form_to(await desk.get(f"/desk/messages/{message}"), "/drop")
    stranger = await signed_in(house, *ALL, Scope.ADMIN, owner="other")
    reader = await signed_in(house, Scope.MEETINGS_READ, Scope.MESSAGES_READ)

    for visitor in (stranger, reader):
        assert (await visitor.send(form)).status_code in (403, 404)
    crossing = await desk.post(form.action, form.fields, {"Sec-Fetch-Site": "cross-site"})
    assert crossing.status_code == 403
    assert (await stranger.get(f"/desk/messages/{message}")).status_code == 404
    assert "/drop" not in (await reader.get(f"/desk/messages/{message}")).text
    assert (await house.client.get(f"/messages/{message}")).json()["state"] == "queued"


async def test_a_message_tells_its_story(house: House, desk: Visitor) -> None:
    message = await asked(house, send_at=(house.clock() + timedelta(hours=5)).isoformat())

    page = await desk.get(f"/desk/messages/{message}")

    assert "held until the time it was asked for" in page.text
    assert "Asked for, by key " in page.text
    assert "Saturday 20 February 2027, 15:00" in page.text


async def test_a_long_outage_is_one_line_of_the_story(house: House, desk: Visitor) -> None:
    message = await asked(house)
    now = house.clock()
    row = {"message_id": message, "token": 9, "at": now, "phase": "connect", "reply": "refused"}
    row |= {"state": "retry", "times": 9, "until": now + timedelta(hours=1)}
    await house.database.write(lambda c: c.execute(sa.insert(outbox_attempts), row))

    page = await desk.get(f"/desk/messages/{message}")

    assert "retry, 9 times until Saturday 20 February 2027, 11:00" in page.text


async def test_a_letter_of_a_meeting_leads_to_it_and_back(house: House, desk: Visitor) -> None:
    meeting_id = await house.invited()
    letter = draft(2, subject=f"meeting/{meeting_id}")
    [message] = await enqueue(house.database, letter, at=house.clock())

    page = await desk.get(f"/desk/messages/{message}")
    meeting = await desk.get(f"/desk/meetings/{meeting_id}")

    assert f'href="/desk/meetings/{meeting_id}"' in page.text
    assert f'href="/desk/messages/{message}"' in meeting.text
    assert page.text.count("<time") == 1  # the event behind it


async def test_the_bytes_can_be_read_and_stay_text(house: House, desk: Visitor) -> None:
    hostile = {"subject": "<script>x</script>", "text": "</pre><script>x</script>"}
    message = await asked(house, template=hostile, recipient={"address": "a@x.example"})

    page = await desk.get(f"/desk/messages/{message}/raw")
    await become(house, message, state=MessageState.SENT.value)
    await house.database.write(lambda c: outbox_raw.forget(c, LATEST, house.clock(), 10))
    gone = await desk.get(f"/desk/messages/{message}/raw")

    assert "Message-ID: &lt;" in page.text
    assert "<script" not in page.text
    assert gone.status_code == 404
    assert "no longer kept" in gone.text


async def test_an_address_is_suppressed_and_let_go_by_buttons(house: House, desk: Visitor) -> None:
    page = await desk.get("/desk/suppressions")
    [form] = [each for each in forms_of(page) if each.method == "post" and "nonce" in each.fields]
    bad = await desk.send(form, address="nobody", scope="all")
    assert bad.status_code == 422
    assert "not one mail address" in bad.text

    await desk.send(form, address="ada@example.org", scope="optional", detail="asked us")
    listed = await desk.get("/desk/suppressions?address=ADA@example.org")
    assert "ada@example.org" in listed.text
    assert "Takes no optional mail: somebody here said so. asked us" in listed.text

    answer = await desk.send(form_to(listed, "/lift"))
    assert "None." in (await desk.follow(answer)).text
