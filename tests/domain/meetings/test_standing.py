"""Where a meeting stands and what comes next, as its readers are told."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.meetings.messages import Effect
from domain.meetings.model import MeetingState, Partstat, PartyState, Proposal, Status, Terms
from domain.meetings.standing import headline, outcome, status_words, what_next
from domain.values import Slot

AT = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
SLOT = Slot(start=AT + timedelta(days=2), end=AT + timedelta(days=2, hours=1))
OTHER = Slot(start=AT + timedelta(days=3), end=AT + timedelta(days=3, hours=1))
WHEN = "Wednesday 3 March 2027, 08:00–09:00 (UTC)"


def state(status: Status, *partstats: Partstat, **more: object) -> MeetingState:
    parties = tuple(PartyState(number=n, partstat=p) for n, p in enumerate(partstats, start=1))
    fields = {"terms": Terms(slots=(SLOT,)), "status": status, "slot": SLOT, "parties": parties}
    return MeetingState.model_validate(fields | more)


ACCEPTED, ASKED = Partstat.ACCEPTED, Partstat.NEEDS_ACTION


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.REQUESTED, "The meeting is being prepared."),
        (Status.NEGOTIATING, f"A time is being asked about: {WHEN}."),
        (Status.CONFIRMED, f"Confirmed: {WHEN}."),
        (Status.DECLINED, f"No time suited everybody; the last one asked about was {WHEN}."),
        (Status.EXPIRED, f"The meeting did not come about: an answer was missing for {WHEN}."),
        (Status.CANCELLED, f"Called off; the time had been {WHEN}."),
        (Status.OVER, f"The meeting is over; it was on {WHEN}."),
    ],
)
def test_the_headline_says_status_and_time(status: Status, words: str) -> None:
    assert headline(state(status), "UTC") == words


@pytest.mark.parametrize("status", list(Status))
def test_a_meeting_without_a_time_has_a_headline_too(status: Status) -> None:
    assert headline(state(status, slot=None), "UTC").endswith(".")


NEXT = [
    (state(Status.REQUESTED), "The invitations are about to be sent."),
    (
        state(Status.NEGOTIATING, ACCEPTED, ASKED, answer_by=AT),
        "An answer is still missing from Ben. If it does not come by Monday 1 March 2027, "
        "08:00 (UTC), the meeting ends.",
    ),
    (
        state(Status.NEGOTIATING, ASKED, ASKED),
        "An answer is still missing from you and Ben.",
    ),
    (
        state(Status.NEGOTIATING, ACCEPTED, ACCEPTED),
        "Everybody has accepted; the confirmations are about to be sent.",
    ),
    (
        state(Status.CONFIRMED, ACCEPTED, ACCEPTED),
        "Everybody has the time in their calendar. A reminder goes out before it begins.",
    ),
    (
        state(Status.CONFIRMED, ACCEPTED, ACCEPTED, meeting_reminder_sent=True),
        "Everybody has the time in their calendar.",
    ),
    (
        state(Status.CONFIRMED, ACCEPTED, terms=Terms(slots=(SLOT,), remind_before=None)),
        "Everybody has the time in their calendar.",
    ),
    (
        state(
            Status.CONFIRMED,
            ACCEPTED,
            ACCEPTED,
            proposal=Proposal(
                party=2,
                slot=OTHER,
                version=7,
                asked_at=AT,
                answer_by=AT + timedelta(days=1),
            ),
        ),
        "Ben proposed Thursday 4 March 2027, 08:00–09:00 (UTC); an answer to that is still "
        "missing from you. If it does not come by Tuesday 2 March 2027, 08:00 (UTC), the "
        "agreed time stays.",
    ),
    (state(Status.EXPIRED), "Nothing more will happen; the meeting has ended."),
]


@pytest.mark.parametrize(("meeting", "words"), NEXT)
def test_what_comes_next_names_who_and_by_when(meeting: MeetingState, words: str) -> None:
    assert what_next(meeting, {1: "you", 2: "Ben"}, "UTC") == words


@pytest.mark.parametrize("status", list(Status))
def test_every_status_has_its_words(status: Status) -> None:
    assert status_words(status)


@pytest.mark.parametrize("effect", list(Effect))
def test_every_effect_is_explained(effect: Effect) -> None:
    assert outcome(effect, "some-code", "").endswith((".", ")"))


def test_a_refusal_gives_the_reason_of_the_rule() -> None:
    words = outcome(Effect.REFUSED, "ended", "The meeting has ended.")

    assert words == "This could not be carried out: The meeting has ended."


def test_a_stale_answer_is_said_to_be_about_an_earlier_time() -> None:
    assert "changed meanwhile" in outcome(Effect.STALE, "stale", "")
