"""Whatever is said, in whatever order, copied, stale or crossing: the promises hold."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.journal import JournalEvent
from domain.meetings.events import MeetingEvent, MeetingRequested, to_journal
from domain.meetings.letters import Letter, LetterKind
from domain.meetings.messages import (
    AddressCorrection,
    Answer,
    Cancellation,
    Effect,
    MailPreference,
    MeetingInput,
    ProposalAnswer,
    Refresh,
    Remark,
    Reschedule,
    TakenInput,
    Undelivered,
)
from domain.meetings.model import MeetingState, Status
from domain.meetings.rules import decide, fold, next_wake, pass_time
from domain.postage import MailWish
from domain.values import Slot
from tests.domain.meetings.story import FIRST, OTHER, SECOND, START, Story, slot

SLOTS = [FIRST, SECOND, OTHER, slot(13), slot(-1), slot(0, 10), slot(40, length=timedelta(days=2))]
PARTY = st.integers(1, 2)

ANSWERS = st.builds(
    lambda party, partstat, proposal, behind, stamp, via, odd: {
        "party": party,
        "partstat": partstat,
        "proposal": proposal and {"start": proposal.start, "end": proposal.end},
        "behind": behind,
        "stamp": stamp,
        "via": via,
        **odd,
    },
    PARTY,
    st.sampled_from(["ACCEPTED", "DECLINED", "TENTATIVE", "NEEDS-ACTION", "DELEGATED", None]),
    st.none() | st.sampled_from(SLOTS),
    st.sampled_from([0, 0, 0, 1, 2, -1, None]),
    st.integers(-5, 5),
    st.sampled_from(["mail", "page"]),
    st.sampled_from(
        [{}, {}, {"aligned": False}, {"other_party": True}, {"seen_start": FIRST.start}]
    ),
)
OTHERS = st.one_of(
    st.builds(Refresh, party=PARTY),
    st.builds(Cancellation, party=st.integers(0, 2)),
    st.builds(Reschedule, slots=st.lists(st.sampled_from(SLOTS), min_size=1, max_size=3)),
    st.builds(Remark, party=PARTY, verdict=st.sampled_from(["note", "automatic"])),
    st.builds(Undelivered, party=PARTY, letter=st.just("meeting.invitation")),
    st.builds(ProposalAnswer, party=PARTY, proposal=st.just(0), accepts=st.booleans()),
    st.builds(AddressCorrection, party=PARTY),
    st.builds(MailPreference, party=PARTY, wish=st.sampled_from(MailWish)),
)
STEPS = st.one_of(
    ANSWERS,
    ANSWERS,
    OTHERS,
    st.integers(0, 2000).map(lambda minutes: timedelta(minutes=minutes)),
    st.integers(0, 4).map(lambda days: timedelta(days=days)),
)


class Calendars:
    """Two calendars that know only mail: the higher SEQUENCE wins (RFC 5546 §2.1.5)."""

    def __init__(self) -> None:
        self.events: dict[int, tuple[int, Slot | None]] = {}
        self._stamps: set[tuple[int, int, datetime]] = set()

    def deliver(self, letter: Letter) -> None:
        request = {
            LetterKind.INVITATION,
            LetterKind.RESCHEDULE,
            LetterKind.CONFIRMATION,
            LetterKind.CURRENT,
        }
        held, _ = self.events.get(letter.party, (-1, None))
        if letter.kind in {*request, LetterKind.CANCELLATION}:
            stamp = (letter.party, letter.sequence, letter.at.replace(microsecond=0))
            assert stamp not in self._stamps, "a calendar would take the second for a copy"
            self._stamps.add(stamp)
        if letter.kind in request and letter.sequence >= held:
            self.events[letter.party] = (letter.sequence, letter.slot)
        if letter.kind is LetterKind.CANCELLATION and letter.sequence >= held:
            self.events[letter.party] = (letter.sequence, None)


class Play:
    """A story that keeps its whole journal and both calendars, and can repeat itself."""

    def __init__(self, first: Slot, *rest: Slot) -> None:
        self.story = Story(first, *rest)
        self.calendars = Calendars()
        self.journal = [self._entry(1, MeetingRequested(terms=self.story.state.terms))]

    def step(self, step: Any) -> None:
        before = self.story.state
        if isinstance(step, timedelta):
            letters = self.story.wait(step)
        else:
            letters = self.story.say(self._input(step))
        self._keep(before, letters)

    def open(self) -> None:
        before = self.story.state
        self._keep(before, self.story.open())

    def _input(self, step: Any) -> MeetingInput:
        if not isinstance(step, dict):
            pending = self.story.state.proposal
            if isinstance(step, ProposalAnswer) and pending is not None:
                return step.model_copy(update={"proposal": pending.version})
            return step  # type: ignore[no-any-return]  # drawn from OTHERS
        fields = dict(step)
        behind, stamp = fields.pop("behind"), fields.pop("stamp")
        sequence = None if behind is None else max(self.story.state.sequence - behind, 0)
        dtstamp = self.story.now + timedelta(minutes=stamp) if fields["via"] == "mail" else None
        return Answer.model_validate({**fields, "sequence": sequence, "dtstamp": dtstamp})

    def _keep(self, before: MeetingState, letters: list[Letter]) -> None:
        for event in self.story.events:
            self.journal.append(self._entry(len(self.journal) + 1, event))
        keys = [(letter.kind, letter.occasion, letter.party) for letter in letters]
        assert len(keys) == len(set(keys)), "two letters would share a business key"
        for letter in letters:
            self.calendars.deliver(letter)
        assert self.story.state.sequence >= before.sequence
        assert self.story.state.version == len(self.journal)

    def _entry(self, version: int, event: MeetingEvent) -> JournalEvent:
        new = to_journal(event)
        return JournalEvent(
            position=version,
            owner="main",
            stream="meeting/m",
            version=version,
            type=new.type,
            data=new.data,
            at=self.story.now,
        )


def _check_calendars(play: Play) -> None:
    """Once all mail is delivered both calendars show what the system says."""
    state = play.story.state
    if not state.revisions:
        assert play.calendars.events == {}
        return
    gone = state.status in (Status.DECLINED, Status.EXPIRED, Status.CANCELLED)
    shown = None if gone else state.slot
    assert {held for _, held in play.calendars.events.values()} == {shown}
    assert {sequence for sequence, _ in play.calendars.events.values()} == {state.sequence}


@settings(max_examples=400, deadline=None)
@given(st.lists(STEPS, max_size=25), st.integers(1, 3))
def test_calendars_agree_and_the_journal_tells_the_state(steps: list[Any], offered: int) -> None:
    play = Play(*SLOTS[:offered])
    play.open()

    for step in steps:
        play.step(step)

        _check_calendars(play)
        assert fold(play.journal) == play.story.state
        wake = next_wake(play.story.state)
        assert wake is None or pass_time(play.story.state, wake, wake).events


@settings(max_examples=200, deadline=None)
@given(st.lists(STEPS, max_size=15), ANSWERS)
def test_a_copied_answer_changes_nothing(steps: list[Any], answer: dict[str, Any]) -> None:
    play = Play(FIRST, SECOND)
    play.open()
    for step in steps:
        play.step(step)
    body = play._input({**answer, "via": "mail"})
    if decide_effect(play, body) is not Effect.APPLIED:
        return

    after = decide(play.story.state, _taken(play, body), play.story.now).state
    # A party that can be reached again may be owed a reminder, copy or not.
    after = pass_time(after, play.story.now, play.story.now).state
    again = decide(after, _taken(play, body), play.story.now)

    assert again.letters == ()
    assert again.outcome is not None
    assert again.outcome.effect is not Effect.APPLIED or again.state.parties == after.parties


def decide_effect(play: Play, body: MeetingInput) -> Effect:
    outcome = decide(play.story.state, _taken(play, body), play.story.now).outcome
    assert outcome is not None
    return outcome.effect


def _taken(play: Play, body: MeetingInput) -> TakenInput:
    return TakenInput(id=999, received_at=play.story.now, body=body)


@settings(max_examples=200, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_nothing_is_confirmed_that_not_everybody_accepted(steps: list[Any]) -> None:
    play = Play(FIRST, SECOND, OTHER)
    play.open()

    for step in steps:
        was = play.story.state.status
        play.step(step)
        if play.story.state.status is Status.CONFIRMED and was is Status.NEGOTIATING:
            assert play.story.state.all_accepted()


def test_every_letter_has_a_key_of_its_own() -> None:
    """(kind, occasion, party) never comes twice within one meeting."""
    story = Story()
    story.open()
    for party, partstat in [(2, "DECLINED"), (1, "ACCEPTED"), (2, "ACCEPTED"), (1, "DECLINED")]:
        story.answer(party, partstat)

    keys = [(letter.kind, letter.occasion, letter.party) for letter in story.letters]

    assert len(keys) == len(set(keys))
    assert story.now > START
