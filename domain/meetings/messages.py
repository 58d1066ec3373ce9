"""What may be said to a meeting: its inputs, as the saga takes them.

Inputs carry roles, times and states, never names, addresses or words: those stay in the
database, under the input's id.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from domain.meetings.model import OWNER, Partstat
from domain.postage import MailWish
from domain.values import Frozen, Instant, Slot

WORKFLOW = "Meeting"
"""The workflow type, frozen: histories name it."""


def stream_of(meeting_id: str) -> str:
    """The journal stream of a meeting, which is also the id of its workflow."""
    return f"meeting/{meeting_id}"


class MeetingRef(Frozen):
    """All that a saga is started with; the rest is in its journal."""

    meeting_id: str


class ProposedTime(Frozen):
    """A proposed time; without `end` it keeps the length of the slot it replaces."""

    start: Instant
    end: Instant | None = None


class Via(StrEnum):
    MAIL = "mail"
    PAGE = "page"


class Opening(Frozen):
    """The meeting was asked for; invite its parties."""

    kind: Literal["opening"] = "opening"


class Answer(Frozen):
    """A party's answer, a proposed time, or both.

    `sequence` is the revision the party saw, None when its client left it out; then
    `seen_start` (the DTSTART it echoed) helps to tell. `dtstamp` is the client's own clock and
    None on pages. `aligned` is False when the answer named an address we do not know for this
    party, `other_party` when it named the other party's. `foreign` says that it is about another
    event than the party's copy, or about one instance of a series; `seen_end` goes with
    `seen_start`.
    """

    kind: Literal["answer"] = "answer"
    party: int = Field(ge=1)
    partstat: Partstat | None = None
    proposal: ProposedTime | None = None
    sequence: int | None = None
    seen_start: Instant | None = None
    dtstamp: Instant | None = None
    via: Via = Via.MAIL
    aligned: bool = True
    other_party: bool = False
    foreign: bool = False
    seen_end: Instant | None = None

    def key(self) -> str:
        """Equal for copies of one answer, whatever mail they came in
        (calendar-mail B8: revision, DTSTAMP, PARTSTAT and proposed time)."""
        start, end = ("", "") if self.proposal is None else _times(self.proposal)
        stamp = self.dtstamp.isoformat() if self.dtstamp else ""
        return f"{self.sequence}|{stamp}|{self.partstat or ''}|{start}|{end}"


def _times(proposal: ProposedTime) -> tuple[str, str]:
    def text(instant: datetime | None) -> str:
        return instant.isoformat() if instant else ""

    return text(proposal.start), text(proposal.end)


class ProposalAnswer(Frozen):
    """A party's yes or no, given on its page, to a time proposed after confirmation."""

    kind: Literal["proposal-answer"] = "proposal-answer"
    party: int = Field(ge=1)
    proposal: int
    accepts: bool


class Refresh(Frozen):
    """A party's client asks for the current state of the event (RFC 5546 §3.2.6)."""

    kind: Literal["refresh"] = "refresh"
    party: int = Field(ge=1)


class Cancellation(Frozen):
    """The owner (0) or a party calls the meeting off; `sequence` is the revision that a party's
    mail was about, None on pages and where it was left out."""

    kind: Literal["cancellation"] = "cancellation"
    party: int = OWNER
    sequence: int | None = None


class Reschedule(Frozen):
    """The owner replaces the offered slots."""

    kind: Literal["reschedule"] = "reschedule"
    slots: tuple[Slot, ...] = Field(min_length=1, max_length=20)


class Remark(Frozen):
    """Mail from a party that changes nothing by itself, but the owner should know of.

    `verdict` is the verdict of the mail: note, automatic, bounce, complaint, delegation, ignored
    or unreadable.
    """

    kind: Literal["remark"] = "remark"
    party: int = Field(ge=1)
    verdict: str


class Undelivered(Frozen):
    """A mail to a party failed for good; `letter` is its kind. Not `certain`: the connection broke
    after the final dot, and nobody can know whether it arrived (RFC 1047). `reason` is a stable
    word: a `Cause` of a bounce, suppressed or expired; '' where nobody said why."""

    kind: Literal["undelivered"] = "undelivered"
    party: int = Field(ge=1)
    letter: str
    certain: bool = True
    reason: str = ""


class AddressCorrection(Frozen):
    """The owner says that a party is to be written to elsewhere. The address itself is among the
    words of the input."""

    kind: Literal["address-correction"] = "address-correction"
    party: int = Field(ge=1)


class MailPreference(Frozen):
    """A party said which mail it wants; it is obeyed already when the saga hears of it."""

    kind: Literal["mail-preference"] = "mail-preference"
    party: int = Field(ge=1)
    wish: MailWish


class Unintelligible(Frozen):
    """Something accepted that this release cannot read, as another one may have written it.
    Its row keeps the words."""

    kind: Literal["unintelligible"] = "unintelligible"


MeetingInput = Annotated[
    Opening
    | Answer
    | ProposalAnswer
    | Refresh
    | Cancellation
    | Reschedule
    | Remark
    | Undelivered
    | AddressCorrection
    | MailPreference
    | Unintelligible,
    Field(discriminator="kind"),
]
_INPUT: TypeAdapter[MeetingInput] = TypeAdapter(MeetingInput)


def read_input(body: object) -> MeetingInput:
    """The input that a kept `body` is. One that no longer fits must not hold back those behind
    it, and is `Unintelligible`."""
    try:
        return _INPUT.validate_python(body)
    except ValidationError:
        return Unintelligible()


class TakenInput(Frozen):
    """An input as the saga takes it: its row, when it was accepted, and what it says."""

    id: int
    received_at: Instant
    body: MeetingInput


class Effect(StrEnum):
    """What came of an input; recorded beside it and shown to whoever asks."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"  # said before; nothing changed
    SUPERSEDED = "superseded"  # older than an answer already taken (RFC 5546 §2.1.5)
    STALE = "stale"  # about an older revision; answered with the current one
    SET_ASIDE = "set-aside"  # kept and shown to the owner, not applied
    REFUSED = "refused"  # understood, but not possible now


class InputOutcome(Frozen):
    """The effect of one input and a sentence that explains it."""

    input_id: int
    effect: Effect
    code: str
    detail: str
