"""The course of one decision: facts happen one after the other, each changing the state that the
next rule sees."""

from datetime import datetime

from domain.meetings.events import MeetingEvent
from domain.meetings.evolution import evolve
from domain.meetings.model import MeetingState


class Course:
    """The state as it is being decided upon, and the facts decided so far.

    `now` is the instant of the decision (aware UTC); it stamps every fact of it.
    """

    def __init__(self, state: MeetingState, now: datetime) -> None:
        self.before = state
        self.state = state
        self.now = now
        self.events: list[MeetingEvent] = []

    def happen(self, event: MeetingEvent) -> None:
        """Add a fact and let it change the state."""
        self.state = evolve(self.state, event, self.state.version + 1, self.now)
        self.events.append(event)
