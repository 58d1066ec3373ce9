"""What a letter says: the words that depend on why it is sent and on who reads it."""

from collections.abc import Callable
from dataclasses import dataclass

from adapters.calendar_mail.writing import clean
from domain.meetings.card import MeetingCard, PartyCard
from domain.meetings.letters import Letter, LetterKind
from domain.meetings.model import OWNER, Partstat


@dataclass(frozen=True)
class Wording:
    """The sentences of one letter: a word for the subject, a headline, what happened, and what
    is asked of the reader ('' for nothing)."""

    label: str
    headline: str
    story: str
    ask: str = ""


@dataclass(frozen=True)
class Reader:
    """A letter as its reader sees it: who did it, who the others are, and who writes."""

    letter: Letter
    card: MeetingCard

    @property
    def party(self) -> PartyCard:
        return self.card.party(self.letter.party)

    @property
    def organizer(self) -> str:
        return clean.name(self.card.organizer) or "Parley"

    @property
    def others(self) -> str:
        """`Bea Stone`, or `Bea Stone, Carl and Dora`."""
        names = [shown_name(p) for p in self.card.parties if p.number != self.letter.party]
        if not names:
            return "nobody else"
        *most, last = names
        return f"{', '.join(most)} and {last}" if most else last

    @property
    def is_mine(self) -> bool:
        """Whether the deed told of is the reader's own."""
        return self.letter.by == self.letter.party

    @property
    def doer(self) -> str:
        if self.letter.by == OWNER:
            return self.organizer
        return "You" if self.is_mine else shown_name(self.card.party(self.letter.by))

    @property
    def partstat(self) -> Partstat:
        """The answer the reader stands with."""
        stands = self.letter.partstats[self.letter.party - 1 : self.letter.party]
        return stands[0] if stands else Partstat.NEEDS_ACTION

    @property
    def owes_an_answer(self) -> bool:
        return self.partstat is not Partstat.ACCEPTED


def shown_name(party: PartyCard) -> str:
    """How a party is called in front of the others: never by its address."""
    return clean.name(party.name) or f"participant {party.number}"


ANSWERS = {
    Partstat.NEEDS_ACTION: "no answer yet",
    Partstat.ACCEPTED: "accepted",
    Partstat.DECLINED: "declined",
    Partstat.TENTATIVE: "perhaps",
    Partstat.DELEGATED: "named somebody else",
}

_ASK = "Please say whether this time suits you, or propose another one."


def wording(reader: Reader) -> Wording:
    """The sentences for `reader`. Reasons it does not know get the plain sentence of the kind,
    so that a newer rule never keeps a mail from being sent."""
    return _KINDS[reader.letter.kind](reader)


def _invitation(reader: Reader) -> Wording:
    story = f"{reader.organizer} invites you to meet with {reader.others}."
    return Wording("Invitation", "You are invited to a meeting", story, _ASK)


def _reschedule(reader: Reader) -> Wording:
    ask = _ASK if reader.owes_an_answer else ""
    headline = "A new time for your meeting"
    return Wording("New time", headline, _new_time_story(reader), ask)


def _new_time_story(reader: Reader) -> str:
    if reader.letter.reason == "counter" and reader.is_mine:
        return (
            "This is the time you proposed. It stands as accepted by you; "
            f"now it is up to {reader.others}."
        )
    stories = {
        "next": "The time before did not suit everybody, so this is the next one on offer.",
        "counter": f"{reader.doer} proposes this time instead of the one before.",
        "restored": "The other time was not agreed, so this earlier one stands again.",
        "rescheduled": f"{reader.organizer} has moved the meeting to this time.",
        "agreed": "Everybody agreed to move the meeting to this time.",
    }
    return stories.get(reader.letter.reason, "The meeting has a new time.")


def _confirmation(reader: Reader) -> Wording:
    story = f"Everybody has accepted: you meet with {reader.others} at this time."
    if reader.letter.reason == "agreed":
        story = f"Everybody agreed to the new time: you meet with {reader.others} then."
    return Wording("Confirmed", "Your meeting is settled", story)


def _current(reader: Reader) -> Wording:
    story = "This is how the meeting stands now; it takes the place of every earlier version."
    ask = _ASK if reader.owes_an_answer else ""
    return Wording("Current time", "How your meeting stands", story, ask)


def _cancellation(reader: Reader) -> Wording:
    return Wording("Cancelled", "The meeting will not take place", _cancellation_story(reader))


def _cancellation_story(reader: Reader) -> str:
    stories = {
        "declined": "No time was found that suits everybody.",
        "silence": "Not everybody answered in time.",
        "past": "The times on offer have passed.",
        "owner": f"{reader.organizer} cancelled it.",
        "party": f"{reader.doer} cancelled it.",
    }
    return stories.get(reader.letter.reason, "It was cancelled.")


def _proposal_declined(reader: Reader) -> Wording:
    story = f"{_refusal(reader)} What stands now is in your calendar and on your page."
    return Wording("Proposal declined", "The time you proposed was not agreed", story)


def _refusal(reader: Reader) -> str:
    reasons = {
        "replaced": "Another proposal has taken its place.",
        "withdrawn": "You took it back.",
        "past": "It lies in the past.",
        "too-long": "It is longer than this meeting may be.",
        "too-short": "It is shorter than this meeting may be.",
        "too-far": "It lies too far ahead.",
        "begun": "The meeting has already begun.",
        "rounds": "This meeting has seen as many proposals as it allows.",
        "silence": "It was not answered in time.",
    }
    declined = "It does not suit everybody."
    if reader.letter.by != OWNER and not reader.is_mine:
        declined = f"It does not suit {reader.doer}."
    return reasons.get(reader.letter.reason, declined)


def _proposal_question(reader: Reader) -> Wording:
    story = (
        f"{reader.doer} would like to move your meeting to another time. "
        "Until everybody agrees, the agreed time stands."
    )
    ask = "Please say on your page whether the proposed time suits you."
    return Wording("Another time proposed", "Another time is proposed", story, ask)


def _proposal_withdrawn(reader: Reader) -> Wording:
    story = f"{reader.doer} no longer asks for another time. The agreed time stands."
    return Wording("Proposal withdrawn", "The agreed time stands", story)


def _answer_reminder(reader: Reader) -> Wording:
    story = f"You have not yet said whether this time with {reader.others} suits you."
    if reader.partstat is Partstat.TENTATIVE:
        story = f"You answered “perhaps” to this time with {reader.others}. Do you know by now?"
    return Wording("Reminder", "Your answer is awaited", story, _ASK)


def _proposal_reminder(reader: Reader) -> Wording:
    asked = _proposal_question(reader)
    return Wording("Reminder", "Your answer to a proposal is awaited", asked.story, asked.ask)


def _meeting_reminder(reader: Reader) -> Wording:
    return Wording("Reminder", "Your meeting is near", f"You meet with {reader.others}.")


def _notice(reader: Reader) -> Wording:
    deeds = {
        Partstat.ACCEPTED: "accepted this time",
        Partstat.DECLINED: "declined this time",
        Partstat.TENTATIVE: "answered “perhaps” to this time",
    }
    deed = deeds.get(reader.letter.partstat or Partstat.NEEDS_ACTION, "answered")
    if reader.letter.proposed is not None:
        deed = "proposed another time"
    story = f"A message from an address we do not know for you {deed} in your name. "
    came_of_it, ask = _NOTICES.get(reader.letter.reason, _NOTICES[""])
    return Wording("Please check", "Somebody answered for you", story + came_of_it, ask)


_OWN_ANSWER = "If it was not you, give your own answer on your page; it takes the other's place."
_NOTICES = {
    "": ("If it was you, there is nothing to do.", _OWN_ANSWER),
    "moved": (
        "The meeting has another time since, which another mail tells you. "
        "If it was you, there is nothing to do.",
        "If it was not you, propose the earlier time again on your page.",
    ),
    "unconfirmed": (
        "It would have ended the meeting, so it has not been counted.",
        "If it was you, please decline on your page. If not, give your own answer there.",
    ),
    "ended": (
        "The meeting has ended since. If it was not you, please write to the organizer.",
        "",
    ),
}
"""By what came of the answer: what to know, and what to do."""


_KINDS: dict[LetterKind, Callable[[Reader], Wording]] = {
    LetterKind.INVITATION: _invitation,
    LetterKind.RESCHEDULE: _reschedule,
    LetterKind.CONFIRMATION: _confirmation,
    LetterKind.CURRENT: _current,
    LetterKind.CANCELLATION: _cancellation,
    LetterKind.PROPOSAL_DECLINED: _proposal_declined,
    LetterKind.PROPOSAL_QUESTION: _proposal_question,
    LetterKind.PROPOSAL_WITHDRAWN: _proposal_withdrawn,
    LetterKind.ANSWER_REMINDER: _answer_reminder,
    LetterKind.PROPOSAL_REMINDER: _proposal_reminder,
    LetterKind.MEETING_REMINDER: _meeting_reminder,
    LetterKind.NOTICE: _notice,
}
