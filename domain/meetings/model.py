"""What a meeting is: its terms, its parties, and where the negotiation stands.

Nothing here names a person. Parties are numbers, 1 and up; 0 stands for the owner.
"""

from datetime import timedelta
from enum import StrEnum

from pydantic import Field

from domain.values import Frozen, Instant, Slot

OWNER = 0
"""The number that stands for the owner wherever a party's number may stand."""


class Partstat(StrEnum):
    """A party's answer, in the words of RFC 5545 §3.2.12."""

    NEEDS_ACTION = "NEEDS-ACTION"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    TENTATIVE = "TENTATIVE"
    DELEGATED = "DELEGATED"


class Status(StrEnum):
    """Where a meeting stands. The last four are endings."""

    REQUESTED = "requested"  # asked for; nobody has been invited yet
    NEGOTIATING = "negotiating"  # a time is on the table
    CONFIRMED = "confirmed"  # every party accepted the time in their calendars
    DECLINED = "declined"  # no time suited everybody
    EXPIRED = "expired"  # somebody never answered
    CANCELLED = "cancelled"  # the owner or a party called it off
    OVER = "over"  # it was confirmed, and its time has passed

    @property
    def is_ended(self) -> bool:
        return self in ENDINGS


ENDINGS = frozenset({Status.DECLINED, Status.EXPIRED, Status.CANCELLED, Status.OVER})


class Terms(Frozen):
    """What the owner asked for. Lengths of time count from the moment of each question."""

    parties: int = Field(default=2, ge=2, le=10)
    slots: tuple[Slot, ...] = Field(min_length=1, max_length=20)
    answer_for: timedelta = timedelta(days=7)
    remind_after: tuple[timedelta, ...] = (timedelta(days=2), timedelta(days=5))
    remind_before: timedelta | None = timedelta(hours=24)
    max_rounds: int = Field(default=6, ge=0, le=50)


class Offer(StrEnum):
    """Why a time is on the table."""

    FIRST = "first"  # the owner's first slot
    NEXT = "next"  # the owner's next slot, after one was declined
    COUNTER = "counter"  # a party proposed it
    RESTORED = "restored"  # the owner's slot again, after a proposal was refused
    RESCHEDULED = "rescheduled"  # the owner moved the meeting
    AGREED = "agreed"  # a proposal made after confirmation, accepted by the others


class PartyState(Frozen):
    """One party's answer to the current revision.

    `answered_at` orders the party's answers by mail (RFC 5546 §2.1.5): the DTSTAMP of the last one
    applied, or somewhat before a click on the page. `seen` are the keys of answers taken.
    `resent`, `refreshed` and `refused` count what the party was sent at this revision because it
    answered an older one, because its client asked, and because the rules refused a proposal.
    `unreachable`: a mail to it failed for good, and it has said nothing since.
    """

    number: int
    partstat: Partstat = Partstat.NEEDS_ACTION
    answered_at: Instant | None = None
    seen: tuple[str, ...] = ()
    resent: int = 0
    refreshed: int = 0
    refused: int = 0
    unreachable: bool = False


class Revision(Frozen):
    """One state of the event as it was mailed: RFC 5545 SEQUENCE and the time it carried."""

    sequence: int
    slot: Slot


class Proposal(Frozen):
    """A new time proposed after confirmation, waiting for the others' agreement.

    `version` is the journal version that recorded it and names it on pages and forms.
    """

    party: int
    slot: Slot
    version: int
    asked_at: Instant
    answer_by: Instant
    accepted_by: tuple[int, ...] = ()


class MeetingState(Frozen):
    """Everything the rules need to know of a meeting, folded from its journal.

    `slot` is the time in every calendar at `sequence`; `origin` is who brought it (0: the
    owner). While a party's time is on the table, `standing` is the owner's slot it stands
    in for, with the parties that accepted or declined that one. `stamped_at` is the DTSTAMP of the
    last calendar object sent, in whole seconds.
    """

    terms: Terms
    status: Status = Status.REQUESTED
    version: int = 0
    sequence: int = -1
    slot: Slot | None = None
    offer: Offer | None = None
    origin: int = OWNER
    slot_index: int = -1
    standing: Slot | None = None
    standing_accepted: tuple[int, ...] = ()
    standing_declined: tuple[int, ...] = ()
    rounds: int = 0
    parties: tuple[PartyState, ...] = ()
    revisions: tuple[Revision, ...] = ()
    proposal: Proposal | None = None
    asked_at: Instant | None = None
    answer_by: Instant | None = None
    reminders_sent: int = 0
    meeting_reminder_sent: bool = False
    stamped_at: Instant | None = None

    def party(self, number: int) -> PartyState:
        return self.parties[number - 1]

    def others(self, number: int) -> tuple[int, ...]:
        """The numbers of every party but this one."""
        return tuple(party.number for party in self.parties if party.number != number)

    def decliner(self) -> int | None:
        """A party that declined the time in the calendars, if there is one."""
        numbers = (p.number for p in self.parties if p.partstat is Partstat.DECLINED)
        return next(numbers, None)

    def all_accepted(self) -> bool:
        return all(party.partstat is Partstat.ACCEPTED for party in self.parties)
