"""The table behind links, forms and refusals, held against the rules it speaks for."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import Refused
from domain.meetings.choices import input_of, proposal_of, seen_by
from domain.meetings.messages import (
    AddressCorrection,
    Cancellation,
    Effect,
    MeetingInput,
    Reschedule,
)
from domain.meetings.model import OWNER, Status
from domain.meetings.transitions import (
    OWNERS_DEEDS,
    TRANSITIONS,
    Deed,
    is_possible,
    need_possible,
    possible,
    standing_of,
)
from domain.values import Slot
from tests.domain.meetings.story import DAY, FIRST, HOUR, Story, slot


def deeds(story: Story, actor: int) -> set[Deed]:
    return {row.deed for row in possible(standing_of(story.state), actor, story.now)}


def fresh_slot(step: int) -> Slot:
    """Another free hour each time, far enough ahead to stay in the future."""
    return slot(20 + step, 8)


def asked_for(story: Story, deed: Deed, actor: int, step: int) -> MeetingInput:
    """The input that `deed` becomes when `actor` asks for it now."""
    if deed is Deed.RESCHEDULE:
        return Reschedule(slots=(fresh_slot(step),))
    if deed is Deed.CORRECT_ADDRESS:
        return AddressCorrection(party=1 + step % 2)
    seen = seen_by(story.state)
    if deed is Deed.PROPOSE:
        return proposal_of(actor, seen, fresh_slot(step), declines_present=step % 2 == 0)
    return input_of(deed, actor, seen)


@given(choices=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 8)), max_size=14))
@settings(max_examples=200, deadline=None)
def test_every_deed_that_is_offered_is_applied(choices: list[tuple[int, int]]) -> None:
    """Whoever acts alone and does what is offered is never refused."""
    story = Story(max_rounds=50)
    story.open()
    for step, (actor, choice) in enumerate(choices):
        story.now += timedelta(minutes=1)
        offered = sorted(deeds(story, actor))
        if not offered:
            continue
        deed = offered[choice % len(offered)]
        story.say(asked_for(story, deed, actor, step))
        assert story.outcome is not None
        assert story.outcome.effect is Effect.APPLIED, (deed, actor, story.outcome)


@given(st.sampled_from(sorted(OWNERS_DEEDS)), st.integers(0, 3))
def test_what_the_owner_is_not_offered_is_refused(deed: Deed, step: int) -> None:
    story = Story().confirmed()
    story.say(Cancellation())

    with pytest.raises(Refused, match="has ended: it is cancelled"):
        need_possible(deed, standing_of(story.state), OWNER, story.now)

    story.say(asked_for(story, deed, OWNER, step))
    assert story.outcome is not None
    assert story.outcome.effect is Effect.REFUSED


def test_an_answer_that_stands_is_not_offered_again() -> None:
    story = Story()
    story.open()
    story.answer(1, "ACCEPTED")

    assert Deed.ACCEPT not in deeds(story, 1)
    assert Deed.DECLINE in deeds(story, 1)
    assert Deed.ACCEPT in deeds(story, 2)


def test_only_the_others_are_asked_about_a_later_proposal() -> None:
    story = Story().confirmed()
    story.answer(1, proposes=fresh_slot(0))

    assert not deeds(story, 1) & {Deed.AGREE, Deed.DISAGREE}
    assert deeds(story, 2) >= {Deed.AGREE, Deed.DISAGREE}


@pytest.mark.parametrize(
    ("now", "party", "owner"),
    [
        (FIRST.start - HOUR, {Deed.DECLINE, Deed.PROPOSE, Deed.TENTATIVE, Deed.WITHDRAW}, 3),
        (FIRST.start, {Deed.WITHDRAW}, 3),  # under way: too late to answer, not to call off
        (FIRST.end, set(), 0),
        (FIRST.end + 30 * DAY, set(), 0),
    ],
)
def test_time_closes_what_was_open(now: datetime, party: set[Deed], owner: int) -> None:
    story = Story().confirmed()
    story.now = now

    assert deeds(story, 1) == party
    assert len(deeds(story, OWNER)) == owner


def test_before_the_invitation_only_the_owner_may_act() -> None:
    story = Story()

    assert deeds(story, OWNER) == {Deed.CANCEL, Deed.RESCHEDULE, Deed.CORRECT_ADDRESS}
    assert deeds(story, 1) == set()


@pytest.mark.parametrize("status", [status for status in Status if status.is_ended])
def test_an_ended_meeting_offers_nothing_to_anybody(status: Status) -> None:
    story = Story().confirmed()
    story.state = story.state.model_copy(update={"status": status})

    assert [deeds(story, actor) for actor in (0, 1, 2)] == [set(), set(), set()]


def test_every_deed_has_one_row() -> None:
    assert sorted(row.deed for row in TRANSITIONS) == sorted(Deed)
    assert not is_possible(Deed.ACCEPT, standing_of(Story().state), OWNER, Story().now)
