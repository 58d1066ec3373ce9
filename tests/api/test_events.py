"""What happened, as lists to page through."""

import pytest

from domain.access import Scope
from domain.meetings.messages import Answer, Cancellation, ProposedTime
from domain.meetings.model import Partstat
from tests.api.house import BASE_URL, NOW, House, slot
from tests.api.message_bodies import mail


@pytest.fixture
def house(either_house: House) -> House:
    """Every promise here is kept on both engines."""
    return either_house


async def test_an_event_is_a_cloud_event_with_names_words_and_a_sentence(house: House) -> None:
    meeting_id = await house.invited()
    answer = Answer(party=1, partstat=Partstat.ACCEPTED, sequence=0)
    await house.say(meeting_id, answer, {"comment": "See you there"})

    page = (await house.client.get(f"/meetings/{meeting_id}/events")).json()

    event = page["_embedded"]["items"][2]
    assert event["specversion"] == "1.0"
    assert event["source"] == f"{BASE_URL}/"
    assert event["type"] == "AnswerRecorded"
    assert event["subject"] == f"meeting/{meeting_id}"
    assert event["time"] == "2027-02-20T10:00:00Z"
    assert event["data"]["party"] == {"number": 1, "name": "Ada Moreira"}
    assert event["data"]["words"] == {"comment": "See you there"}
    assert event["data"]["sentence"].startswith("Ada Moreira accepted")
    assert "key" not in event["data"]


async def test_sentences_write_times_in_the_zone_asked_for(house: House) -> None:
    meeting_id = await house.invited()

    page = await house.client.get(f"/meetings/{meeting_id}/events?zone=Asia/Tokyo&type=SlotOffered")

    # 10:00 UTC is 19:00 in Tokyo.
    assert "19:00" in page.json()["_embedded"]["items"][0]["data"]["sentence"]


async def test_following_next_misses_nothing_and_repeats_nothing(house: House) -> None:
    one, two = await house.invited(), await house.invited()
    await house.say(one, Cancellation())
    await house.say(two, Cancellation())
    seen: list[int] = []
    href = "/events?limit=1"

    while True:
        page = (await house.client.get(href)).json()
        if not page["count"]:
            break
        seen += [int(event["id"]) for event in page["_embedded"]["items"]]
        href = page["_links"]["next"]["href"]

    whole = (await house.client.get("/events")).json()["_embedded"]["items"]
    assert seen == [int(event["id"]) for event in whole]
    assert len(seen) == 6  # requested, offered, ended; twice


async def test_an_empty_page_leads_on_from_where_it_stands(house: House) -> None:
    await house.invited()
    last = (await house.client.get("/events")).json()["position"]

    page = (await house.client.get(f"/events?after={last}")).json()
    await house.invited()
    later = (await house.client.get(page["_links"]["next"]["href"])).json()

    assert (page["count"], page["position"]) == (0, last)
    assert later["count"] == 2


async def test_what_is_not_asked_for_is_passed_once(house: House) -> None:
    """A reader whose events are rare would else read all others again at every look."""
    await house.invited()
    whole = (await house.client.get("/events")).json()

    none = (await house.client.get("/events?type=MeetingEnded")).json()
    some = (await house.client.get("/events?type=MeetingRequested&limit=1")).json()

    assert (none["count"], none["position"]) == (0, whole["position"])
    assert some["position"] == int(some["_embedded"]["items"][0]["id"])


async def test_types_narrow_the_list(house: House) -> None:
    await house.invited()

    page = (await house.client.get("/events?type=MeetingRequested&type=MeetingEnded")).json()

    assert [event["type"] for event in page["_embedded"]["items"]] == ["MeetingRequested"]


async def test_journal_and_commands_name_nobody(house: House) -> None:
    """What is stored for good holds no personal data; only the representation does."""
    meeting_id = await house.invited()
    start = slot(NOW.replace(day=25))["start"]
    proposal = ProposedTime.model_validate({"start": start})
    await house.say(meeting_id, Answer(party=2, proposal=proposal, sequence=0), {"comment": "Ben"})

    stored = await house.app.state.ports.journal.after("main", 0)
    command = await house.app.state.ports.commands.get("main", stored[0].command)

    text = " ".join(each.model_dump_json() for each in [*stored, command])
    for personal in ("Ada", "Ben", "example.org", "example.com", "First talk"):
        assert personal not in text


async def test_items_have_no_links_that_lead_nowhere(house: House) -> None:
    """The stream and webhooks carry the same documents, which have none."""
    await house.invited()

    items = (await house.client.get("/events")).json()["_embedded"]["items"]

    assert items
    assert not any("_links" in item for item in items)


@pytest.mark.parametrize(
    ("scope", "kind"),
    [
        (Scope.MEETINGS_READ, "meeting"),
        (Scope.MESSAGES_READ, "message"),
        (Scope.PEOPLE, "person"),
    ],
)
async def test_a_key_reads_the_events_that_its_scopes_open(
    house: House, scope: Scope, kind: str
) -> None:
    await house.invited()
    await house.post("/people", {"name": "Ada", "address": "ada@example.org", "zone": "UTC"})
    await house.post("/messages", mail())
    client = await house.client_of("main", scope)

    shown = (await client.get("/events")).json()["_embedded"]["items"]
    whole = (await house.client.get("/events")).json()["_embedded"]["items"]

    assert {event["subject"].partition("/")[0] for event in shown} == {kind}
    assert {event["id"] for event in shown} < {event["id"] for event in whole}


async def test_a_key_that_may_only_write_reads_no_events(house: House) -> None:
    client = await house.client_of("main", Scope.MESSAGES_WRITE)

    for path in ("/events", "/events/stream"):
        refused = await client.get(path)
        assert refused.status_code == 403
        assert "messages:read" in refused.json()["detail"]
