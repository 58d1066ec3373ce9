"""A party's own page: what it is made of, and what is done on it."""

from collections.abc import Mapping

from domain.journal import JournalEvent
from domain.meetings.card import MeetingCard
from domain.meetings.messages import Effect, MeetingInput
from domain.values import Frozen, Instant

CLICKS_PER_DAY = 100
"""What a party may choose on its page within 24 hours: each choice is kept and may send mail."""


class Click(Frozen):
    """Something a party did on its page. `effect`, `code` and `detail` are None until the saga
    has recorded what came of it. `body` is the input, `comment` what the party wrote with it."""

    id: int
    received_at: Instant
    body: MeetingInput
    comment: str | None = None
    effect: Effect | None = None
    code: str = ""
    detail: str = ""


class PartyPage(Frozen):
    """All that a party's page is made of: its meeting from first fact to last, on one snapshot.

    `clicks` are the party's own, newest first, 20 at most. `words` are what this party wrote,
    by input id; the words of others are not here.
    """

    stream: str
    party: int
    card: MeetingCard
    events: tuple[JournalEvent, ...]
    clicks: tuple[Click, ...] = ()
    words: Mapping[int, str] = {}


class Saying(Frozen):
    """A click on its way to the saga. `key` makes it one input however often it is sent. `mark`
    tells the mail whose link led to the page, if one did."""

    stream: str
    party: int
    key: str
    body: MeetingInput
    comment: str
    at: Instant
    mark: str = ""


class Noted(Frozen):
    """A click as it was accepted: its input's id, whether it is new, and, when it is not,
    whether the first one said the same."""

    id: int
    is_new: bool
    is_same: bool
