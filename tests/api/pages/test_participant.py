"""The participant's page: what it says, what it takes, and what it never does."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from adapters.db import capabilities, outbox
from adapters.db.schema import inputs, journal
from adapters.db.schema import outbox as outbox_rows
from domain.access import Capability, Purpose, derive_token
from domain.meetings.messages import Answer, ProposedTime, Via, stream_of
from domain.meetings.model import Partstat
from domain.outbox.marks import mark_of
from domain.outbox.model import Draft
from domain.values import Slot
from tests.api.house import NOW, SECRET, House, order, slot
from tests.api.pages.visitor import Form, Visitor, actions_of, form_to, forms_of

START = NOW + timedelta(days=9)  # 1 March 2027, 10:00 UTC; the house offers it first


def token_of(meeting_id: str, party: int) -> str:
    stream = stream_of(meeting_id)
    return derive_token(SECRET, Capability(purpose=Purpose.PAGE, stream=stream, party=party))


def path_of(meeting_id: str, party: int) -> str:
    return f"/p/{token_of(meeting_id, party)}"


async def rows(house: House, key_start: str = "page:") -> list[Any]:
    query = sa.select(inputs).where(inputs.c.key.startswith(key_start)).order_by(inputs.c.id)
    return await house.database.read(lambda c: list(c.execute(query)))


async def everything(house: House) -> tuple[int, int]:
    """How many inputs and events there are."""
    counts = [sa.select(sa.func.count()).select_from(table) for table in (inputs, journal)]
    return await house.database.read(
        lambda c: (c.execute(counts[0]).scalar_one(), c.execute(counts[1]).scalar_one())
    )


def says(partstat: Partstat | None, party: int, sequence: int, **more: Any) -> Answer:
    return Answer(party=party, partstat=partstat, sequence=sequence, via=Via.MAIL, **more)


async def confirmed(house: House) -> str:
    meeting_id = await house.invited()
    for party in (1, 2):
        await house.say(meeting_id, says(Partstat.ACCEPTED, party, 0))
    return meeting_id


async def test_the_page_tells_time_place_people_and_what_is_asked(house: House) -> None:
    meeting_id = await house.invited(order(location="Café Central", description="About work"))

    page = await Visitor(house.app).get(path_of(meeting_id, 2))

    assert page.status_code == 200
    for words in (
        "First talk",
        "11:00–11:30",  # 10:00 UTC in Lagos
        "Africa/Lagos (UTC+01:00)",
        "In UTC: Monday 1 March 2027, 10:00–10:30 (UTC)",
        "Please say by Saturday 27 February 2027, 11:00 (Africa/Lagos)",
        "Ada Moreira",
        "Café Central",
        "About work",
        "Everybody was invited to",
    ):
        assert words in page.text
    assert actions_of(page) == {"accept", "tentative", "decline", "propose", "withdraw"}


async def test_the_other_partys_address_is_not_shown(house: House) -> None:
    meeting_id = await house.invited()

    page = await Visitor(house.app).get(path_of(meeting_id, 1))

    assert "ada@example.org" in page.text
    assert "ben@example.com" not in page.text


async def test_an_address_is_shown_when_the_meeting_says_so(house: House) -> None:
    body = order()
    body["parties"][1]["shows_address"] = True
    meeting_id = await house.invited(body)

    page = await Visitor(house.app).get(path_of(meeting_id, 1))

    assert "ben@example.com" in page.text


async def test_the_page_is_private(house: House) -> None:
    meeting_id = await house.invited()

    headers = (await Visitor(house.app).get(path_of(meeting_id, 1))).headers

    assert headers["Cache-Control"] == "no-store"
    assert "noindex" in headers["X-Robots-Tag"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize("ending", ["", "/accept", "/decline", "/propose", "/withdraw"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_fetching_a_mailed_link_ten_times_changes_nothing(
    house: House, ending: str, method: str
) -> None:
    meeting_id = await house.invited()
    visitor = Visitor(house.app)
    before = await everything(house)

    for _ in range(10):
        await visitor.client.request(method, path_of(meeting_id, 1) + ending)

    assert await everything(house) == before
    assert house.saga.poked.count(stream_of(meeting_id)) == 1  # when it was asked for


async def test_a_click_becomes_one_input_about_the_revision_shown(house: House) -> None:
    meeting_id = await house.invited()
    visitor = Visitor(house.app)
    form = form_to(await visitor.get(path_of(meeting_id, 1)), "/decline")

    answer = await visitor.send(form, comment="I am away that week.")

    assert answer.status_code == 303
    [row] = await rows(house)
    assert row.stream == stream_of(meeting_id)
    assert row.body == says(Partstat.DECLINED, 1, 0).model_dump(mode="json") | {"via": "page"}
    assert row.words == {"comment": "I am away that week."}
    assert house.saga.poked[-1] == stream_of(meeting_id)


async def test_a_click_is_noted_and_then_told_as_done(house: House) -> None:
    meeting_id = await house.invited()
    visitor = Visitor(house.app)
    form = form_to(await visitor.get(path_of(meeting_id, 1)), "/accept")

    answer = await visitor.send(form)
    noted = await visitor.follow(answer)
    await house.saga.run(meeting_id)
    done = await visitor.follow(answer)

    assert "Noted: accept the time. It is being carried out" in noted.text
    assert '<meta http-equiv="refresh" content="2">' in noted.text
    assert actions_of(noted) == set()
    assert "You chose: accept the time. Your choice has been carried out." in done.text
    assert "http-equiv" not in done.text
    assert "You accepted on the page." in done.text


async def test_a_click_that_takes_long_gives_the_forms_back(house: House) -> None:
    meeting_id = await house.invited()
    visitor = Visitor(house.app)
    answer = await visitor.send(form_to(await visitor.get(path_of(meeting_id, 1)), "/accept"))

    house.clock.now += timedelta(minutes=1)
    page = await visitor.follow(answer)

    assert "Noted" in page.text
    assert '<meta http-equiv="refresh" content="15">' in page.text
    assert "decline" in actions_of(page)


async def test_a_click_that_can_no_longer_be_read_is_told_as_refused(house: House) -> None:
    meeting_id = await house.invited()
    visitor = Visitor(house.app)
    answer = await visitor.send(form_to(await visitor.get(path_of(meeting_id, 1)), "/accept"))
    forgotten = sa.update(inputs).where(inputs.c.key.startswith("page:"))
    forgotten = forgotten.values(body={"kind": "of another release"})
    await house.database.write(lambda c: c.execute(forgotten) and None)

    await house.saga.run(meeting_id)

    assert "This could not be carried out" in (await visitor.follow(answer)).text
    [row] = await rows(house)
    assert (row.effect, row.code) == ("refused", "not-understood")


async def test_a_party_that_clicks_all_day_is_asked_to_stop_and_loses_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.db.page_queries.CLICKS_PER_DAY", 2)
    meeting_id = await house.invited()
    visitor, other = Visitor(house.app), Visitor(house.app)

    async def form(of: Visitor, party: int = 1) -> Form:
        return form_to(await of.get(path_of(meeting_id, party)), "/tentative")

    forms = [await form(visitor) for _ in range(3)]
    answers = [await visitor.send(one) for one in forms]
    repeated = await visitor.send(forms[0])
    others = await other.send(await form(other, party=2))

    assert [answer.status_code for answer in answers] == [303, 303, 429]
    assert "all of them are kept" in answers[2].text
    assert answers[2].headers["Retry-After"] == "3600"
    assert (repeated.status_code, others.status_code) == (303, 303)
    assert len(await rows(house)) == 3
    house.clock.now += timedelta(days=1)
    assert (await visitor.send(forms[2])).status_code == 303
    assert len(await rows(house)) == 4


async def test_a_double_click_is_one_input(house: House) -> None:
    meeting_id = await house.invited()
    visitor = Visitor(house.app)
    form = form_to(await visitor.get(path_of(meeting_id, 1)), "/accept")

    answers = await asyncio.gather(*(visitor.send(form) for _ in range(5)))

    assert len(await rows(house)) == 1
    assert len({answer.headers["Location"] for answer in answers}) == 1


async def test_a_used_form_with_another_choice_is_not_taken_silently(house: House) -> None:
    meeting_id = await house.invited()
    visitor = Visitor(house.app)
    page = await visitor.get(path_of(meeting_id, 1))

    await visitor.send(form_to(page, "/accept"))
    second = await visitor.send(form_to(page, "/decline"))

    assert len(await rows(house)) == 1
    assert "this second choice was not taken" in (await visitor.follow(second)).text


async def test_a_stale_form_is_told_that_the_time_has_changed(house: House) -> None:
    meeting_id = await house.invited()
    visitor = Visitor(house.app)
    form = form_to(await visitor.get(path_of(meeting_id, 1)), "/accept")
    other = ProposedTime(start=START + timedelta(hours=3))
    await house.say(meeting_id, says(None, 2, 0, proposal=other))

    answer = await visitor.send(form)
    await house.saga.run(meeting_id)
    page = await visitor.follow(answer)

    assert "The time has changed meanwhile" in page.text
    assert "An answer is still missing" in page.text or "Please say by" in page.text
    state = await house.saga.store.load(meeting_id)
    assert state.party(1).partstat is Partstat.NEEDS_ACTION


async def test_a_proposal_is_taken_in_the_partys_own_zone(house: House) -> None:
    meeting_id = await house.invited()
    visitor = Visitor(house.app)
    page = await visitor.get(f"{path_of(meeting_id, 2)}/propose")
    form = form_to(page, "/propose")
    assert (form.fields["date"], form.fields["time"]) == ("2027-03-01", "11:00")
    assert form.fields["minutes"] == "30"

    await visitor.send(form, date="2027-03-02", time="15:30", minutes="45", declines="yes")

    [row] = await rows(house)
    assert row.body["partstat"] == "DECLINED"
    assert row.body["proposal"] == {
        "start": "2027-03-02T14:30:00Z",
        "end": "2027-03-02T15:15:00Z",
    }


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"date": "2027-13-40"}, "Choose a day"),
        ({"date": ""}, "Choose a day"),
        ({"time": "quarter past"}, "Choose a time of day"),
        ({"time": "10:00+02:00"}, "without an offset"),
        ({"minutes": "soon"}, "Give the length in minutes"),
        ({"minutes": "999999999999999999999"}, "Give the length in minutes"),
        ({"minutes": "2"}, "at least five minutes"),
        ({"date": "2020-01-01"}, "already passed"),
        ({"date": "9999-12-31"}, "between 1970 and 2100"),
        ({"date": "0001-01-01"}, "between 1970 and 2100"),
        ({}, "being asked about already"),
        # Lisbon skips 01:00 to 02:00 on 28 March 2027 and repeats it on 31 October.
        ({"date": "2027-03-28", "time": "01:30"}, "go forward and skip 01:30; it would be 02:30"),
        ({"date": "2027-10-31", "time": "01:30"}, "01:30 comes twice"),
        ({"date": "2027-03-02", "comment": "x" * 2001}, "too long"),
        ({"date": "2027-03-02", "comment": "a\x00b"}, "control characters"),
    ],
)
async def test_a_time_that_cannot_be_proposed_is_explained(
    house: House, fields: dict[str, str], words: str
) -> None:
    meeting_id = await house.invited()
    visitor = Visitor(house.app)
    form = form_to(await visitor.get(path_of(meeting_id, 1)), "/propose")

    page = await visitor.send(form, **fields)

    assert page.status_code == 422
    assert words in page.text
    assert await rows(house) == []
    kept = form_to(page, "/propose").fields
    assert kept["time"] == fields.get("time", "10:00")[:20].replace("\x00", "")


async def test_a_repeated_hour_is_chosen_between(house: House) -> None:
    meeting_id = await house.invited()
    visitor = Visitor(house.app)
    form = form_to(await visitor.get(path_of(meeting_id, 1)), "/propose")
    asked = await visitor.send(form, date="2027-10-31", time="01:30")
    assert "01:30 the first time (UTC+01:00)" in asked.text
    assert "01:30 the second time (UTC+00:00)" in asked.text

    await visitor.send(form_to(asked, "/propose"), occurrence="2")

    [row] = await rows(house)
    assert row.body["proposal"]["start"] == "2027-10-31T01:30:00Z"


async def test_a_proposal_after_confirmation_is_answered_on_the_page(house: House) -> None:
    meeting_id = await confirmed(house)
    other = ProposedTime(start=START + timedelta(days=2))
    await house.say(meeting_id, says(None, 1, 0, proposal=other))
    visitor = Visitor(house.app)

    page = await visitor.get(path_of(meeting_id, 2))
    confirm = await visitor.get(f"{path_of(meeting_id, 2)}/accept")
    await visitor.send(form_to(confirm, "/agree"))
    await house.saga.run(meeting_id)

    assert "Ada Moreira asks to move the meeting to Wednesday 3 March 2027, 11:00" in page.text
    assert {"agree", "disagree"} <= actions_of(page)
    state = await house.saga.store.load(meeting_id)
    assert state.slot == Slot(start=other.start, end=other.start + timedelta(minutes=30))


async def test_the_proposer_is_not_asked_about_its_own_proposal(house: House) -> None:
    meeting_id = await confirmed(house)
    other = ProposedTime(start=START + timedelta(days=2))
    await house.say(meeting_id, says(None, 1, 0, proposal=other))

    page = await Visitor(house.app).get(path_of(meeting_id, 1))

    assert not {"agree", "disagree"} & actions_of(page)
    assert "You proposed" in page.text


async def test_a_party_calls_the_meeting_off(house: House) -> None:
    meeting_id = await confirmed(house)
    visitor = Visitor(house.app)
    answer = await visitor.send(form_to(await visitor.get(path_of(meeting_id, 2)), "/withdraw"))

    await house.saga.run(meeting_id)
    page = await visitor.follow(answer)

    assert "Called off" in page.text
    assert forms_of(page) == []
    other = await Visitor(house.app).get(path_of(meeting_id, 1))
    assert "Ben Okafor called the meeting off." in other.text


@pytest.mark.parametrize(
    "nonce",
    ["", "x", "a.b.c.d", "é.é", "....", "a.1.0:0.sig", "\x00", "9" * 5000],
    ids=lambda nonce: nonce[:8] or "none",
)
async def test_a_post_without_the_pages_nonce_is_refused(house: House, nonce: str) -> None:
    meeting_id = await house.invited()

    page = await Visitor(house.app).post(f"{path_of(meeting_id, 1)}/accept", {"nonce": nonce})

    assert page.status_code == 403
    assert "was not served by this page" in page.text
    assert await rows(house) == []


async def test_a_nonce_serves_only_its_own_page(house: House) -> None:
    meeting_id = await house.invited()
    visitor = Visitor(house.app)
    form = form_to(await visitor.get(path_of(meeting_id, 1)), "/accept")

    page = await visitor.post(f"{path_of(meeting_id, 2)}/accept", form.fields)

    assert page.status_code == 403
    assert await rows(house) == []


async def test_a_form_left_open_for_days_is_served_anew(house: House) -> None:
    meeting_id = await house.invited()
    visitor = Visitor(house.app)
    form = form_to(await visitor.get(path_of(meeting_id, 1)), "/accept")

    house.clock.now += timedelta(days=2, seconds=1)
    page = await visitor.send(form)
    assert page.status_code == 403
    assert "open for too long" in page.text

    assert (await visitor.send(form_to(page, "/accept"))).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://parley.example.org"},
        {"Origin": "https://evil.example.net"},
        {"Origin": "https://parley.example.org.evil.example.net"},
    ],
)
async def test_a_post_from_another_site_is_refused(house: House, headers: dict[str, str]) -> None:
    meeting_id = await house.invited()
    visitor = Visitor(house.app)
    form = form_to(await visitor.get(path_of(meeting_id, 1)), "/accept")

    page = await visitor.post(form.action, form.fields, headers)

    assert page.status_code == 403
    assert "another site" in page.text
    assert await rows(house) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://parley.example.org"},
        {"Origin": "null"},  # what a no-referrer page sends from a browser without Sec-Fetch
        {},
    ],
)
async def test_browsers_old_and_new_may_post(house: House, headers: dict[str, str]) -> None:
    meeting_id = await house.invited()
    visitor = Visitor(house.app)
    form = form_to(await visitor.get(path_of(meeting_id, 1)), "/accept")

    answer = await visitor.post(form.action, form.fields, headers)

    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b'{"nonce": "x"}', "application/json", 400),
        (b"nonce=x", "text/plain", 400),
        (b"--b--", "multipart/form-data; boundary=b", 400),
        (b"a=1&" * 100, "application/x-www-form-urlencoded", 400),
        (b"a=" + b"x" * 70_000, "application/x-www-form-urlencoded", 400),
        (b"nonce=%ff%fe&comment=%ed%a0%80", "application/x-www-form-urlencoded", 403),
        (b"", "application/x-www-form-urlencoded", 403),
    ],
)
async def test_a_body_that_is_no_form_is_refused_in_words(
    house: House, content: bytes, kind: str, status: int
) -> None:
    meeting_id = await house.invited()
    visitor = Visitor(house.app)

    page = await visitor.client.post(
        f"{path_of(meeting_id, 1)}/accept", content=content, headers={"Content-Type": kind}
    )

    assert page.status_code == status
    assert 'role="alert"' in page.text


async def test_unknown_and_revoked_links_read_alike(house: House) -> None:
    meeting_id = await house.invited()
    visitor = Visitor(house.app)
    stream = stream_of(meeting_id)
    await house.database.write(
        lambda c: capabilities.revoke(c, stream, 1, Purpose.PAGE, house.clock())
    )

    revoked = await visitor.get(path_of(meeting_id, 1))
    unknown = await visitor.get(f"/p/{'a' * 26}")
    posted = await visitor.post(f"{path_of(meeting_id, 1)}/accept", {})

    assert revoked.status_code == unknown.status_code == posted.status_code == 404
    assert revoked.text == unknown.text == posted.text


@pytest.mark.parametrize(
    "path", ["/p/x", "/p/%00", "/p/é", "/p/" + "a" * 5000, "/p/..%2f..", "/p/a/b", "/p/a/accept"]
)
async def test_what_is_no_token_is_not_found(house: House, path: str) -> None:
    page = await Visitor(house.app).get(path)

    assert page.status_code == 404


async def test_a_reply_address_token_does_not_open_the_page(house: House) -> None:
    meeting_id = await house.invited()
    capability = Capability(purpose=Purpose.REPLY, stream=stream_of(meeting_id), party=1)

    page = await Visitor(house.app).get(f"/p/{derive_token(SECRET, capability)}")

    assert page.status_code == 404


async def test_the_owners_deeds_are_not_the_partys(house: House) -> None:
    meeting_id = await house.invited()
    visitor = Visitor(house.app)
    form = form_to(await visitor.get(path_of(meeting_id, 1)), "/accept")

    page = await visitor.post(f"{path_of(meeting_id, 1)}/reschedule", form.fields)

    assert page.status_code == 404
    assert await rows(house) == []


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}"


async def test_what_people_write_is_inert(house: House) -> None:
    body = order(title=HOSTILE[:200], description=HOSTILE, location=HOSTILE)
    body["parties"][1]["name"] = HOSTILE[:100]
    meeting_id = await house.invited(body)
    visitor = Visitor(house.app)
    form = form_to(await visitor.get(path_of(meeting_id, 1)), "/decline")
    await visitor.send(form, comment=HOSTILE)
    await house.saga.run(meeting_id)

    page = await visitor.get(path_of(meeting_id, 1))

    assert "<script" not in page.text
    assert "<img" not in page.text
    assert "{{7*7}}" in page.text
    assert "&lt;script&gt;alert(1)" in page.text


@pytest.mark.parametrize(
    "query", ["noted=abc", "noted=" + "9" * 400, "noted=-1", "noted=%00", "notice=<b>", "noted=²"]
)
async def test_anything_in_the_query_is_harmless(house: House, query: str) -> None:
    meeting_id = await house.invited()

    page = await Visitor(house.app).get(f"{path_of(meeting_id, 1)}?{query}")

    assert page.status_code == 200
    assert 'class="notice' not in page.text


async def test_the_other_partys_click_is_not_told(house: House) -> None:
    meeting_id = await house.invited()
    visitor = Visitor(house.app)
    form = form_to(await visitor.get(path_of(meeting_id, 1)), "/decline")
    answer = await visitor.send(form, comment="Never with that person.")
    await house.saga.run(meeting_id)
    noted = answer.headers["Location"].rpartition("=")[2]

    page = await visitor.get(f"{path_of(meeting_id, 2)}?noted={noted}")

    assert "You chose" not in page.text
    assert "Never with that person." not in page.text
    assert "Never with that person." in (await visitor.get(path_of(meeting_id, 1))).text


async def _asked(house: House) -> str:
    return await house.invited(order(slots=[slot(START)]))


async def _proposed(house: House) -> str:
    meeting_id = await confirmed(house)
    other = ProposedTime(start=START + timedelta(days=2))
    await house.say(meeting_id, says(None, 1, 0, proposal=other))
    return meeting_id


async def _ended(house: House) -> str:
    meeting_id = await _asked(house)
    await house.say(meeting_id, says(Partstat.DECLINED, 1, 0))
    return meeting_id


MOMENTS: dict[str, tuple[Callable[[House], Awaitable[str]], set[str]]] = {
    "asked": (_asked, {"accept", "tentative", "decline", "propose", "withdraw"}),
    "confirmed": (confirmed, {"tentative", "decline", "propose", "withdraw"}),
    "proposed": (
        _proposed,
        {"agree", "disagree", "tentative", "decline", "propose", "withdraw"},
    ),
    "ended": (_ended, set()),
}


@pytest.mark.parametrize("moment", MOMENTS)
async def test_every_form_that_is_shown_is_carried_out(house: House, moment: str) -> None:
    arrange, expected = MOMENTS[moment]
    visitor = Visitor(house.app)
    shown = actions_of(await visitor.get(path_of(await arrange(house), 2)))
    assert shown == expected

    for action in sorted(shown):
        meeting_id = await arrange(house)
        form = form_to(await visitor.get(path_of(meeting_id, 2)), f"/{action}")
        await visitor.send(form, **({"date": "2027-03-04"} if action == "propose" else {}))
        await house.saga.run(meeting_id)

        assert (await rows(house))[-1].effect == "applied", action


async def test_nothing_is_offered_once_the_time_has_passed(house: House) -> None:
    meeting_id = await confirmed(house)
    house.clock.now = START + timedelta(days=30)

    page = await Visitor(house.app).get(path_of(meeting_id, 1))

    assert forms_of(page) == []


async def test_a_choice_made_behind_a_mailed_link_proves_that_mail(house: House) -> None:
    meeting_id = await house.invited()
    drafts = [_letter(meeting_id, number) for number in (1, 2)]

    def given(c: sa.Connection) -> None:
        for draft in drafts:
            outbox.enqueue(c, "main", draft, NOW)
        c.execute(sa.update(outbox_rows).values(state="uncertain"))

    async def states() -> list[str]:
        query = sa.select(outbox_rows.c.state).order_by(outbox_rows.c.id)
        return await house.database.read(lambda c: list(c.execute(query).scalars()))

    await house.database.write(given)
    visitor = Visitor(house.app)
    link = f"{path_of(meeting_id, 1)}/accept?m={mark_of(drafts[1].message_id)}"

    page = await visitor.get(link)
    assert await states() == ["uncertain", "uncertain"]  # scanners follow links too
    await visitor.send(form_to(page, "/accept"))

    assert await states() == ["uncertain", "sent"]


def _letter(meeting_id: str, number: int) -> Draft:
    return Draft(
        kind="meeting.current",
        subject=stream_of(meeting_id),
        occasion=str(number),
        recipient="ada@example.org",
        party=1,
        mail_from="",
        message_id=f"<{number}@parley.example.org>",
        raw=b"",
    )


@pytest.mark.parametrize("mark", ["", "abc", "a" * 12, ":::", "%00", "x" * 5000])
async def test_any_mark_in_a_link_is_harmless(house: House, mark: str) -> None:
    meeting_id = await house.invited()
    visitor = Visitor(house.app)

    page = await visitor.get(f"{path_of(meeting_id, 1)}/accept?m={mark}")
    answer = await visitor.send(form_to(page, "/accept"))

    assert answer.status_code == 303
    assert len(await rows(house)) == 1
