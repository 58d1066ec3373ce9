"""The owner's desk: signing in, what it shows, and what may be done there."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from adapters.db.keys import SqlKeys
from adapters.db.schema import commands, inputs, meetings, outbox
from api.pages.sessions import safe_back
from domain.access import Scope
from domain.meetings.messages import Answer, Undelivered, Via, stream_of
from domain.meetings.model import Partstat, Status
from tests.api.house import NOW, House, order, slot
from tests.api.pages.visitor import Visitor, actions_of, form_to

START = NOW + timedelta(days=9)


async def signed_in(house: House, *scopes: Scope, owner: str = "main") -> Visitor:
    visitor = Visitor(house.app)
    key = await house.key(owner, scopes or (Scope.MEETINGS_READ, Scope.MEETINGS_WRITE))
    answer = await visitor.send(form_to(await visitor.get("/login"), "/login"), key=key)
    assert answer.status_code == 303, answer.text
    return visitor


@pytest.fixture
async def desk(house: House) -> Visitor:
    return await signed_in(house)


async def count(house: House, table: sa.Table) -> int:
    query = sa.select(sa.func.count()).select_from(table)
    return await house.database.read(lambda c: int(c.execute(query).scalar_one()))


@pytest.mark.parametrize("path", ["/desk", "/desk/new", "/desk/meetings/x", "/desk?status=over"])
async def test_strangers_are_sent_to_the_sign_in(house: House, path: str) -> None:
    visitor = Visitor(house.app)

    answer = await visitor.get(path)
    page = await visitor.follow(answer)

    assert form_to(page, "/login").fields["next"] == path


async def test_signing_in_leads_on_to_where_one_wanted_to_go(house: House) -> None:
    visitor = Visitor(house.app)
    page = await visitor.follow(await visitor.get("/desk?text=talk"))

    answer = await visitor.send(form_to(page, "/login"), key=await house.key("main", [Scope.ADMIN]))

    assert answer.headers["Location"] == "/desk?text=talk"
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-parley-desk=")
    for part in ("HttpOnly", "SameSite=strict", "Secure", "Path=/", "Max-Age=28800"):
        assert part in cookie


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("/desk", "/desk"),
        ("/desk/meetings/7", "/desk/meetings/7"),
        ("/mailbox/ben@example.com", "/mailbox/ben@example.com"),
        ("/mailboxes", "/desk"),
        ("//evil.example.net", "/desk"),
        ("https://evil.example.net/desk", "/desk"),
        ("/desk\\@evil.example.net", "/desk"),
        ("/deskevil.example.net", "/desk"),
        ("/desk/\r\nSet-Cookie: a=b", "/desk"),
        ("", "/desk"),
    ],
)
def test_signing_in_never_leads_to_another_site(text: str, back: str) -> None:
    assert safe_back(text) == back


@pytest.mark.parametrize("key", ["", "x", "prly_live_a_b", "é" * 20, "x" * 5000, "a\x00b"])
async def test_a_wrong_key_gets_the_form_again(house: House, key: str) -> None:
    visitor = Visitor(house.app)

    page = await visitor.send(form_to(await visitor.get("/login"), "/login"), key=key)

    assert page.status_code == 403
    assert 'role="alert"' in page.text
    assert "Set-Cookie" not in page.headers


async def test_a_key_that_may_not_read_meetings_cannot_sign_in(house: House) -> None:
    visitor = Visitor(house.app)
    key = await house.key("main", [Scope.PEOPLE])

    page = await visitor.send(form_to(await visitor.get("/login"), "/login"), key=key)

    assert page.status_code == 403
    assert "lacks the scope" in page.text


async def test_a_session_ends_when_its_key_is_revoked(house: House) -> None:
    visitor = Visitor(house.app)
    keys = SqlKeys(house.database)
    made, text = await keys.create("main", "desk", [Scope.ADMIN], house.clock())
    await visitor.send(form_to(await visitor.get("/login"), "/login"), key=text)
    assert (await visitor.get("/desk")).status_code == 200

    await keys.revoke("main", made.id, house.clock())

    assert (await visitor.get("/desk")).status_code == 303


async def test_a_session_ends_after_eight_hours(house: House, desk: Visitor) -> None:
    house.clock.now += timedelta(hours=8)

    assert (await desk.get("/desk")).status_code == 303


@pytest.mark.parametrize("change", ["longer", "other", "cut", "empty"])
async def test_a_cookie_that_was_tampered_with_is_nobodys(
    house: House, desk: Visitor, change: str
) -> None:
    [(name, value)] = desk.client.cookies.items()
    key_id, ends_at, identity, signature = value.split(".")
    changed = {
        "longer": f"{key_id}.{int(ends_at) + 9}.{identity}.{signature}",
        "other": f"x.{ends_at}.{identity}.{signature}",
        "cut": value[:-1],
        "empty": "",
    }[change]

    answer = await Visitor(house.app).get("/desk", Cookie=f"{name}={changed}")

    assert answer.status_code == 303


async def test_signing_out_forgets_the_session(desk: Visitor) -> None:
    answer = await desk.post("/logout", {})

    assert answer.status_code == 303
    assert (await desk.get("/desk")).status_code == 303


async def test_a_copied_cookie_opens_nothing_after_signing_out(house: House, desk: Visitor) -> None:
    thief, elsewhere = Visitor(house.app), await signed_in(house)
    thief.client.cookies.update(desk.client.cookies)
    assert (await thief.get("/desk")).status_code == 200

    await desk.post("/logout", {})

    assert (await thief.get("/desk")).status_code == 303
    assert (await elsewhere.get("/desk")).status_code == 200


async def test_the_desk_lists_and_narrows_meetings(house: House, desk: Visitor) -> None:
    await house.invited(order(title="Roof repairs"))
    await house.ask(order(title="Tax advice"))

    everything = (await desk.get("/desk")).text
    by_text = (await desk.get("/desk?text=roof")).text
    by_status = (await desk.get("/desk?status=requested")).text

    assert "Roof repairs" in everything
    assert "Tax advice" in everything
    assert "Roof repairs" in by_text
    assert "Tax advice" not in by_text
    assert "Roof repairs" not in by_status
    assert "Tax advice" in by_status


async def test_the_list_goes_on_to_older_meetings(house: House, desk: Visitor) -> None:
    for number in range(27):
        house.clock.now += timedelta(seconds=1)
        await house.ask(order(title=f"Talk {number:02}"))

    first = await desk.get("/desk?text=talk")
    start = first.text.index("/desk?text=talk&amp;cursor=")
    address = first.text[start : first.text.index('"', start)].replace("&amp;", "&")
    second = await desk.get(address)

    assert "Talk 26" in first.text
    assert "Talk 02" in first.text
    assert "Talk 01" in second.text
    assert "Talk 02" not in second.text
    assert "Older meetings" not in second.text


@pytest.mark.parametrize(
    "query", ["status=nonsense", "text=%00%ff", "zone=../../etc", "text=x%0Ay"]
)
async def test_odd_filters_are_harmless(desk: Visitor, query: str) -> None:
    assert (await desk.get(f"/desk?{query}")).status_code == 200


async def test_a_cursor_that_is_not_ours_is_refused(desk: Visitor) -> None:
    page = await desk.get("/desk?cursor=abc")

    assert page.status_code == 422
    assert "text/html" in page.headers["Content-Type"]


async def test_the_meeting_tells_its_story_with_what_people_wrote(
    house: House, desk: Visitor
) -> None:
    meeting_id = await house.invited()
    declined = Answer(party=1, partstat=Partstat.DECLINED, sequence=0, via=Via.MAIL)
    await house.say(meeting_id, declined, {"comment": "Tuesdays are <b>bad</b>."})

    page = await desk.get(f"/desk/meetings/{meeting_id}")

    assert page.status_code == 200
    for words in (
        "Ada Moreira declined by mail.",
        "Tuesdays are &lt;b&gt;bad&lt;/b&gt;.",
        "The next offered time was tried",
        "ada@example.org",
        "An answer is still missing from Ada Moreira and Ben Okafor.",
        "Tuesday 2 March 2027, 11:00–11:30 (Africa/Lagos)",
    ):
        assert words in page.text
    assert actions_of(page) == {"correct-address", "reschedule", "cancel", "logout", meeting_id}


async def test_times_are_shown_on_the_clocks_one_asks_for(house: House, desk: Visitor) -> None:
    meeting_id = await house.invited()

    page = await desk.get(f"/desk/meetings/{meeting_id}?zone=Asia/Tokyo")

    assert "Monday 1 March 2027, 19:00–19:30 (Asia/Tokyo)" in page.text


@pytest.mark.parametrize("state", ["queued", "retry", "sent", "failed", "uncertain"])
async def test_the_state_of_every_mail_is_shown(house: House, desk: Visitor, state: str) -> None:
    meeting_id = await house.invited()
    row = mail_row(meeting_id, state)
    await house.database.write(lambda c: c.execute(sa.insert(outbox), row).rowcount)

    page = await desk.get(f"/desk/meetings/{meeting_id}")

    assert f'<span class="badge {state}">{state}</span>' in page.text
    assert "answer reminder" in page.text
    assert ("http-equiv" in page.text) == (state in ("queued", "retry"))
    assert ("451 4.7.1 greylisted" in page.text) == (state != "sent")


def mail_row(meeting_id: str, state: str) -> dict[str, Any]:
    return {
        "kind": "meeting.answer-reminder",
        "subject": stream_of(meeting_id),
        "occasion": "3",
        "recipient": "ada@example.org",
        "party": 1,
        "owner": "main",
        "mail_from": "b+x@parley.example.org",
        "message_id": "<m@parley.example.org>",
        "raw": b"",
        "state": state,
        "next_at": NOW,
        "created_at": NOW,
        "last_reply": "451 4.7.1 greylisted",
    }


async def test_calling_off_becomes_a_command_and_is_told(house: House, desk: Visitor) -> None:
    meeting_id = await house.invited()
    form = form_to(await desk.get(f"/desk/meetings/{meeting_id}"), "/cancel")

    answer = await desk.send(form)
    noted = await desk.follow(answer)
    await house.saga.run(meeting_id)
    done = await desk.follow(answer)

    assert "it is being carried out" in noted.text
    assert '<meta http-equiv="refresh"' in noted.text
    assert "It has been carried out." in done.text
    assert "The owner called the meeting off." in done.text
    assert not {"cancel", "reschedule", "correct-address"} & actions_of(done)
    assert house.saga.poked[-1] == stream_of(meeting_id)


async def test_a_double_click_at_the_desk_is_one_command(house: House, desk: Visitor) -> None:
    meeting_id = await house.invited()
    before = await count(house, commands)
    form = form_to(await desk.get(f"/desk/meetings/{meeting_id}"), "/cancel")

    answers = await asyncio.gather(*(desk.send(form) for _ in range(4)))

    assert await count(house, commands) == before + 1
    assert len({answer.headers["Location"] for answer in answers}) == 1


async def test_offering_other_times_takes_the_form_in_its_zone(house: House, desk: Visitor) -> None:
    meeting_id = await house.invited()
    form = form_to(await desk.get(f"/desk/meetings/{meeting_id}"), "/reschedule")
    assert form.fields["zone"] == "Europe/Lisbon"

    await desk.send(
        form,
        zone="America/New_York",
        date="2027-03-15",
        time="09:00",
        minutes="60",
        date2="2027-03-16",
        time2="09:00",
        minutes2="60",
    )
    await house.saga.run(meeting_id)

    state = await house.saga.store.load(meeting_id)
    starts = [each.start.isoformat() for each in state.terms.slots]
    # New York is four hours behind UTC from 14 March 2027.
    assert starts == ["2027-03-15T13:00:00+00:00", "2027-03-16T13:00:00+00:00"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Offer at least one time."),
        ({"date": "2027-03-15"}, "length"),
        ({"date": "2027-03-15", "minutes": "30"}, "Choose a time of day"),
        ({"date": "2020-03-15", "time": "09:00", "minutes": "30"}, "must start in the future"),
        ({"zone": "Mars/Olympus", "date": "2027-03-15", "time": "09:00", "minutes": "30"}, "IANA"),
        (
            {"date1": "2027-10-31", "time1": "01:30", "minutes1": "30"},
            "Which one do you mean?",
        ),
    ],
)
async def test_times_that_cannot_be_offered_are_explained(
    house: House, desk: Visitor, fields: dict[str, str], words: str
) -> None:
    meeting_id = await house.invited()
    before = await count(house, inputs)
    form = form_to(await desk.get(f"/desk/meetings/{meeting_id}"), "/reschedule")

    page = await desk.send(form, **fields)

    assert page.status_code == 422
    assert words in page.text
    assert await count(house, inputs) == before


async def test_a_party_that_mail_does_not_reach_is_shown_with_the_way_out(
    house: House, desk: Visitor
) -> None:
    meeting_id = await house.invited()
    lost = Undelivered(party=2, letter="meeting.invitation", reason="no-such-mailbox")
    await house.say(meeting_id, lost)

    page = await desk.get(f"/desk/meetings/{meeting_id}")
    form = form_to(page, "/correct-address")

    assert "Mail to this address cannot be delivered." in page.text
    assert "could not be delivered (invitation): there is no such address." in page.text
    assert form.action.endswith("correct-address")
    assert '<option value="2" selected>Ben Okafor' in page.text


async def test_correcting_an_address_at_the_desk(house: House, desk: Visitor) -> None:
    meeting_id = await house.invited()
    form = form_to(await desk.get(f"/desk/meetings/{meeting_id}"), "/correct-address")

    page = await desk.follow(await desk.send(form, party="2", address="Ben.O@Example.org"))
    assert page.status_code == 200
    await house.saga.run(meeting_id)
    page = await desk.get(f"/desk/meetings/{meeting_id}")

    assert "Ben.O@example.org" in page.text
    assert "The address of Ben Okafor was corrected" in page.text


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"party": "2", "address": "no address"}, 422, "not one mail address"),
        ({"party": "9", "address": "ben@example.org"}, 422, "The parties of this meeting are"),
        ({"party": "x", "address": "ben@example.org"}, 422, "Say whose address it is."),
        ({"party": "2", "address": "ADA@example.org"}, 422, "another party has"),
        ({"party": "1", "address": "ada@example.org"}, 422, "this party already has"),
        ({"party": "2", "address": '"><script>@x.example'}, 422, "not one mail address"),
    ],
)
async def test_an_address_that_cannot_be_taken_is_explained_beside_the_form(
    house: House, desk: Visitor, fields: dict[str, str], status: int, words: str
) -> None:
    meeting_id = await house.invited()
    before = await count(house, inputs)
    form = form_to(await desk.get(f"/desk/meetings/{meeting_id}"), "/correct-address")

    page = await desk.send(form, **fields)

    assert page.status_code == status
    assert words in page.text
    assert "<script>" not in page.text
    assert await count(house, inputs) == before


async def test_asking_for_a_meeting_from_the_form(house: House, desk: Visitor) -> None:
    form = form_to(await desk.get("/desk/new"), "/desk/new")

    answer = await desk.send(form, **GOOD)
    page = await desk.follow(answer)

    assert "Kitchen plans" in page.text
    [row] = await house.database.read(lambda c: list(c.execute(sa.select(meetings))))
    assert row.owner == "main"
    assert row.terms["slots"][0]["start"] == "2027-03-01T09:30:00Z"  # Lisbon is at UTC in March
    assert row.status == Status.REQUESTED.value


GOOD = {
    "title": "Kitchen plans",
    "name1": "Ada Moreira",
    "address1": "ada@example.org",
    "zone1": "Europe/Lisbon",
    "name2": "Ben Okafor",
    "address2": "ben@example.com",
    "zone2": "Africa/Lagos",
    "date": "2027-03-01",
    "time": "09:30",
    "minutes": "45",
}


@pytest.mark.parametrize(
    ("changes", "words", "field"),
    [
        ({"title": ""}, "must not be empty", "title"),
        ({"title": "a\nb"}, "line breaks", "title"),
        ({"title": "x" * 201}, "200", "title"),
        ({"name2": ""}, "must not be empty", "name2"),
        ({"address1": "nobody"}, "one mail address", "address1"),
        ({"address2": "ada@example.org"}, "same address", None),
        ({"address2": "r@parley.example.org"}, "belongs to Parley", None),
        ({"zone1": "Lisbon"}, "IANA", None),
        ({"zone2": "/etc/passwd"}, "IANA", "zone2"),
        ({"date": "2026-01-01"}, "future", None),
        ({"minutes": "0"}, "length", "minutes"),
        ({"date1": "2027-03-01", "time1": "09:30", "minutes1": "45"}, "already in the list", None),
    ],
)
async def test_a_meeting_that_cannot_be_asked_for_is_explained(
    house: House, desk: Visitor, changes: dict[str, str], words: str, field: str | None
) -> None:
    form = form_to(await desk.get("/desk/new"), "/desk/new")

    page = await desk.send(form, **{**GOOD, **changes})

    assert page.status_code == 422
    assert words in page.text
    assert await count(house, meetings) == 0
    assert form_to(page, "/desk/new").fields["name1"] == GOOD["name1"]
    if field:
        around = page.text[page.text.index(f'name="{field}"') :][:300]
        assert 'aria-invalid="true"' in around.partition(">")[0]


async def test_a_key_that_may_only_read_sees_no_forms_and_posts_nothing(house: House) -> None:
    meeting_id = await house.invited()
    writer = await signed_in(house)
    reader = await signed_in(house, Scope.MEETINGS_READ)
    form = form_to(await writer.get(f"/desk/meetings/{meeting_id}"), "/cancel")

    page = await reader.get(f"/desk/meetings/{meeting_id}")
    refused = await reader.send(form)

    assert not {"cancel", "reschedule", "correct-address"} & actions_of(page)
    assert refused.status_code == 403
    assert (await reader.get("/desk/new")).status_code == 403


async def test_another_owners_meeting_does_not_exist(house: House) -> None:
    meeting_id = await house.invited()
    other = await signed_in(house, owner="other")
    own = await signed_in(house)
    form = form_to(await own.get(f"/desk/meetings/{meeting_id}"), "/cancel")
    nonce = form_to(await other.get("/desk/new"), "/desk/new").fields["nonce"]

    assert (await other.get(f"/desk/meetings/{meeting_id}")).status_code == 404
    posted = await other.post(form.action, {"nonce": nonce})
    assert posted.status_code == 404
    assert "First talk" not in (await other.get("/desk")).text


async def test_a_nonce_of_another_session_is_refused(house: House, desk: Visitor) -> None:
    meeting_id = await house.invited()
    before = await count(house, inputs)
    form = form_to(await desk.get(f"/desk/meetings/{meeting_id}"), "/cancel")

    page = await (await signed_in(house)).send(form)

    assert page.status_code == 403
    assert await count(house, inputs) == before


@pytest.mark.parametrize("path", ["cancel", "reschedule", "correct-address"])
@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example.net"}]
)
async def test_another_site_cannot_use_the_session(
    house: House, desk: Visitor, path: str, headers: dict[str, str]
) -> None:
    meeting_id = await house.invited()
    before = await count(house, inputs)
    form = form_to(await desk.get(f"/desk/meetings/{meeting_id}"), f"/{path}")

    page = await desk.post(form.action, form.fields, headers)

    assert page.status_code == 403
    assert await count(house, inputs) == before


async def test_what_is_no_longer_possible_is_refused_in_words(house: House, desk: Visitor) -> None:
    meeting_id = await house.invited(order(slots=[slot(START)]))
    form = form_to(await desk.get(f"/desk/meetings/{meeting_id}"), "/cancel")
    await house.say(meeting_id, Answer(party=1, partstat=Partstat.DECLINED, sequence=0))

    page = await desk.send(form)

    assert page.status_code == 409
    assert "The meeting has ended" in page.text


@pytest.mark.parametrize("command", ["x", "%00", "a" * 500, "-", "..%2f"])
async def test_an_unknown_command_in_the_address_is_ignored(
    house: House, desk: Visitor, command: str
) -> None:
    meeting_id = await house.invited()

    page = await desk.get(f"/desk/meetings/{meeting_id}?command={command}")

    assert page.status_code == 200
    assert 'class="notice' not in page.text
