"""Whatever mail program people answer with, what they meant is what happens."""

import asyncio
from datetime import UTC, datetime

import pytest

from adapters.attendees.notes import note
from adapters.attendees.programs import CLIENTS
from domain.values import Slot
from tests.e2e.house import Document, House, Meeting, later, partstats, slot_of, slots
from tests.e2e.people import Person

ANSWERS = ("ACCEPTED", "TENTATIVE", "DECLINED")
PROPOSERS = [program for program, client in CLIENTS.items() if client.can_propose]


@pytest.mark.parametrize("program", CLIENTS)
async def test_every_button_does_what_it_says(house: House, program: str) -> None:
    """All three at once, each in a meeting of its own."""
    await asyncio.gather(*(answer_is_taken(house, program, partstat) for partstat in ANSWERS))


async def answer_is_taken(house: House, program: str, partstat: str) -> None:
    offered = slots()
    person, other = house.pair(program, "apple")
    meeting = await house.ask(person, other, offered=offered)

    await house.send(person.answer(partstat, "Thank you!"), person)
    seen = await meeting.settled(mails_in=1)

    [mail] = await meeting.items("mail")
    assert (mail["verdict"], mail["effect"]) == ("answer", "applied"), (program, partstat)
    event = await the_answer(meeting)
    assert (event["partstat"], event["party"]["number"]) == (partstat, 1)
    assert "Thank you!" in " ".join(event["words"].values())
    declined = partstat == "DECLINED"  # which puts the next slot on the table
    assert seen["sequence"] == person.shown.sequence == other.shown.sequence == int(declined)
    assert slot_of(seen) == person.slot == other.slot == offered[int(declined)]
    assert partstats(seen)[0] == ("NEEDS-ACTION" if declined else partstat)


async def the_answer(meeting: Meeting) -> Document:
    [event] = [each for each in await meeting.items("events") if each["type"] == "AnswerRecorded"]
    found: Document = event["data"]
    return found


@pytest.mark.parametrize("program", PROPOSERS)
async def test_another_time_is_put_into_both_calendars(house: House, program: str) -> None:
    await asyncio.gather(
        proposal_is_carried(house, program, None), proposal_is_carried(house, program, "DECLINED")
    )


async def proposal_is_carried(house: House, program: str, partstat: str | None) -> None:
    offered = slots()
    wish = later(offered[0], 5)
    person, other = house.pair(program, "google")
    meeting = await house.ask(person, other, offered=offered)

    await house.send(person.propose(wish, "Rather then?", partstat=partstat), person)
    seen = await meeting.settled(mails_in=1)

    [mail] = await meeting.items("mail")
    assert (mail["verdict"], mail["effect"]) == ("proposal", "applied"), (program, partstat)
    assert (seen["sequence"], slot_of(seen)) == (1, wish)
    assert partstats(seen) == ["ACCEPTED", "NEEDS-ACTION"]
    assert_asked(person, other, wish)


def assert_asked(proposer: Person, asked: Person, wish: Slot) -> None:
    """Both have the proposed time in their calendars, and only one still owes an answer."""
    assert (proposer.slot, asked.slot) == (wish, wish)
    assert proposer.calendar.partstat(proposer.shown.uid) == "ACCEPTED"
    assert asked.calendar.partstat(asked.shown.uid) == "NEEDS-ACTION"


async def test_who_cannot_propose_writes_words_that_the_owner_reads(house: House) -> None:
    person, other = house.pair("thunderbird", "google")
    meeting = await house.ask(person, other)
    wish = "Could we meet in the afternoon?"

    words = note(person.shown, person.address, person.name, wish, datetime.now(UTC))
    await house.send(words, person)
    seen = await meeting.settled(mails_in=1)

    [mail] = await meeting.items("mail")
    assert mail["verdict"] == "note"
    assert partstats(seen) == ["NEEDS-ACTION", "NEEDS-ACTION"]
    last = (await meeting.items("events"))[-1]
    assert last["type"] == "RemarkReceived"
    assert last["data"]["words"]["text"] == wish
