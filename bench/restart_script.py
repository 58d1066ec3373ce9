"""What two people and an owner do in one meeting, drawn by chance, and what the pure model says
of it in the order in which it was acknowledged."""

import asyncio
import random
import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from adapters.attendees.invitation import Invitation, NoInvitation, read_invitation
from adapters.attendees.programs import CLIENTS
from adapters.attendees.sending import NotAccepted, submit
from console.installation import Installation
from domain.meetings.events import MeetingRequested
from domain.meetings.messages import (
    Answer,
    Cancellation,
    MeetingInput,
    Opening,
    ProposedTime,
    Reschedule,
    TakenInput,
)
from domain.meetings.model import MeetingState, Partstat, Terms
from domain.meetings.rules import begin, decide
from domain.values import Slot

_HOUR = timedelta(hours=1)
_PAUSE = 0.1  # seconds between attempts while something is down
_DEEDS = ["accept"] * 6 + ["decline"] * 2 + ["tentative"] + ["propose"] * 4 + ["stale"] * 2
_OWNER_DEEDS = ["cancel", "reschedule", "reschedule"]


@dataclass
class Script:
    """One meeting: who takes part, what was acknowledged, and in which order."""

    number: int
    installation: Installation
    http: httpx.AsyncClient
    chance: random.Random
    base: datetime
    meeting_id: str = ""
    acknowledged: list[MeetingInput] = field(default_factory=list)
    programs: dict[int, str] = field(default_factory=dict)

    @property
    def slots(self) -> list[Slot]:
        return [self._slot(day) for day in (10, 11)]

    def _slot(self, day: int, hour: int = 0) -> Slot:
        start = self.base + timedelta(days=day, hours=hour)
        return Slot(start=start, end=start + _HOUR)

    def address(self, party: int) -> str:
        return f"party{party}-{self.number}@example.org"

    async def play(self) -> None:
        """Ask for the meeting and do a few things in it, one after the other."""
        await self._request()
        mailable = [name for name, client in CLIENTS.items() if client.can_propose]
        self.programs = {party: self.chance.choice(mailable) for party in (1, 2)}
        for _ in range(self.chance.randint(2, 6)):
            if self.chance.random() < 0.08:
                await self._command(self.chance.choice(_OWNER_DEEDS))
            else:
                await self._answer(self.chance.choice([1, 2]), self.chance.choice(_DEEDS))

    async def _request(self) -> None:
        body = {
            "title": f"Meeting {self.number}",
            "parties": [
                {"name": f"Party {n}", "address": self.address(n), "zone": "Europe/Lisbon"}
                for n in (1, 2)
            ],
            "slots": [slot.model_dump(mode="json") for slot in self.slots],
        }
        answer = await self._post("/meetings", body, key=f"request-{self.number}")
        self.meeting_id = str(answer["_links"]["related"]["href"]).rpartition("/")[2]

    async def _command(self, deed: str) -> None:
        path, key = f"/meetings/{self.meeting_id}/{deed}", f"{deed}-{len(self.acknowledged)}"
        said: MeetingInput = Cancellation()
        body: dict[str, Any] = {}
        if deed == "reschedule":
            slots = (self._slot(self.chance.randint(12, 20)),)
            said, body = Reschedule(slots=slots), {"slots": [slots[0].model_dump(mode="json")]}
        if await self._post(path, body, key=f"{self.number}-{key}", may_refuse=True):
            self.acknowledged.append(said)

    async def _post(
        self, path: str, body: dict[str, Any], *, key: str, may_refuse: bool = False
    ) -> dict[str, Any]:
        """POST until it is answered; the key makes repetitions one. Empty when refused."""
        headers = {"Idempotency-Key": f'"{key}"'}
        while True:
            try:
                answer = await self.http.post(path, json=body, headers=headers)
            except httpx.HTTPError:
                await asyncio.sleep(_PAUSE)
                continue
            if answer.status_code == 202:
                document: dict[str, Any] = answer.json()
                return document
            if may_refuse and answer.status_code == 409:
                return {}
            if answer.status_code not in (409, 503):
                raise AssertionError(f"{path}: {answer.status_code} {answer.text}")
            await asyncio.sleep(_PAUSE)

    async def _answer(self, party: int, deed: str) -> None:
        """Answer the newest invitation in the mailbox, or with `stale` the first one."""
        invitations = await self._invitations(party)
        if not invitations:
            return
        about = invitations[0] if deed == "stale" else invitations[-1]
        now = datetime.now(UTC).replace(microsecond=0)
        raw, said = self._compose(party, deed, about, now)
        await self._submit(party, about, raw)
        self.acknowledged.append(said)
        # Clocks of calendars tick in seconds; two answers of one second could be one.
        await asyncio.sleep(1.01)

    def _compose(
        self, party: int, deed: str, about: Invitation, now: datetime
    ) -> tuple[bytes, Answer]:
        client = CLIENTS[self.programs[party]]
        who = (about, self.address(party), f"Party {party}")
        seen = {"party": party, "sequence": about.sequence, "dtstamp": now}
        if deed == "propose":
            slot = self._slot(self.chance.randint(12, 30), self.chance.randint(0, 8))
            partstat = self.chance.choice(["TENTATIVE", "DECLINED"])
            raw = client.propose(*who, slot.start, slot.end, now, partstat=partstat)
            time = ProposedTime(start=slot.start, end=slot.end)
            return raw, Answer(proposal=time, partstat=Partstat(partstat), **seen)
        word = {"decline": "DECLINED", "tentative": "TENTATIVE"}.get(deed, "ACCEPTED")
        return client.answer(*who, word, now), Answer(partstat=Partstat(word), **seen)

    async def _submit(self, party: int, about: Invitation, raw: bytes) -> None:
        """Send until the 250 was read; the same bytes again are the same mail."""
        port = self.installation.intake_port
        while True:
            try:
                await submit(raw, self.address(party), about.organizer, "127.0.0.1", port)
            except NotAccepted as refusal:
                if refusal.reply_code is not None and refusal.reply_code >= 500:
                    raise
                await asyncio.sleep(_PAUSE)
            else:
                return

    async def _invitations(self, party: int) -> list[Invitation]:
        """The REQUESTs that this party has, oldest first; waits for the first one. None come to
        a party whose invitation never left, and of which nobody can know."""
        while True:
            try:
                mails = self.installation.query(
                    "catcher.db",
                    "SELECT raw FROM mails WHERE recipient = ? ORDER BY id",
                    self.address(party),
                )
            except sqlite3.OperationalError:
                mails = []
            found = [each for (raw,) in mails if (each := _request_in(raw)) is not None]
            if found or self._is_in_doubt(party):
                return found
            await asyncio.sleep(_PAUSE)

    def _is_in_doubt(self, party: int) -> bool:
        try:
            [(uncertain,)] = self.installation.query(
                "parley.db",
                "SELECT count(*) FROM outbox WHERE recipient = ? AND state = 'uncertain'",
                self.address(party),
            )
        except sqlite3.OperationalError:
            return False
        return bool(uncertain)

    def model(self) -> tuple[MeetingState, list[str]]:
        """The state and the event types that the pure rules lead to."""
        state = begin(MeetingRequested(terms=Terms(slots=tuple(self.slots))))
        now, types = datetime.now(UTC), ["MeetingRequested"]
        for number, body in enumerate([Opening(), *self.acknowledged], start=1):
            taken = TakenInput(id=number, received_at=now, body=body)
            decision = decide(state, taken, now)
            state = decision.state
            types += [event.type for event in decision.events]
        return state, types


def _request_in(raw: bytes) -> Invitation | None:
    try:
        invitation = read_invitation(raw)
    except NoInvitation:
        return None
    return invitation if invitation.method == "REQUEST" else None
