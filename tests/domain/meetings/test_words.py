"""The timeline in plain words: every fact of the journal has its sentence."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from domain.journal import JournalEvent
from domain.meetings import events
from domain.meetings.messages import Via
from domain.meetings.model import Offer, Partstat, Status, Terms
from domain.meetings.words import listed, sentence
from domain.postage import MailWish
from domain.values import Slot

NAMES = {0: "Clinic", 1: "Ana", 2: "Ben"}
AT = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
NINE = Slot(
    start=datetime(2027, 3, 3, 9, 0, tzinfo=UTC), end=datetime(2027, 3, 3, 9, 30, tzinfo=UTC)
)
TEN = Slot(
    start=datetime(2027, 3, 4, 10, 0, tzinfo=UTC), end=datetime(2027, 3, 4, 11, 0, tzinfo=UTC)
)
NINE_WORDS = "Wednesday 3 March 2027, 10:00–10:30 (Europe/Paris)"
TEN_WORDS = "Thursday 4 March 2027, 11:00–12:00 (Europe/Paris)"
ASKED = (Partstat.NEEDS_ACTION, Partstat.NEEDS_ACTION)
AGREED = (Partstat.ACCEPTED, Partstat.ACCEPTED)


def offered(offer: Offer, partstats: tuple[Partstat, ...] = ASKED) -> events.SlotOffered:
    return events.SlotOffered(
        sequence=1,
        slot=NINE,
        offer=offer,
        origin=1,
        slot_index=0,
        partstats=partstats,
        asked_at=AT,
        answer_by=AT + timedelta(days=7),
    )


def answered(partstat: Partstat, **more: object) -> events.AnswerRecorded:
    fields = {"party": 1, "partstat": partstat, "sequence": 0, "via": Via.MAIL, "key": "k"} | more
    return events.AnswerRecorded.model_validate(fields)


def aside(reason: str, **more: object) -> events.AnswerSetAside:
    return events.AnswerSetAside.model_validate({"party": 2, "reason": reason} | more)


def proposed(**more: object) -> events.ProposalMade:
    fields = {"party": 2, "slot": TEN, "declined": False, "via": Via.MAIL, "key": "k"} | more
    return events.ProposalMade.model_validate(fields)


def refused(reason: str, by: int = 0, slot: Slot | None = TEN) -> events.ProposalRefused:
    return events.ProposalRefused(party=2, slot=slot, by=by, reason=reason, sequence=0)


def ended(ending: Status, by: int = 0) -> events.MeetingEnded:
    return events.MeetingEnded(ending=ending, by=by, sequence=1, reason="x")


def told(event: events.MeetingEvent, names: dict[int, str] = NAMES) -> str:
    written = events.to_journal(event)
    return sentence(journaled(written.type, written.data), names, "Europe/Paris")


def journaled(kind: str, data: dict[str, object]) -> JournalEvent:
    return JournalEvent(
        position=1, owner="main", stream="meeting/m", version=1, type=kind, data=data, at=AT
    )


ANSWER_BY = " An answer was asked for by Monday 8 March 2027, 09:00 (Europe/Paris)."
FOREIGN = " It came from an address not known for this person, who was told of it."

TOLD: list[tuple[events.MeetingEvent, str]] = [
    (
        events.MeetingRequested(terms=Terms(slots=(NINE,))),
        f"Clinic asked for this meeting and offered {NINE_WORDS}.",
    ),
    (
        events.MeetingRequested(terms=Terms(slots=(NINE, TEN))),
        f"Clinic asked for this meeting and offered 2 times: {NINE_WORDS}; {TEN_WORDS}.",
    ),
    (offered(Offer.FIRST), f"Everybody was invited to {NINE_WORDS}.{ANSWER_BY}"),
    (offered(Offer.NEXT), f"The next offered time was tried: {NINE_WORDS}.{ANSWER_BY}"),
    (
        offered(Offer.COUNTER),
        f"The time proposed by Ana was put to everybody: {NINE_WORDS}.{ANSWER_BY}",
    ),
    (offered(Offer.RESTORED), f"The earlier time was asked about again: {NINE_WORDS}.{ANSWER_BY}"),
    (offered(Offer.RESCHEDULED), f"Ana moved the meeting to {NINE_WORDS}.{ANSWER_BY}"),
    (
        offered(Offer.AGREED, AGREED),
        f"Everybody agreed to the time proposed by Ana; the calendars moved to {NINE_WORDS}.",
    ),
    (answered(Partstat.ACCEPTED), "Ana accepted by mail."),
    (answered(Partstat.DECLINED, via=Via.PAGE), "Ana declined on the page."),
    (answered(Partstat.TENTATIVE), "Ana answered “perhaps” by mail."),
    (answered(Partstat.NEEDS_ACTION), "Ana withdrew the answer by mail."),
    (answered(Partstat.ACCEPTED, aligned=False), f"Ana accepted by mail.{FOREIGN}"),
    (
        aside("stale", resend=True),
        "An answer came from Ben, but it was about an earlier time, so it does not count for the "
        "present one. The current state was sent again.",
    ),
    (
        aside("unchanged"),
        "An answer came from Ben, but it proposed the time that stands already.",
    ),
    (aside("ended"), "An answer came from Ben, but the meeting had already ended."),
    (aside("odd"), "An answer came from Ben, but it was set aside (odd)."),
    (proposed(), f"Ben proposed {TEN_WORDS}."),
    (proposed(declined=True), f"Ben proposed {TEN_WORDS} and declined the present time."),
    (
        proposed(answer_by=AT),
        f"Ben proposed {TEN_WORDS}. The others were asked to answer by "
        "Monday 1 March 2027, 09:00 (Europe/Paris).",
    ),
    (proposed(aligned=False), f"Ben proposed {TEN_WORDS}.{FOREIGN}"),
    (events.ProposalAccepted(party=1, proposal=4), "Ana agreed to the proposed time."),
    (
        refused("declined", by=1),
        f"The time proposed by Ben, {TEN_WORDS}, was declined by Ana.",
    ),
    (
        refused("past", slot=None),
        "The time proposed by Ben was refused because it had already passed.",
    ),
    (
        refused("silence"),
        f"The time proposed by Ben, {TEN_WORDS}, came to nothing because nobody answered in time.",
    ),
    (
        events.MeetingConfirmed(sequence=1, slot=TEN),
        f"The meeting was confirmed for {TEN_WORDS}: everybody had accepted.",
    ),
    (
        events.ReminderSent(parties=(1, 2), about="answer"),
        "A reminder to answer was sent to Ana and Ben.",
    ),
    (
        events.ReminderSent(parties=(2,), about="meeting"),
        "A reminder of the meeting was sent to Ben.",
    ),
    (
        events.CurrentStateResent(party=1),
        "Ana asked for the current state and received it.",
    ),
    (
        events.RemarkReceived(party=2, verdict="automatic"),
        "An automatic reply came from Ben; it changed nothing.",
    ),
    (
        events.PartyUnreachable(party=1, letter="meeting.answer-reminder"),
        "A mail to Ana could not be delivered (answer reminder).",
    ),
    (
        events.PartyUnreachable(party=1, letter="meeting.invitation", certain=False),
        "It is not known whether a mail reached Ana (invitation).",
    ),
    (
        events.PartyUnreachable(
            party=2, letter="meeting.invitation", reason="no-such-mailbox", input=7
        ),
        "A mail to Ben could not be delivered (invitation): there is no such address.",
    ),
    (
        events.AddressCorrected(party=2, input=8),
        "The address of Ben was corrected, and what stands was sent there.",
    ),
    (
        events.AddressCorrected(party=2, input=8, answer_by=AT + timedelta(days=7)),
        f"The address of Ben was corrected, and what stands was sent there.{ANSWER_BY}",
    ),
    (
        events.MailPreferenceStated(party=1, wish=MailWish.NO_REMINDERS),
        "Ana asked not to be reminded by mail any more.",
    ),
    (ended(Status.CANCELLED, by=2), "Ben called the meeting off."),
    (ended(Status.CANCELLED), "Clinic called the meeting off."),
    (ended(Status.DECLINED), "The meeting ended: no time suited everybody."),
    (ended(Status.EXPIRED), "The meeting ended: an answer was still missing at the deadline."),
    (ended(Status.OVER), "The meeting is over."),
]


@pytest.mark.parametrize(("event", "words"), TOLD, ids=lambda value: getattr(value, "type", ""))
def test_every_fact_is_told_in_a_sentence(event: events.MeetingEvent, words: str) -> None:
    assert told(event) == words


def test_no_kind_of_fact_is_missing_from_the_table() -> None:
    union = get_args(events.MeetingEvent)[0]

    assert {type(event) for event, _ in TOLD} == set(get_args(union))


def test_a_reader_is_addressed_as_you() -> None:
    assert told(answered(Partstat.ACCEPTED), {1: "you", 2: "Ben"}) == "You accepted by mail."


def test_the_spelling_of_a_name_is_left_alone() -> None:
    assert told(answered(Partstat.ACCEPTED), {1: "danah"}) == "danah accepted by mail."


def test_a_party_without_a_name_is_a_number() -> None:
    assert told(answered(Partstat.ACCEPTED), {}) == "Party 1 accepted by mail."


def test_an_unknown_fact_still_has_its_line() -> None:
    unknown = journaled("MeetingTeleported", {"to": "the moon"})

    assert sentence(unknown, NAMES, "UTC") == (
        "Something was recorded that this version cannot read (MeetingTeleported)."
    )


@pytest.mark.parametrize(
    ("names", "text"),
    [([], ""), (["Ana"], "Ana"), (["Ana", "Ben"], "Ana and Ben"), (["A", "B", "C"], "A, B and C")],
)
def test_names_are_listed_as_people_list_them(names: list[str], text: str) -> None:
    assert listed(names) == text
