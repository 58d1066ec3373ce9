"""Names, addresses and words stand in the database, and nowhere that operators look."""

import json
from datetime import UTC, datetime

from temporalio.client import Client

from adapters.attendees.notes import note
from tests.e2e.house import Document, House, Meeting, later
from tests.e2e.people import Person

WORDS: Document = {
    "title": "Zebrafish quarrel",
    "description": "About the cobalt teapot.",
    "location": "Hotel Marzipan",
    "organizer": "Wombat and Sons",
}
SAID = ("Rather over pancakes?", "No pancakes, but gladly.", "I bring an umbrella.")
MOVED = "Hyacinth Oxbow"


async def test_histories_and_logs_hold_nothing_personal(house: House) -> None:
    ada = house.person("Quixana Vellichor", "google")
    bela = house.person("Tarquin Nightjar", "outlook", "Europe/Budapest")
    meeting = await told_with_many_words(house, ada, bela)

    personal = [*WORDS.values(), *SAID, ada.name, bela.name]
    personal += [name for person in (ada, bela) for name in person.name.split()]
    personal += MOVED.split()
    personal += [*house.people, *tokens(ada), *tokens(bela)]
    told = str(await meeting.items("events"))
    assert found([*SAID, MOVED, bela.name], told) == [*SAID, MOVED, bela.name]

    history = await history_of(house, meeting)
    assert len(found(["ProposalMade", "AddressCorrected"], history)) == 2, "the story is there"
    assert found(personal, history) == []
    for log in [house.data / "up.log", *(house.data / "logs").iterdir()]:
        assert found(personal, log.read_text(errors="replace")) == [], log.name


async def told_with_many_words(house: House, ada: Person, bela: Person) -> Meeting:
    """Everything that people can say by mail, said once: also something unreadable."""
    meeting = await house.ask(ada, bela, **WORDS)
    await house.send(bela.propose(later(bela.slot), SAID[0]), bela)
    await house.until(lambda: ada.shown.sequence == 1)
    await house.send(ada.answer("ACCEPTED", SAID[1]), ada)
    await meeting.when(lambda seen: seen["status"] == "confirmed")
    words = note(ada.shown, ada.address, ada.name, SAID[2], datetime.now(UTC))
    await house.send(words, ada)
    await house.send(b"BEGIN:VCALENDAR " + ada.name.encode() + b"\xff\0", ada)
    await meeting.settled(mails_in=4)
    moved = house.person(MOVED, "apple")
    body = {"party": 1, "address": moved.address, "name": moved.name}
    await house.post(f"{meeting.href}/correct-address", body)
    await house.until(lambda: bool(moved.calendar.entries))
    return meeting


def tokens(person: Person) -> list[str]:
    """What a person's own addresses and links are known by: whoever has one can answer."""
    organizer = person.shown.organizer.partition("@")[0]
    return [organizer.partition("+")[2], person.mails[0].link("/accept").split("/")[-2]]


def found(words: list[str], text: str) -> list[str]:
    """Which of the words are in the text, whatever their case."""
    return [word for word in words if word.casefold() in text.casefold()]


async def history_of(house: House, meeting: Meeting) -> str:
    """All that Temporal shows of a meeting's runs: histories, summaries, attributes, memo."""
    port = json.loads((house.data / "ports.json").read_text())["temporal"]
    client = await Client.connect(f"127.0.0.1:{port}")
    handle = client.get_workflow_handle(f"meeting/{meeting.id}")
    described = await handle.describe()
    history = await handle.fetch_history()
    octets = b"".join(event.SerializeToString() for event in history.events)
    octets += described.raw_description.SerializeToString()
    octets += str(await handle.query("standing")).encode()
    return octets.decode("utf-8", "replace")
