"""What sagas need of the world, as capabilities. Adapters fit by shape and never import this."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from domain.inbox.model import Reading
from domain.meetings.card import MeetingCard
from domain.meetings.events import MeetingEvent
from domain.meetings.letters import Letter
from domain.meetings.messages import InputOutcome, TakenInput
from domain.meetings.model import MeetingState
from domain.outbox.messages import Progress
from domain.outbox.model import Draft
from domain.values import Instant


class MeetingStore(Protocol):
    """A meeting's facts: its journal, its inputs, and what follows from them, in one place."""

    async def load(self, meeting_id: str) -> MeetingState:
        """The state folded from the journal. Raises `NotFound`."""
        ...

    async def card(self, meeting_id: str, corrected: Mapping[int, int] = ...) -> MeetingCard:
        """Names, addresses and zones; of `corrected` parties as they will be once the correction
        asked for by the input with that id is recorded. Raises `NotFound`."""
        ...

    async def take_inputs(self, meeting_id: str, limit: int) -> list[TakenInput]:
        """Inputs without an outcome, in row order, up to the first one still unread."""
        ...

    async def unread_since(self, meeting_id: str) -> Instant | None:
        """When the oldest mail that is still unread was accepted."""
        ...

    async def record(
        self,
        meeting_id: str,
        expected_version: int,
        events: Sequence[MeetingEvent],
        outcomes: Sequence[InputOutcome],
        drafts: Sequence[Draft],
        at: Instant,
    ) -> None:
        """Append events after `expected_version`, update views and commands, record outcomes,
        enqueue drafts and webhook deliveries, all in one transaction. A party whose address
        was corrected is written to there from then on, under new tokens.

        A second call with the same arguments changes nothing. Raises `StreamMoved` when the
        stream holds other events after `expected_version`.
        """
        ...


class LetterWriter(Protocol):
    """Turns a decided letter into the bytes of a mail."""

    def compose(self, letter: Letter, card: MeetingCard) -> Draft:
        """The finished mail; equal arguments give equal bytes."""
        ...


class MailReader(Protocol):
    """Reads mail where it can do no harm."""

    async def read(self, raw: bytes) -> Reading:
        """What `raw` says; never raises for anything the bytes may hold. Raises `Unavailable`
        when nothing can be read now: then it says nothing about the mail."""
        ...


class Dispatcher(Protocol):
    """Sends due messages until it is stopped."""

    async def run(self) -> None:
        """Returns only when stopped. Cancelling it cuts conversations off."""
        ...

    def stop(self, patience: float) -> None:
        """Ask `run` to return: nothing new is begun, conversations get `patience` seconds."""
        ...

    def progress(self) -> Progress:
        """What it has done so far."""
        ...


class Dispatchers(Protocol):
    """Makes dispatchers for this process."""

    async def engage(self) -> Dispatcher:
        """A new one, not yet running. Any number may run at once, here and elsewhere: the
        database decides which of them sends what."""
        ...
