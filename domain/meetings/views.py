"""Meetings as their owner sees them: the rows that are kept in step with the journal."""

from typing import Any

from pydantic import Field

from domain.journal import JournalEvent
from domain.meetings.model import Partstat, Status, Terms
from domain.values import Frozen, Instant, Slot


class PartyView(Frozen):
    """One party with its answer to the current revision. `unreachable`: mail to its address could
    not be delivered, and it has said nothing since."""

    number: int
    name: str
    address: str
    zone: str
    shows_address: bool = False
    person_id: str | None = None
    partstat: Partstat = Partstat.NEEDS_ACTION
    answered_at: Instant | None = None
    unreachable: bool = False


class MeetingView(Frozen):
    """A meeting as it stands at journal version `version`.

    `sequence` is -1 and the times are None until the first invitation; then `starts_at` and
    `ends_at` are the time in every calendar. `answer_by` is None when nobody owes an answer.
    """

    id: str
    owner: str
    title: str
    description: str
    location: str
    organizer: str
    terms: Terms
    status: Status
    sequence: int
    starts_at: Instant | None
    ends_at: Instant | None
    answer_by: Instant | None
    version: int
    created_at: Instant
    updated_at: Instant
    parties: tuple[PartyView, ...]

    @property
    def slot(self) -> Slot | None:
        if self.starts_at is None or self.ends_at is None:
            return None
        return Slot(start=self.starts_at, end=self.ends_at)


class PageMark(Frozen):
    """Where a page of meetings ended: the next one starts with older meetings."""

    created_at: Instant
    id: str


class MeetingFilter(Frozen):
    """Which meetings to list, newest first. Ranges include their start and exclude their end.

    `address` finds a party's address whatever its case, `text` a part of title, location or a
    party's name.
    """

    owner: str
    statuses: tuple[Status, ...] = ()
    address: str | None = None
    text: str | None = None
    created_from: Instant | None = None
    created_before: Instant | None = None
    starts_from: Instant | None = None
    starts_before: Instant | None = None
    after: PageMark | None = None
    limit: int = Field(default=20, ge=1, le=200)


class MessageView(Frozen):
    """One mail of a meeting on its way out: what it is, and what is known of it."""

    id: int
    kind: str
    occasion: str
    party: int | None
    recipient: str
    message_id: str
    state: str
    attempts: int
    created_at: Instant
    next_at: Instant | None = None
    sent_at: Instant | None = None
    last_reply: str | None = None


class MailView(Frozen):
    """One mail that came in for a meeting: its verdict, and what came of it.

    `reading` is None while it is unread. `effect`, `code` and `detail` are the outcome of the
    input it became.
    """

    id: int
    party: int
    received_at: Instant
    read_at: Instant | None = None
    copies: int = 1
    verdict: str | None = None
    reading: dict[str, Any] | None = None
    effect: str | None = None
    code: str | None = None
    detail: str | None = None


class InputView(Frozen):
    """One input with what came of it: `taken_at`, `effect`, `code` and `detail` are None until
    the saga has decided it. `body` is None while its mail is unread; `words` are personal."""

    id: int
    stream: str
    key: str
    body: dict[str, Any] | None
    words: dict[str, Any] | None = None
    command_id: str | None = None
    inbox_id: int | None = None
    received_at: Instant
    poked_at: Instant | None = None
    taken_at: Instant | None = None
    effect: str | None = None
    code: str | None = None
    detail: str | None = None


class TimelineEvent(Frozen):
    """A journal event of a meeting with what its sender wrote, if anything."""

    event: JournalEvent
    words: dict[str, Any] | None = None
