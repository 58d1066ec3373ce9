"""Rules at their edges: what two unlucky things at once must not lead to."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.meetings.messages import (
    Answer,
    Cancellation,
    Effect,
    MeetingInput,
    ProposalAnswer,
    ProposedTime,
    Refresh,
    Unintelligible,
    Via,
)
from domain.meetings.model import Partstat, Status
from tests.domain.meetings.story import DAY, FIRST, OTHER, SECOND, START, Story, kinds, slot

THIRD = slot(13)


def code(story: Story) -> str:
    assert story.outcome is not None
    return story.outcome.code


def effect(story: Story) -> Effect:
    assert story.outcome is not None
    return story.outcome.effect


def pending(story: Story) -> int:
    assert story.state.proposal is not None
    return story.state.proposal.version


@pytest.mark.parametrize("year", [2040, 2099])
def test_a_time_beyond_every_horizon_is_refused_and_stops_nothing(year: int) -> None:
    story = Story()
    story.open()

    late = datetime(year, 12, 31, 23, 30, tzinfo=UTC)
    story.answer(1, proposal=ProposedTime(start=late))

    assert code(story) == "too-far"
    story.answer(1, "ACCEPTED")
    assert story.state.party(1).partstat is Partstat.ACCEPTED


def test_a_refused_proposal_leaves_the_other_partys_open() -> None:
    story = Story().confirmed()
    story.answer(1, proposes=OTHER)
    asked = pending(story)

    story.answer(2, proposes=slot(-1))

    assert code(story) == "past"
    story.say(ProposalAnswer(party=2, proposal=asked, accepts=True))
    assert (story.state.status, story.state.slot) == (Status.CONFIRMED, OTHER)


def test_nobody_who_declined_is_left_in_a_confirmed_meeting_when_proposals_fall() -> None:
    story = Story().confirmed()
    story.answer(1, "DECLINED", proposes=OTHER)
    story.answer(2, proposes=THIRD)

    story.say(ProposalAnswer(party=1, proposal=pending(story), accepts=False))

    assert (story.state.status, story.state.slot) == (Status.NEGOTIATING, SECOND)


def test_a_proposal_whose_time_has_begun_can_no_longer_be_agreed_to() -> None:
    story = Story(slot(20)).confirmed()
    story.answer(1, proposes=slot(5))
    asked, in_time = pending(story), story.now
    story.now = slot(5).start + timedelta(minutes=1)

    story.say(ProposalAnswer(party=2, proposal=asked, accepts=True), received_at=in_time)

    assert (story.state.status, story.state.slot) == (Status.CONFIRMED, slot(20))
    assert code(story) == "past"


def test_a_begun_proposal_is_not_put_on_the_table_when_the_agreed_time_falls() -> None:
    story = Story(slot(20), slot(21)).confirmed()
    story.answer(1, proposes=slot(5))
    in_time = story.now
    story.now = slot(5).start + timedelta(minutes=1)
    no = Answer(party=2, partstat=Partstat.DECLINED, sequence=0)

    story.say(no, received_at=in_time)

    assert story.state.slot == slot(21)


def test_silence_on_a_slot_that_began_soon_gives_the_next_one_its_chance() -> None:
    story = Story(slot(1), slot(8), remind_after=())
    story.open()

    letters = story.wait(DAY)

    assert kinds(letters) == [(1, "reschedule"), (2, "reschedule")]
    assert story.state.slot == slot(8)


def test_a_refresh_after_the_meeting_took_place_cancels_nothing() -> None:
    story = Story().confirmed()
    story.wait(timedelta(days=11))
    assert story.state.status is Status.OVER

    assert story.say(Refresh(party=1)) == []
    assert code(story) == "over"


def test_an_answer_about_another_event_is_set_aside() -> None:
    story = Story()
    story.open()

    story.answer(1, "DECLINED", foreign=True)

    assert (effect(story), code(story)) == (Effect.SET_ASIDE, "foreign-event")
    assert story.state.slot == FIRST


def test_a_cancel_of_an_older_revision_cancels_nothing() -> None:
    story = Story()
    story.open()
    story.answer(2, proposes=OTHER)

    letters = story.say(Cancellation(party=1, sequence=0))

    assert kinds(letters) == [(1, "current")]
    assert story.state.status is Status.NEGOTIATING


def test_a_decline_from_an_unknown_address_never_ends_the_meeting() -> None:
    story = Story(FIRST)
    story.open()

    letters = story.answer(1, "DECLINED", aligned=False)

    assert kinds(letters) == [(1, "notice")]
    assert (letters[0].reason, letters[0].partstat) == ("unconfirmed", Partstat.DECLINED)
    assert story.state.status is Status.NEGOTIATING


def test_a_notice_is_about_the_time_that_was_answered() -> None:
    story = Story()
    story.open()

    letters = story.answer(1, "DECLINED", aligned=False)

    notice = next(letter for letter in letters if letter.kind == "meeting.notice")
    assert (notice.slot, notice.reason) == (FIRST, "moved")


def test_a_client_that_repeats_a_refused_proposal_is_told_three_times_at_most() -> None:
    story = Story()
    story.open()

    told = [bool(story.answer(1, proposes=slot(-1))) for _ in range(5)]

    assert told == [True, True, True, False, False]


def test_a_copy_of_a_refused_proposal_is_not_refused_again() -> None:
    story = Story()
    story.open()
    story.answer(1, proposes=slot(-1))
    said = story.now

    assert story.answer(1, proposes=slot(-1), dtstamp=said) == []
    assert effect(story) is Effect.DUPLICATE


def test_a_proposal_repeated_without_dtstamp_is_the_one_already_open() -> None:
    story = Story().confirmed()
    story.answer(1, proposes=OTHER, dtstamp=None)
    asked = pending(story)

    assert story.answer(1, proposes=OTHER, dtstamp=None) == []
    assert (effect(story), pending(story)) == (Effect.DUPLICATE, asked)


def test_a_refresh_does_not_use_up_the_answer_to_a_stale_one() -> None:
    story = Story()
    story.open()
    story.answer(2, proposes=OTHER)
    story.say(Refresh(party=1))

    letters = story.answer(1, "ACCEPTED", sequence=0)

    assert kinds(letters) == [(1, "current")]


def test_a_meeting_under_way_is_not_rearranged() -> None:
    story = Story(FIRST, OTHER).confirmed()
    story.now = FIRST.start + timedelta(minutes=30)

    assert story.answer(1, "DECLINED") == []
    assert story.state.status is Status.CONFIRMED
    story.answer(1, proposes=THIRD)
    assert code(story) == "begun"


def test_a_proposer_who_says_yes_to_the_agreed_time_takes_the_proposal_back() -> None:
    story = Story().confirmed()
    story.answer(1, proposes=OTHER)

    letters = story.answer(1, "ACCEPTED")

    assert kinds(letters) == [(2, "proposal-withdrawn")]
    assert story.state.proposal is None


def test_a_proposer_may_take_it_back_on_the_page() -> None:
    story = Story().confirmed()
    story.answer(1, "DECLINED", proposes=OTHER)

    story.say(ProposalAnswer(party=1, proposal=pending(story), accepts=False))

    assert (story.state.status, story.state.slot) == (Status.NEGOTIATING, SECOND)


@pytest.mark.parametrize(
    ("more", "applies"),
    [
        ({"seen_start": OTHER.start}, True),
        ({"seen_start": OTHER.start, "seen_end": OTHER.end}, True),
        ({"seen_start": OTHER.start, "seen_end": OTHER.end + timedelta(hours=4)}, False),
        ({"seen_start": FIRST.start}, False),
    ],
)
def test_the_echo_that_stands_for_a_missing_sequence_has_an_end_too(
    more: dict[str, Any], applies: bool
) -> None:
    story = Story()
    story.open()
    story.answer(2, proposes=OTHER)

    story.answer(1, "ACCEPTED", sequence=None, **more)

    assert (story.state.status is Status.CONFIRMED) is applies


def test_a_crossing_proposal_numbered_one_ahead_is_known_by_what_it_shows() -> None:
    story = Story()
    story.open()
    story.answer(2, proposes=OTHER)

    story.answer(1, proposes=THIRD, sequence=1, seen_start=FIRST.start)

    assert effect(story) is Effect.STALE
    assert story.state.slot == OTHER


def test_a_clock_that_runs_ahead_does_not_silence_its_owner() -> None:
    story = Story()
    story.open()
    story.answer(1, "TENTATIVE", dtstamp=story.now + timedelta(hours=3))

    story.answer(1, "ACCEPTED")

    assert story.state.party(1).partstat is Partstat.ACCEPTED


def test_a_decline_mailed_before_a_click_and_delivered_after_it_is_superseded() -> None:
    story = Story()
    story.open()
    mailed = story.now
    story.now += timedelta(hours=1)
    story.answer(1, "ACCEPTED", via=Via.PAGE, dtstamp=None)

    story.answer(1, "DECLINED", dtstamp=mailed)

    assert effect(story) is Effect.SUPERSEDED


def test_the_last_of_three_answers_within_one_second_counts() -> None:
    story = Story()
    story.open()
    second = story.now

    for partstat in ("ACCEPTED", "TENTATIVE", "ACCEPTED"):
        story.answer(1, partstat, dtstamp=second)

    assert story.state.party(1).partstat is Partstat.ACCEPTED


def test_a_refused_proposal_reminds_nobody_again() -> None:
    story = Story()
    story.open()
    story.wait(timedelta(days=2))

    story.answer(1, proposes=slot(-1))

    assert story.wait(timedelta(minutes=1)) == []


def test_a_reminder_is_not_sent_beside_the_time_that_overtook_it() -> None:
    story = Story(remind_after=(timedelta(days=2),))
    story.open()
    story.now += timedelta(days=2, minutes=1)

    letters = story.answer(1, "DECLINED")

    assert kinds(letters) == [(1, "reschedule"), (2, "reschedule")]


def test_a_replaced_proposer_gets_one_mail_and_it_asks_about_the_new_time() -> None:
    story = Story().confirmed()
    story.answer(1, proposes=OTHER)

    letters = story.answer(2, proposes=THIRD)

    assert kinds(letters) == [(1, "proposal-question")]


@pytest.mark.parametrize(
    "body",
    [
        Answer(party=1, proposal=ProposedTime(start=datetime(2099, 12, 31, 23, 59, tzinfo=UTC))),
        Answer(party=2, proposal=ProposedTime(start=datetime(1970, 1, 1, tzinfo=UTC)), sequence=9),
        Answer(party=1, partstat=Partstat.ACCEPTED, sequence=-(2**40)),
        Answer(party=1, dtstamp=datetime(1970, 1, 1, tzinfo=UTC), partstat=Partstat.DECLINED),
    ],
)
def test_no_value_an_input_may_hold_stops_a_meeting(body: MeetingInput) -> None:
    story = Story()
    story.open()

    story.say(body)

    assert story.outcome is not None
    assert story.outcome.code != "not-understood"
    assert story.now == START


def test_what_this_release_cannot_read_is_refused_and_stops_nothing() -> None:
    story = Story()
    story.open()

    story.say(Unintelligible())

    assert (effect(story), code(story), story.events) == (Effect.REFUSED, "not-understood", [])
    story.answer(1, "ACCEPTED")
    assert story.state.party(1).partstat is Partstat.ACCEPTED
