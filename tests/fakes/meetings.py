"""A meeting's facts kept in memory, by the promises of `activities.ports`."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

from domain.errors import NotFound, StreamMoved
from domain.journal import JournalEvent
from domain.meetings.card import MeetingCard, PartyCard
from domain.meetings.events import AddressCorrected, MeetingEvent, MeetingRequested, to_journal
from domain.meetings.letters import Letter
from domain.meetings.messages import InputOutcome, MeetingInput, Opening, TakenInput
from domain.meetings.model import MeetingState, Terms
from domain.meetings.rules import fold
from domain.outbox.model import Draft


class FakeMeetingStore:
    """One meeting. `fail_next` names the calls that fail once before they work, `lose_next`
    those that work but whose answer is lost, as a dying process does both."""

    def __init__(self, terms: Terms) -> None:
        self.journal: list[JournalEvent] = []
        self.inputs: list[TakenInput] = []
        self.outcomes: dict[int, InputOutcome] = {}
        self.drafts: dict[tuple[str, str, str, str], Draft] = {}
        self.fail_next: list[str] = []
        self.lose_next: list[str] = []
        self.unread: set[int] = set()
        self.moved: dict[int, int] = {}  # parties with another address, by the input that said so
        self._decided: defaultdict[int, asyncio.Event] = defaultdict(asyncio.Event)
        self._append([MeetingRequested(terms=terms)], datetime.now(UTC))
        self.accept(Opening())

    def accept(self, body: MeetingInput) -> int:
        """An input row, as the API or the inbox would write it."""
        row = TakenInput(id=len(self.inputs) + 1, received_at=datetime.now(UTC), body=body)
        self.inputs.append(row)
        return row.id

    async def outcome_of(self, row: int) -> InputOutcome:
        """The outcome of an input, as soon as there is one; 20 seconds at most."""
        async with asyncio.timeout(20):
            await self._decided[row].wait()
        return self.outcomes[row]

    def append(self, events: Sequence[MeetingEvent]) -> None:
        """Facts that another run of the saga has appended."""
        self._append(events, datetime.now(UTC))

    async def load(self, meeting_id: str) -> MeetingState:
        self._may_fail("load")
        if not self.journal:
            raise NotFound("There is no such meeting.")
        return fold(self.journal)

    async def card(
        self, meeting_id: str, corrected: Mapping[int, int] = MappingProxyType({})
    ) -> MeetingCard:
        return card(meeting_id, {**self.moved, **corrected})

    async def take_inputs(self, meeting_id: str, limit: int) -> list[TakenInput]:
        self._may_fail("take_inputs")
        waiting = [row for row in self.inputs if row.id not in self.outcomes]
        unread = min(
            (row.id for row in waiting if row.id in self.unread), default=len(self.inputs) + 1
        )
        return [row for row in waiting if row.id < unread][:limit]

    async def unread_since(self, meeting_id: str) -> datetime | None:
        waiting = [row.received_at for row in self.inputs if row.id in self.unread]
        return min(waiting, default=None)

    async def record(
        self,
        meeting_id: str,
        expected_version: int,
        events: Sequence[MeetingEvent],
        outcomes: Sequence[InputOutcome],
        drafts: Sequence[Draft],
        at: datetime,
    ) -> None:
        self._may_fail("record")
        written = [to_journal(event) for event in events]
        stored = self.journal[expected_version:]
        if [(entry.type, entry.data) for entry in stored] != [(n.type, n.data) for n in written]:
            if stored:
                raise StreamMoved("meeting/m", expected_version, len(self.journal))
            self._append(events, at)
            self.moved |= {e.party: e.input for e in events if isinstance(e, AddressCorrected)}
        for outcome in outcomes:
            self.outcomes[outcome.input_id] = outcome
            self._decided[outcome.input_id].set()
        for draft in drafts:
            key = (draft.kind, draft.subject, draft.occasion, draft.recipient)
            self.drafts.setdefault(key, draft)
        if "record" in self.lose_next:
            self.lose_next.remove("record")
            raise ConnectionError("the answer was lost")

    def _append(self, events: Sequence[MeetingEvent], at: datetime) -> None:
        for event in events:
            new = to_journal(event)
            version = len(self.journal) + 1
            self.journal.append(
                JournalEvent(
                    position=version,
                    owner="main",
                    stream="meeting/m",
                    version=version,
                    type=new.type,
                    data=new.data,
                    at=at,
                )
            )

    def _may_fail(self, call: str) -> None:
        if call in self.fail_next:
            self.fail_next.remove(call)
            raise ConnectionError(f"{call} failed")

    def types(self) -> list[str]:
        return [entry.type for entry in self.journal]

    def sent(self) -> list[tuple[str, str]]:
        """Kind and recipient of every mail, in order."""
        return [
            (draft.kind.removeprefix("meeting."), draft.recipient) for draft in self.drafts.values()
        ]


class FakeLetterWriter:
    """Writes the letter's own fields as the mail."""

    def compose(self, letter: Letter, card: MeetingCard) -> Draft:
        party = card.party(letter.party)
        return Draft(
            kind=letter.kind,
            subject=f"meeting/{card.meeting_id}",
            occasion=str(letter.occasion),
            recipient=party.address,
            party=letter.party,
            mail_from=party.bounce_address,
            message_id=f"<{letter.kind}.{letter.occasion}.{letter.party}@example.org>",
            raw=letter.model_dump_json().encode(),
        )


def card(meeting_id: str, moved: Mapping[int, int]) -> MeetingCard:
    """Ada in Lisbon and Bela in Budapest; at another address since the input that moved them."""
    ada = f"ada-{moved[1]}@example.org" if 1 in moved else "ada@example.org"
    bela = f"bela-{moved[2]}@example.com" if 2 in moved else "bela@example.com"
    return MeetingCard(
        meeting_id=meeting_id,
        owner="main",
        title="A first talk",
        description="",
        location="",
        organizer="Parley",
        parties=(
            _party(1, "Ada", ada, "Europe/Lisbon"),
            _party(2, "Bela", bela, "Europe/Budapest"),
        ),
    )


def _party(number: int, name: str, address: str, zone: str) -> PartyCard:
    token = str(number) * 26
    return PartyCard(
        number=number,
        name=name,
        address=address,
        zone=zone,
        uid=f"uid-{number}",
        reply_address=f"r+{token}@parley.example.net",
        bounce_address=f"b+{token}@parley.example.net",
        alias_address=f"a+{token}@parley.example.net",
        page_url=f"https://parley.example.net/p/{token}",
    )
