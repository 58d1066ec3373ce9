"""A meeting played against the pure rules: say what happens, look at what follows."""

from datetime import UTC, datetime, timedelta

from domain.meetings.events import MeetingEvent, MeetingRequested
from domain.meetings.letters import Letter
from domain.meetings.messages import (
    Answer,
    InputOutcome,
    MeetingInput,
    Opening,
    ProposedTime,
    TakenInput,
    Via,
)
from domain.meetings.model import MeetingState, Partstat, Terms
from domain.meetings.rules import begin, decide, pass_time
from domain.values import Slot

START = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def slot(day: int, hour: int = 9, *, length: timedelta = HOUR) -> Slot:
    """A slot `day` days after the story begins, at `hour` o'clock UTC."""
    start = datetime(2027, 3, 1, hour, tzinfo=UTC) + day * DAY
    return Slot(start=start, end=start + length)


FIRST, SECOND, OTHER = slot(10), slot(11), slot(12, 14)


class Story:
    """Keeps the state and the clock; every step returns the letters it sent."""

    def __init__(self, *slots: Slot, **terms: object) -> None:
        offered = slots or (FIRST, SECOND)
        self.now = START
        asked = MeetingRequested(terms=Terms.model_validate({"slots": offered, **terms}))
        self.state: MeetingState = begin(asked)
        self.events: list[MeetingEvent] = []
        self.letters: list[Letter] = []
        self.outcome: InputOutcome | None = None
        self._inputs = 0

    def say(self, body: MeetingInput, received_at: datetime | None = None) -> list[Letter]:
        self._inputs += 1
        taken = TakenInput(id=self._inputs, received_at=received_at or self.now, body=body)
        decision = decide(self.state, taken, self.now)
        self.state, self.outcome = decision.state, decision.outcome
        self.events = list(decision.events)
        self.letters += decision.letters
        return list(decision.letters)

    def open(self) -> list[Letter]:
        return self.say(Opening())

    def answer(
        self,
        party: int,
        partstat: str | None = None,
        *,
        proposes: Slot | None = None,
        **more: object,
    ) -> list[Letter]:
        """An answer by mail to the current revision, a minute after whatever came before."""
        self.now += timedelta(minutes=1)
        fields: dict[str, object] = {
            "party": party,
            "partstat": partstat and Partstat(partstat),
            "proposal": proposes and ProposedTime(start=proposes.start, end=proposes.end),
            "sequence": self.state.sequence,
            "dtstamp": self.now,
            "via": Via.MAIL,
            **more,
        }
        return self.say(Answer.model_validate(fields))

    def wait(self, length: timedelta) -> list[Letter]:
        self.now += length
        decision = pass_time(self.state, self.now, self.now)
        self.state = decision.state
        self.events = list(decision.events)
        self.letters += decision.letters
        return list(decision.letters)

    def confirmed(self) -> "Story":
        """The first slot, accepted by both."""
        self.open()
        self.answer(1, "ACCEPTED")
        self.answer(2, "ACCEPTED")
        return self


def kinds(letters: list[Letter]) -> list[tuple[int, str]]:
    """Who was sent what, in short."""
    return [(letter.party, letter.kind.value.removeprefix("meeting.")) for letter in letters]
