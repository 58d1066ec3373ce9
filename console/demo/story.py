"""The story: two strangers agree on a time, one of them proposes another, and a worker dies."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from console.demo.people import Person
from console.demo.stage import Stage, shown
from domain.values import Slot

TITLE = "Coffee and plans"


@dataclass(frozen=True)
class Cast:
    """Who plays, and which times are on offer."""

    ada: Person
    bela: Person
    slots: tuple[Slot, Slot]
    wish: Slot

    @property
    def people(self) -> tuple[Person, Person]:
        return self.ada, self.bela


def cast() -> Cast:
    """Ada writes with Google Calendar, Bela with Outlook; all times lie a week ahead."""
    day = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=7)
    return Cast(
        ada=Person("Ada Ferreira", "ada@example.org", "Europe/Lisbon", "google"),
        bela=Person("Bela Kovács", "bela@example.net", "Europe/Budapest", "outlook"),
        slots=(_hour(day), _hour(day + timedelta(days=1))),
        wish=_hour(day + timedelta(days=1, hours=5)),
    )


def _hour(start: datetime) -> Slot:
    return Slot(start=start, end=start + timedelta(hours=1))


async def play(stage: Stage, cast: Cast) -> dict[str, Any]:
    """Play it; returns the meeting as its owner sees it in the end.

    Raises `ExpectationFailed` at the first promise that is not kept.
    """
    href = await _ask_for_meeting(stage, cast)
    await _both_are_invited(stage, cast)
    await _ada_accepts(stage, cast, href)
    await _bela_proposes_and_the_worker_dies(stage, cast, href)
    await _a_late_yes_to_the_old_time(stage, cast, href)
    meeting = await _ada_accepts_the_new_time(stage, cast, href)
    _calendars_agree(stage, cast, meeting)
    return meeting


async def _ask_for_meeting(stage: Stage, cast: Cast) -> str:
    first, second = (shown(slot, "UTC") for slot in cast.slots)
    stage.tell("owner", f"POST /meetings: Ada and Bela, {first} or {second}")
    order = {
        "title": TITLE,
        "parties": [
            {"name": person.name, "address": person.address, "zone": person.zone}
            for person in cast.people
        ],
        "slots": [slot.model_dump(mode="json") for slot in cast.slots],
    }
    answer = await stage.http.post("/meetings", json=order, headers={"Idempotency-Key": "demo-1"})
    stage.expect(
        f"the meeting is accepted ({answer.status_code})", answer.status_code in (201, 202)
    )
    command = await stage.read(answer.headers["Location"])
    return str(command["_links"]["related"]["href"])


async def _both_are_invited(stage: Stage, cast: Cast) -> None:
    async def invited() -> bool:
        stage.deliver(cast.people)
        return all(person.invitations for person in cast.people)

    await stage.until("both have an invitation in their calendars", invited)
    ada, bela = (person.invitations[0] for person in cast.people)
    stage.expect("each has a copy of their own", ada.uid != bela.uid)
    stage.expect("each answers to an address of their own", ada.organizer != bela.organizer)


async def _ada_accepts(stage: Stage, cast: Cast, href: str) -> None:
    ada = cast.ada
    stage.tell("Ada", f"accepts {shown(cast.slots[0], ada.zone)} in Google Calendar")
    await ada.accept(ada.invitations[0], stage.where)
    await stage.until_meeting(
        "the owner sees her answer", href, lambda m: _partstats(m) == ["ACCEPTED", "NEEDS-ACTION"]
    )


async def _bela_proposes_and_the_worker_dies(stage: Stage, cast: Cast, href: str) -> None:
    bela = cast.bela
    stage.tell("Bela", f"proposes {shown(cast.wish, bela.zone)} in Outlook (COUNTER)")
    said = await bela.propose(bela.invitations[0], cast.wish, stage.where)
    killed = stage.where.kill_child("worker")
    stage.tell("chaos", f"kill -9 {killed.pid if killed else '?'}: the saga worker is gone")
    stage.expect("the proposal was kept before its sender was told yes", said.startswith("2.0.0"))
    stage.expect("the worker was there to be killed", killed is not None)

    async def moved() -> bool:
        stage.deliver(cast.people)
        return all(person.invitations[-1].sequence == 1 for person in cast.people)

    await stage.until("a new worker carries the proposal to both calendars", moved)
    stage.expect("the time in the calendars is Bela's", _slot_of(cast.ada) == cast.wish)
    await stage.until_meeting(
        "Bela's yes stands, Ada is asked anew",
        href,
        lambda m: m["sequence"] == 1 and _partstats(m) == ["NEEDS-ACTION", "ACCEPTED"],
    )


async def _a_late_yes_to_the_old_time(stage: Stage, cast: Cast, href: str) -> None:
    ada = cast.ada
    stage.tell("Ada", "her phone, offline until now, sends a yes to the old time (SEQUENCE 0)")
    await ada.accept(ada.invitations[0], stage.where)

    async def set_aside() -> bool:
        events = await stage.read(f"{href}/events")
        return any(
            event["type"] == "AnswerSetAside" and event["data"]["reason"] == "stale"
            for event in events["_embedded"]["items"]
        )

    await stage.until("the stale yes is recorded and set aside", set_aside)
    meeting = await stage.read(href)
    stage.expect(
        "it does not count for the new time",
        meeting["status"] == "negotiating" and _partstats(meeting) == ["NEEDS-ACTION", "ACCEPTED"],
    )


async def _ada_accepts_the_new_time(stage: Stage, cast: Cast, href: str) -> dict[str, Any]:
    ada = cast.ada
    stage.tell("Ada", f"accepts {shown(cast.wish, ada.zone)} (SEQUENCE 1)")
    await ada.accept(_latest(ada), stage.where)
    meeting = await stage.until_meeting(
        "the meeting is confirmed", href, lambda m: m["status"] == "confirmed"
    )

    async def told() -> bool:
        stage.deliver(cast.people)
        return all(
            {guest.partstat for guest in _latest(person).guests} == {"ACCEPTED"}
            for person in cast.people
        )

    await stage.until("both calendars show that both accepted", told)
    return meeting


def _calendars_agree(stage: Stage, cast: Cast, meeting: dict[str, Any]) -> None:
    agreed = Slot.model_validate(meeting["slot"])
    stage.expect("the agreed time is the proposed one", agreed == cast.wish)
    stage.expect("the revision is SEQUENCE 1", meeting["sequence"] == 1)
    for person in cast.people:
        entries = list(person.calendar.entries.values())
        stage.expect(f"{person.name} has exactly one event", len(entries) == 1)
        stage.expect(f"{person.name} has it at the agreed time", _slot_of(person) == agreed)
        stage.expect(f"{person.name} has it as SEQUENCE 1", entries[0].current.sequence == 1)
        stage.expect(f"{person.name} has it uncancelled", not entries[0].is_cancelled)
    ids = [mail.message_id for mail in stage.where.caught()]
    stage.expect("no mail was sent twice", len(ids) == len(set(ids)))


def _partstats(meeting: dict[str, Any]) -> list[str]:
    return [party["partstat"] for party in meeting["parties"]]


def _latest(person: Person) -> Any:
    [entry] = person.calendar.entries.values()
    return entry.current


def _slot_of(person: Person) -> Slot:
    invitation = _latest(person)
    return Slot(start=invitation.start, end=invitation.end)
