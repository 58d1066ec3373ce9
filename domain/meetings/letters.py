"""Which mails follow from a decision. Pure: what happened in, letters out; nobody is named."""

from enum import StrEnum

from domain.meetings.model import OWNER, Partstat
from domain.values import Frozen, Instant, Slot


class LetterKind(StrEnum):
    """The kinds of mail a meeting sends; part of the permanent business key of each message."""

    INVITATION = "meeting.invitation"  # REQUEST, the first
    RESCHEDULE = "meeting.reschedule"  # REQUEST, SEQUENCE raised, another time
    CONFIRMATION = "meeting.confirmation"  # REQUEST, everybody accepted
    CURRENT = "meeting.current"  # REQUEST once more, SEQUENCE unchanged
    CANCELLATION = "meeting.cancellation"  # CANCEL
    PROPOSAL_DECLINED = "meeting.proposal-declined"  # DECLINECOUNTER and words
    PROPOSAL_WITHDRAWN = "meeting.proposal-withdrawn"  # words: what was asked is no longer open
    PROPOSAL_QUESTION = "meeting.proposal-question"  # words and page links, no calendar object
    ANSWER_REMINDER = "meeting.answer-reminder"  # words and page links
    PROPOSAL_REMINDER = "meeting.proposal-reminder"  # words and page links
    MEETING_REMINDER = "meeting.meeting-reminder"  # words and page link
    NOTICE = "meeting.notice"  # somebody answered for you from an address we do not know


CORRECTED = "corrected"
"""The reason of what a party is sent because its address was corrected."""


class Letter(Frozen):
    """One mail to one party, decided but not yet written.

    `occasion` is the journal version of the decision that caused it, `at` its instant: Date and
    DTSTAMP are that, on every attempt. `sequence` and `slot` are what the calendar object
    carries (for DECLINECOUNTER: the echoed SEQUENCE and the refused time). `partstats` are the
    parties' answers in order of their numbers. `reason` says why in a stable word: an `Offer`,
    the reason of a `ProposalRefused` or of a `MeetingEnded`, or `CORRECTED`. `by` is the party
    whose deed it was (0: owner, rules or time); `proposed` is the time asked about by a question.
    """

    kind: LetterKind
    party: int
    occasion: int
    at: Instant
    sequence: int
    slot: Slot | None
    partstats: tuple[Partstat, ...]
    reason: str = ""
    by: int = OWNER
    answer_by: Instant | None = None
    proposed: Slot | None = None
    partstat: Partstat | None = None  # of a NOTICE: the answer that was given
