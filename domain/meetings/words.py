"""What happened to a meeting, in plain words; `standing` says where it stands.

Pure text for people, written the same on every page and in the API. `names` maps party numbers
to what a reader calls them (0: the owner); a reader is called "you". Sentences are in the past
tense so that "you" and a name fit alike. Times are written in the reader's zone, which is named.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from domain.journal import JournalEvent
from domain.meetings import events
from domain.meetings.civil import instant_words, slot_words
from domain.meetings.messages import Via
from domain.meetings.model import Offer, Partstat, Status
from domain.postage import MailWish
from domain.values import Instant, Slot


class Reader(NamedTuple):
    """Who reads: what they call each party, and the zone their times are written in."""

    names: Mapping[int, str]
    zone: str

    def who(self, number: int) -> str:
        fallback = f"party {number}" if number else "the owner"
        return self.names.get(number, fallback)

    def starting(self, number: int) -> str:
        """The name at the start of a sentence; people's own spelling is left alone."""
        name = self.who(number)
        ours = name == "you" or name.startswith(("party ", "the "))
        return name[0].upper() + name[1:] if ours else name

    def all_of(self, numbers: Sequence[int]) -> str:
        return listed([self.who(number) for number in numbers])

    def slot(self, slot: Slot) -> str:
        return slot_words(slot, self.zone)

    def instant(self, instant: Instant) -> str:
        return instant_words(instant, self.zone)


def listed(names: Sequence[str]) -> str:
    """`Ana`, `Ana and Ben`, `Ana, Ben and Cleo`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def sentence(event: JournalEvent, names: Mapping[int, str], zone: str) -> str:
    """What `event` says, as one or two sentences.

    An event this version does not know is still shown, by its type: a timeline has no holes.
    """
    try:
        fact = events.from_journal(event.type, event.data)
    except ValidationError:
        return f"Something was recorded that this version cannot read ({event.type})."
    return _TELL[type(fact)](fact, Reader(names, zone))


# One function for each fact of the journal.


def _requested(fact: events.MeetingRequested, reader: Reader) -> str:
    slots = [reader.slot(slot) for slot in fact.terms.slots]
    offered = slots[0] if len(slots) == 1 else f"{len(slots)} times: {'; '.join(slots)}"
    return f"{reader.starting(0)} asked for this meeting and offered {offered}."


def _offered(fact: events.SlotOffered, reader: Reader) -> str:
    text = _OFFER[fact.offer].format(
        when=reader.slot(fact.slot), who=reader.who(fact.origin), Who=reader.starting(fact.origin)
    )
    if all(partstat is Partstat.ACCEPTED for partstat in fact.partstats):
        return text
    return f"{text} An answer was asked for by {reader.instant(fact.answer_by)}."


_OFFER = {
    Offer.FIRST: "Everybody was invited to {when}.",
    Offer.NEXT: "The next offered time was tried: {when}.",
    Offer.COUNTER: "The time proposed by {who} was put to everybody: {when}.",
    Offer.RESTORED: "The earlier time was asked about again: {when}.",
    Offer.RESCHEDULED: "{Who} moved the meeting to {when}.",
    Offer.AGREED: "Everybody agreed to the time proposed by {who}; the calendars moved to {when}.",
}


def _answered(fact: events.AnswerRecorded, reader: Reader) -> str:
    way = "on the page" if fact.via is Via.PAGE else "by mail"
    text = f"{reader.starting(fact.party)} {_ANSWERED[fact.partstat]} {way}."
    return text if fact.aligned else f"{text} {_FOREIGN_SENDER}"


_ANSWERED = {
    Partstat.NEEDS_ACTION: "withdrew the answer",
    Partstat.ACCEPTED: "accepted",
    Partstat.DECLINED: "declined",
    Partstat.TENTATIVE: "answered “perhaps”",
    Partstat.DELEGATED: "passed the invitation on",
}

_FOREIGN_SENDER = "It came from an address not known for this person, who was told of it."


def _set_aside(fact: events.AnswerSetAside, reader: Reader) -> str:
    reason = _ASIDE.get(fact.reason, f"it was set aside ({fact.reason})")
    text = f"An answer came from {reader.who(fact.party)}, but {reason}."
    return f"{text} The current state was sent again." if fact.resend else text


_ASIDE = {
    "stale": "it was about an earlier time, so it does not count for the present one",
    "ahead": "it was about a state of the meeting that never existed, so it does not count",
    "superseded": "a newer one had already been taken",
    "ended": "the meeting had already ended",
    "other-party": "it was written in the name of somebody else, so it does not count",
    "foreign-event": "it was about another event than this meeting, so it does not count",
    "unconfirmed": "it came from an unknown address and would have ended the meeting, so the "
    "registered address was asked first",
    "no-answer": "it said neither yes nor no",
    "unchanged": "it proposed the time that stands already",
    "delegated": "it passed the invitation on to somebody else, which this meeting does not allow",
}


def _proposed(fact: events.ProposalMade, reader: Reader) -> str:
    and_declined = " and declined the present time" if fact.declined else ""
    text = f"{reader.starting(fact.party)} proposed {reader.slot(fact.slot)}{and_declined}."
    if fact.answer_by is not None:
        text += f" The others were asked to answer by {reader.instant(fact.answer_by)}."
    return text if fact.aligned else f"{text} {_FOREIGN_SENDER}"


def _agreed(fact: events.ProposalAccepted, reader: Reader) -> str:
    return f"{reader.starting(fact.party)} agreed to the proposed time."


def _refused(fact: events.ProposalRefused, reader: Reader) -> str:
    when = "" if fact.slot is None else f", {reader.slot(fact.slot)},"
    reason = _REFUSAL.get(fact.reason, f"was refused ({fact.reason})")
    by = reader.who(fact.by) if fact.by else "the rules"
    return f"The time proposed by {reader.who(fact.party)}{when} {reason.format(by=by)}."


_REFUSAL = {
    "declined": "was declined by {by}",
    "replaced": "was given up for another one",
    "withdrawn": "was withdrawn",
    "past": "was refused because it had already passed",
    "too-long": "was refused because it was too long",
    "too-short": "was refused because it was too short",
    "too-far": "was refused because it lies too far ahead",
    "begun": "was refused because the meeting had already begun",
    "rounds": "was refused because too many times had been proposed already",
    "silence": "came to nothing because nobody answered in time",
}


def _confirmed(fact: events.MeetingConfirmed, reader: Reader) -> str:
    return f"The meeting was confirmed for {reader.slot(fact.slot)}: everybody had accepted."


def _reminded(fact: events.ReminderSent, reader: Reader) -> str:
    about = _REMINDER.get(fact.about, "a reminder")
    return f"{about[0].upper()}{about[1:]} was sent to {reader.all_of(fact.parties)}."


_REMINDER = {
    "answer": "a reminder to answer",
    "proposal": "a reminder to answer the proposal",
    "meeting": "a reminder of the meeting",
}


def _resent(fact: events.CurrentStateResent, reader: Reader) -> str:
    return f"{reader.starting(fact.party)} asked for the current state and received it."


def _remarked(fact: events.RemarkReceived, reader: Reader) -> str:
    kind = _REMARK.get(fact.verdict, f"a mail ({fact.verdict})")
    return f"{kind[0].upper()}{kind[1:]} came from {reader.who(fact.party)}; it changed nothing."


_REMARK = {
    "note": "a message in words",
    "automatic": "an automatic reply",
    "bounce": "a delivery failure notice",
    "complaint": "a complaint that calls this mail unwanted",
    "delegation": "a mail that passes the invitation on",
    "ignored": "a calendar mail that means nothing here",
    "unreadable": "a mail that could not be read",
    "cancellation": "a wish to cancel",
    "answer": "an answer that does not count where it was sent",
    "proposal": "a proposal that does not count where it was sent",
    "refresh": "a question for the current state",
}


def _unreachable(fact: events.PartyUnreachable, reader: Reader) -> str:
    letter = fact.letter.rpartition(".")[2].replace("-", " ")
    if not fact.certain:
        return f"It is not known whether a mail reached {reader.who(fact.party)} ({letter})."
    why = _LOSS.get(fact.reason, "")
    return f"A mail to {reader.who(fact.party)} could not be delivered ({letter}){why}."


_LOSS = {
    "no-such-mailbox": ": there is no such address",
    "no-such-domain": ": there is no such mail domain",
    "mailbox-disabled": ": the mailbox has been closed",
    "mailbox-full": ": the mailbox is full",
    "too-large": ": it was too large for the other server",
    "refused-by-policy": ": the other server refuses mail like this",
    "timed-out": ": the other server could not be reached for days",
    "suppressed": ": no mail goes to this address at present",
    "expired": ": it did not leave before it was too late for it",
}


def _moved(fact: events.AddressCorrected, reader: Reader) -> str:
    who = reader.who(fact.party)
    text = f"The address of {who} was corrected, and what stands was sent there."
    if fact.answer_by is None:
        return text
    return f"{text} An answer was asked for by {reader.instant(fact.answer_by)}."


def _preferred(fact: events.MailPreferenceStated, reader: Reader) -> str:
    return f"{reader.starting(fact.party)} {_WISH[fact.wish]}."


_WISH = {
    MailWish.EVERYTHING: "asked for all mail again",
    MailWish.NO_REMINDERS: "asked not to be reminded by mail any more",
    MailWish.NOTHING: "asked for no mail at all any more",
}


def _ended(fact: events.MeetingEnded, reader: Reader) -> str:
    if fact.ending is Status.CANCELLED:
        return f"{reader.starting(fact.by)} called the meeting off."
    return _ENDING.get(fact.ending, f"The meeting ended ({fact.ending}).")


_ENDING = {
    Status.DECLINED: "The meeting ended: no time suited everybody.",
    Status.EXPIRED: "The meeting ended: an answer was still missing at the deadline.",
    Status.OVER: "The meeting is over.",
}

_TELL: Mapping[type, Callable[[Any, Reader], str]] = {
    events.MeetingRequested: _requested,
    events.SlotOffered: _offered,
    events.AnswerRecorded: _answered,
    events.AnswerSetAside: _set_aside,
    events.ProposalMade: _proposed,
    events.ProposalAccepted: _agreed,
    events.ProposalRefused: _refused,
    events.MeetingConfirmed: _confirmed,
    events.ReminderSent: _reminded,
    events.CurrentStateResent: _resent,
    events.RemarkReceived: _remarked,
    events.PartyUnreachable: _unreachable,
    events.AddressCorrected: _moved,
    events.MailPreferenceStated: _preferred,
    events.MeetingEnded: _ended,
}
