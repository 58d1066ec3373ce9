"""Which mail a recipient wants: the page, the one click, and what never acts."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from adapters.db import outbox, outbox_claims, suppressions, unsubscribing
from adapters.db.fates import tell_sagas
from adapters.db.outbox_claims import Order
from adapters.db.schema import inputs, outbox_events
from adapters.db.schema import outbox as outbox_table
from domain.access import Capability, Purpose, derive_token
from domain.meetings.messages import stream_of
from domain.outbox.marks import mark_of
from domain.outbox.model import Draft, SuppressionReason, SuppressionScope
from domain.outbox.suppression import after_complaint
from domain.postage import Postage
from tests.api.house import SECRET, House
from tests.api.pages.visitor import Visitor, form_to, forms_of

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
ADA = "ada@example.org"


def path_of(meeting_id: str, party: int = 1) -> str:
    capability = Capability(purpose=Purpose.UNSUBSCRIBE, stream=stream_of(meeting_id), party=party)
    return f"/u/{derive_token(SECRET, capability)}"


async def in_force(house: House, address: str = ADA) -> list[tuple[str, str]]:
    now = house.clock()
    found = await house.database.read(
        lambda c: suppressions.list_page(c, "main", now, address=address)
    )
    return sorted((one.scope.value, one.reason.value) for one in found)


OPTIONAL = (SuppressionScope.OPTIONAL.value, SuppressionReason.UNSUBSCRIBED.value)
ALL = (SuppressionScope.ALL.value, SuppressionReason.UNSUBSCRIBED.value)


async def count(house: House) -> int:
    query = sa.select(sa.func.count()).select_from(inputs)
    return await house.database.read(lambda c: c.execute(query).scalar_one())


async def happened(house: House, meeting_id: str) -> list[tuple[str, Any]]:
    page = (await house.client.get(f"/meetings/{meeting_id}/events")).json()
    items = page["_embedded"]["items"]
    return [(one["type"], one["data"].get("wish")) for one in items]


async def reminder(house: House, meeting_id: str, state: str = "sent") -> str:
    """The mark of a reminder to Ada."""
    draft = Draft(
        kind="meeting.answer-reminder",
        subject=stream_of(meeting_id),
        occasion="3",
        recipient=ADA,
        party=1,
        mail_from="",
        message_id="<reminder@parley.example.org>",
        raw=b"",
        postage=Postage(optional=True),
    )

    def work(c: sa.Connection) -> None:
        id = outbox.enqueue(c, "main", draft, house.clock())
        row = sa.update(outbox_table).where(outbox_table.c.id == id)
        c.execute(row.values(state=state))

    await house.database.write(work)
    return mark_of(draft.message_id)


async def test_one_click_ends_reminders_without_page_cookie_or_redirect(house: House) -> None:
    meeting_id = await house.invited()
    visitor = Visitor(house.app)

    # As a mail provider's server sends it: from nowhere, with nothing else.
    answer = await visitor.client.post(path_of(meeting_id), data=ONE_CLICK)
    await house.saga.run(meeting_id)

    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert await in_force(house) == [OPTIONAL]
    assert (await happened(house, meeting_id))[-1] == ("MailPreferenceStated", "no-reminders")


async def test_a_reminder_that_waits_does_not_leave_after_the_click(house: House) -> None:
    meeting_id = await house.invited()
    await reminder(house, meeting_id, state="queued")
    await Visitor(house.app).client.post(path_of(meeting_id), data=ONE_CLICK)
    now = house.clock()

    def claim(c: sa.Connection) -> list[str]:
        order = Order("one", 10, now + timedelta(minutes=5))
        tell_sagas(c, outbox_claims.take(c, order, now).fates)
        return list(c.execute(sa.select(outbox_table.c.state)).scalars())

    assert await house.database.write(claim) == ["suppressed"]
    await house.saga.run(meeting_id)
    kinds = [kind for kind, _ in await happened(house, meeting_id)]
    assert "PartyUnreachable" not in kinds  # the address is as good as before


async def test_the_other_encoding_of_forms_is_understood(house: House) -> None:
    meeting_id = await house.invited()
    files = {"List-Unsubscribe": (None, "One-Click")}

    answer = await Visitor(house.app).client.post(path_of(meeting_id), files=files)

    assert answer.status_code == 200
    assert await in_force(house) == [OPTIONAL]


async def test_a_click_that_comes_again_changes_nothing(house: House) -> None:
    meeting_id = await house.invited()
    client = Visitor(house.app).client

    answers = await asyncio.gather(
        *(client.post(path_of(meeting_id), data=ONE_CLICK) for _ in range(5))
    )
    await house.saga.run(meeting_id)

    assert {answer.status_code for answer in answers} == {200}
    kinds = [kind for kind, _ in await happened(house, meeting_id)]
    assert kinds.count("MailPreferenceStated") == 1


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"data": {"List-Unsubscribe": "Two-Clicks"}},
        {"data": {"other": "One-Click"}},
        {"content": b"\xff" * 300},
        {
            "content": b"List-Unsubscribe=One-Click",
            "headers": {"Content-Type": "multipart/form-data"},
        },
        {"content": b"--b", "headers": {"Content-Type": "multipart/form-data; boundary=b"}},
        {"json": {"List-Unsubscribe": "One-Click"}},
    ],
)
async def test_any_other_post_shows_the_page_and_does_nothing(
    house: House, sent: dict[str, Any]
) -> None:
    meeting_id = await house.invited()
    before = await count(house)

    answer = await Visitor(house.app).client.post(path_of(meeting_id), **sent)

    assert answer.status_code == 400
    assert "Which mail you want" in answer.text
    assert (await in_force(house), await count(house)) == ([], before)


@pytest.mark.parametrize("ending", ["", "/choices", "?m=abcdefghijkl", "/choices?m=<script>"])
async def test_looking_never_acts(house: House, ending: str) -> None:
    meeting_id = await house.invited()
    before = await count(house)
    visitor = Visitor(house.app)

    for _ in range(3):
        page = await visitor.get(path_of(meeting_id) + ending)
        assert (await visitor.client.head(path_of(meeting_id) + ending)).status_code == 200

    assert page.status_code == 200
    assert "You get all mail." in page.text
    assert "<script" not in page.text
    assert (await in_force(house), await count(house)) == ([], before)


async def test_the_page_names_nobody(house: House) -> None:
    """Whoever passes a reminder on passes its link on."""
    meeting_id = await house.invited()

    page = await Visitor(house.app).get(path_of(meeting_id))

    assert not [word for word in ("ada", "ben", "First talk") if word in page.text.lower()]


async def test_the_buttons_say_it_and_take_it_back(house: House) -> None:
    meeting_id = await house.invited()
    visitor = Visitor(house.app)
    path = f"{path_of(meeting_id)}/choices"

    async def press(wish: str) -> Any:
        page = await visitor.get(path)
        [form] = [form for form in forms_of(page) if form.fields["wish"] == wish]
        return await visitor.follow(await visitor.send(form))

    assert "You get no reminders." in (await press("no-reminders")).text
    assert await in_force(house) == [OPTIONAL]
    assert "You get no mail at all." in (await press("nothing")).text
    assert await in_force(house) == [ALL]
    page = await press("no-reminders")
    assert await in_force(house) == [OPTIONAL]
    assert "Your wish holds from now on." in page.text
    assert "You get all mail." in (await press("everything")).text
    assert await in_force(house) == []
    await house.saga.run(meeting_id)
    said = [wish for kind, wish in await happened(house, meeting_id) if wish]
    assert said == ["no-reminders", "nothing", "no-reminders", "everything"]


async def test_one_click_does_not_bring_mail_back_to_whoever_wants_none(house: House) -> None:
    meeting_id = await house.invited()
    visitor = Visitor(house.app)
    page = await visitor.get(path_of(meeting_id))
    [form] = [form for form in forms_of(page) if form.fields["wish"] == "nothing"]
    await visitor.send(form)

    await visitor.client.post(path_of(meeting_id), data=ONE_CLICK)

    assert await in_force(house) == [ALL]


async def test_undoing_leaves_what_was_not_the_recipients_wish(house: House) -> None:
    meeting_id = await house.invited()
    at = house.clock()
    await house.database.write(lambda c: suppressions.impose(c, "main", ADA, after_complaint(), at))
    visitor = Visitor(house.app)
    await visitor.client.post(path_of(meeting_id), data=ONE_CLICK)

    page = await visitor.get(path_of(meeting_id))
    [form] = [form for form in forms_of(page) if form.fields["wish"] == "everything"]
    await visitor.send(form)

    assert await in_force(house) == [("all", "complained")]


async def test_only_this_address_and_this_owner_are_meant(house: House) -> None:
    meeting_id = await house.invited()

    await Visitor(house.app).client.post(path_of(meeting_id), data=ONE_CLICK)

    assert await in_force(house, "ben@example.com") == []
    now = house.clock()
    assert await house.database.read(lambda c: suppressions.list_page(c, "other", now)) == []


async def test_the_click_is_written_down_beside_the_mail_and_proves_it(house: House) -> None:
    meeting_id = await house.invited()
    mark = await reminder(house, meeting_id, state="uncertain")

    await Visitor(house.app).client.post(f"{path_of(meeting_id)}?m={mark}", data=ONE_CLICK)

    events = sa.select(outbox_events.c.type).order_by(outbox_events.c.id)
    assert await house.database.read(lambda c: c.execute(events).scalars().all()) == [
        "proved",
        "unsubscribed",
    ]
    proof = sa.select(outbox_table.c.proof, outbox_table.c.state)
    assert await house.database.read(lambda c: tuple(c.execute(proof).one())) == ("click", "sent")


@pytest.mark.parametrize("token", ["x" * 26, "..", "%00", "a" * 500, "é"])
@pytest.mark.parametrize("ending", ["", "/choices"])
async def test_an_unknown_token_opens_nothing(house: House, token: str, ending: str) -> None:
    client = Visitor(house.app).client

    answers = [
        await client.get(f"/u/{token}{ending}"),
        await client.post(f"/u/{token}{ending}", data=ONE_CLICK),
    ]

    assert {answer.status_code for answer in answers} <= {404}


async def test_whoever_guesses_is_slowed_down(house: House) -> None:
    client = Visitor(house.app).client

    codes = [(await client.get(f"/u/{n:026d}")).status_code for n in range(200)]

    assert 429 in codes


@pytest.mark.parametrize(
    ("change", "status"),
    [({"nonce": "x"}, 403), ({"nonce": ""}, 403), ({"wish": "riches"}, 400), ({"wish": ""}, 400)],
)
async def test_a_form_that_is_not_ours_is_refused(
    house: House, change: dict[str, str], status: int
) -> None:
    meeting_id = await house.invited()
    visitor = Visitor(house.app)
    form = form_to(await visitor.get(path_of(meeting_id)), "/choices")

    answer = await visitor.send(form, **change)

    assert answer.status_code == status
    assert await in_force(house) == []


async def test_another_site_cannot_press_the_buttons(house: House) -> None:
    meeting_id = await house.invited()
    visitor = Visitor(house.app)
    form = form_to(await visitor.get(path_of(meeting_id)), "/choices")

    answer = await visitor.post(form.action, form.fields, {"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
    assert await in_force(house) == []


async def test_recipients_of_general_mail_have_a_page_of_their_own(house: House) -> None:
    at = house.clock()

    def grant(c: sa.Connection) -> str:
        first = unsubscribing.grant(c, SECRET, "main", "Cleo@example.org", at)
        assert unsubscribing.grant(c, SECRET, "main", "cleo@example.org", at) == first
        assert unsubscribing.grant(c, SECRET, "other", "cleo@example.org", at) != first
        return first

    token = await house.database.write(grant)
    page = await Visitor(house.app).get(f"/u/{token}/choices")
    assert "invitation" not in page.text.lower()
    answer = await Visitor(house.app).client.post(f"/u/{token}", data=ONE_CLICK)

    assert answer.status_code == 200
    assert await in_force(house, "cleo@example.org") == [OPTIONAL]
    assert await count(house) == 0
