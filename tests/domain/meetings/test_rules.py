"""The rules of a meeting, one promise at a time."""

from datetime import timedelta

import pytest

from domain.meetings.messages import (
    Answer,
    Cancellation,
    Effect,
    Opening,
    ProposalAnswer,
    Refresh,
    Remark,
    Reschedule,
    Undelivered,
)
from domain.meetings.model import Offer, Partstat, Status
from tests.domain.meetings.story import FIRST, OTHER, SECOND, Story, kinds, slot

BOTH_RESCHEDULED = [(1, "reschedule"), (2, "reschedule")]
BOTH_CANCELLED = [(1, "cancellation"), (2, "cancellation")]
BOTH_CONFIRMED = [(1, "confirmation"), (2, "confirmation")]


def effect(story: Story) -> tuple[Effect, str]:
    assert story.outcome is not None
    return story.outcome.effect, story.outcome.code


def test_opening_invites_both_to_the_first_slot() -> None:
    story = Story()

    letters = story.open()

    assert kinds(letters) == [(1, "invitation"), (2, "invitation")]
    assert (story.state.status, story.state.sequence) == (Status.NEGOTIATING, 0)
    assert story.state.slot == FIRST


def test_opening_twice_invites_once() -> None:
    story = Story()
    story.open()

    letters = story.say(Opening())

    assert letters == []
    assert effect(story) == (Effect.DUPLICATE, "duplicate")


def test_slots_that_have_passed_are_never_offered() -> None:
    story = Story(slot(-1), SECOND)

    story.open()

    assert story.state.slot == SECOND


def test_a_meeting_whose_slots_have_all_passed_ends_without_mail() -> None:
    story = Story(slot(-2), slot(-1))

    letters = story.open()

    assert letters == []
    assert story.state.status is Status.EXPIRED
    assert effect(story) == (Effect.REFUSED, "past")


def test_both_accepting_confirms_at_the_same_sequence() -> None:
    story = Story()
    story.open()

    assert story.answer(2, "ACCEPTED") == []
    letters = story.answer(1, "ACCEPTED")

    assert kinds(letters) == BOTH_CONFIRMED
    assert {letter.sequence for letter in letters} == {0}
    assert story.state.status is Status.CONFIRMED


def test_tentative_is_no_agreement() -> None:
    story = Story()
    story.open()
    story.answer(1, "ACCEPTED")

    story.answer(2, "TENTATIVE")

    assert story.state.status is Status.NEGOTIATING


def test_a_decline_goes_to_the_next_slot() -> None:
    story = Story()
    story.open()
    story.answer(1, "ACCEPTED")

    letters = story.answer(2, "DECLINED")

    assert kinds(letters) == BOTH_RESCHEDULED
    assert (story.state.slot, story.state.sequence) == (SECOND, 1)
    assert [party.partstat for party in story.state.parties] == [Partstat.NEEDS_ACTION] * 2


def test_declining_the_last_slot_ends_the_meeting_with_cancel_to_both() -> None:
    story = Story(FIRST)
    story.open()

    letters = story.answer(1, "DECLINED")

    assert kinds(letters) == BOTH_CANCELLED
    assert {letter.sequence for letter in letters} == {1}
    assert story.state.status is Status.DECLINED


def test_a_proposal_is_carried_to_both_under_the_next_sequence() -> None:
    story = Story()
    story.open()

    letters = story.answer(2, proposes=OTHER)

    assert kinds(letters) == BOTH_RESCHEDULED
    assert (story.state.slot, story.state.sequence) == (OTHER, 1)
    assert [party.partstat.value for party in story.state.parties] == ["NEEDS-ACTION", "ACCEPTED"]
    assert {letter.by for letter in letters} == {2}


def test_a_proposal_the_other_accepts_is_confirmed() -> None:
    story = Story()
    story.open()
    story.answer(2, proposes=OTHER)

    story.answer(1, "ACCEPTED")

    assert story.state.status is Status.CONFIRMED
    assert (story.state.slot, story.state.sequence) == (OTHER, 1)


def test_an_acceptance_of_the_old_time_never_confirms_the_new_one() -> None:
    story = Story()
    story.open()
    story.answer(2, proposes=OTHER)

    letters = story.answer(1, "ACCEPTED", sequence=0)

    assert kinds(letters) == [(1, "current")]
    assert letters[0].sequence == 1
    assert effect(story) == (Effect.STALE, "stale")
    assert story.state.status is Status.NEGOTIATING


def test_a_party_is_sent_the_current_revision_once_for_stale_answers() -> None:
    story = Story()
    story.open()
    story.answer(2, proposes=OTHER)
    story.answer(1, "ACCEPTED", sequence=0)

    assert story.answer(1, "TENTATIVE", sequence=0) == []


def test_a_refused_proposal_restores_the_slot_and_keeps_the_others_yes() -> None:
    story = Story()
    story.open()
    story.answer(1, "ACCEPTED")
    story.answer(2, proposes=OTHER)

    letters = story.answer(1, "DECLINED")

    assert kinds(letters) == [(2, "proposal-declined"), *BOTH_RESCHEDULED]
    assert letters[0].sequence == 0  # the revision that the COUNTER answered
    assert (story.state.slot, story.state.sequence) == (FIRST, 2)
    assert story.state.offer is Offer.RESTORED
    assert [party.partstat.value for party in story.state.parties] == ["ACCEPTED", "NEEDS-ACTION"]


def test_a_refused_proposer_who_had_declined_gets_the_next_slot() -> None:
    story = Story()
    story.open()
    story.answer(2, "DECLINED", proposes=OTHER)

    story.answer(1, "DECLINED")

    assert story.state.slot == SECOND


def test_a_counter_to_a_counter_takes_its_place() -> None:
    story = Story()
    story.open()
    story.answer(2, proposes=OTHER)

    letters = story.answer(1, proposes=slot(13))

    assert kinds(letters) == BOTH_RESCHEDULED
    assert [party.partstat.value for party in story.state.parties] == ["ACCEPTED", "NEEDS-ACTION"]
    assert story.state.standing == FIRST


def test_proposals_end_after_the_agreed_rounds() -> None:
    story = Story(max_rounds=1)
    story.open()
    story.answer(2, proposes=OTHER)

    letters = story.answer(1, proposes=slot(13))

    assert effect(story) == (Effect.REFUSED, "rounds")
    assert kinds(letters) == [(1, "proposal-declined"), (1, "current")]
    assert story.state.slot == OTHER


@pytest.mark.parametrize(
    ("proposed", "code"),
    [
        (slot(-1), "past"),
        (slot(12, length=timedelta(hours=25)), "too-long"),
        (slot(12, length=timedelta(minutes=1)), "too-short"),
    ],
)
def test_times_outside_the_rules_are_refused_with_the_reason(proposed: object, code: str) -> None:
    story = Story()
    story.open()

    letters = story.answer(1, proposes=proposed)  # type: ignore[arg-type]  # parametrised

    assert effect(story) == (Effect.REFUSED, code)
    assert kinds(letters) == [(1, "proposal-declined"), (1, "current")]
    assert letters[0].reason == code


def test_a_refused_proposal_that_declined_still_declines() -> None:
    story = Story()
    story.open()

    story.answer(1, "DECLINED", proposes=slot(-1))

    assert story.state.slot == SECOND


def test_a_proposal_without_end_keeps_the_length() -> None:
    story = Story()
    story.open()

    story.answer(1, proposal={"start": OTHER.start})

    assert story.state.slot == OTHER


def test_proposing_the_time_that_stands_is_only_its_partstat() -> None:
    story = Story()
    story.open()
    story.answer(1, "ACCEPTED")

    story.answer(2, "ACCEPTED", proposes=FIRST)

    assert story.state.status is Status.CONFIRMED
    assert story.state.sequence == 0


def test_a_copy_of_an_answer_changes_nothing() -> None:
    story = Story()
    story.open()
    story.answer(1, "ACCEPTED")
    said = story.now

    letters = story.answer(1, "ACCEPTED", dtstamp=said)

    assert letters == []
    assert effect(story) == (Effect.DUPLICATE, "duplicate")


def test_a_copy_of_a_proposal_that_was_carried_is_not_stale() -> None:
    story = Story()
    story.open()
    story.answer(2, proposes=OTHER)
    said = story.now

    letters = story.answer(2, proposes=OTHER, sequence=0, dtstamp=said)

    assert letters == []
    assert effect(story) == (Effect.DUPLICATE, "duplicate")


def test_an_answer_older_than_the_last_one_is_superseded() -> None:
    story = Story()
    story.open()
    story.answer(1, "ACCEPTED")

    story.answer(1, "DECLINED", dtstamp=story.now - timedelta(hours=1))

    assert effect(story) == (Effect.SUPERSEDED, "superseded")
    assert story.state.party(1).partstat is Partstat.ACCEPTED


def test_a_later_answer_with_another_partstat_wins() -> None:
    story = Story()
    story.open()
    story.answer(1, "TENTATIVE")

    story.answer(1, "ACCEPTED")

    assert story.state.party(1).partstat is Partstat.ACCEPTED


@pytest.mark.parametrize(
    ("seen_start", "counts"), [(OTHER.start, True), (FIRST.start, False), (None, False)]
)
def test_without_sequence_the_echoed_start_tells_the_revision(
    seen_start: object, counts: bool
) -> None:
    story = Story()
    story.open()
    story.answer(2, proposes=OTHER)

    story.answer(1, "ACCEPTED", sequence=None, seen_start=seen_start)

    assert (story.state.status is Status.CONFIRMED) is counts


def test_without_sequence_a_single_revision_leaves_no_doubt() -> None:
    story = Story()
    story.open()

    story.answer(1, "ACCEPTED", sequence=None)

    assert story.state.party(1).partstat is Partstat.ACCEPTED


def test_a_counter_numbered_one_ahead_is_taken() -> None:
    story = Story()
    story.open()

    story.answer(1, proposes=OTHER, sequence=1)

    assert story.state.slot == OTHER


def test_an_answer_to_a_revision_never_sent_is_set_aside() -> None:
    story = Story()
    story.open()

    story.answer(1, "ACCEPTED", sequence=7)

    assert effect(story) == (Effect.SET_ASIDE, "ahead")


def test_an_answer_in_the_other_partys_name_is_set_aside() -> None:
    story = Story()
    story.open()

    story.answer(1, "ACCEPTED", other_party=True, aligned=False)

    assert effect(story) == (Effect.SET_ASIDE, "other-party")
    assert story.state.party(1).partstat is Partstat.NEEDS_ACTION


def test_an_answer_from_an_unknown_address_counts_and_the_party_is_told() -> None:
    story = Story()
    story.open()

    letters = story.answer(1, "ACCEPTED", aligned=False)

    assert kinds(letters) == [(1, "notice")]
    assert story.state.party(1).partstat is Partstat.ACCEPTED


def test_silence_ends_the_meeting_after_the_time_to_answer() -> None:
    story = Story(remind_after=())
    story.open()
    story.answer(1, "ACCEPTED")

    assert story.wait(timedelta(days=6, hours=23)) == []
    letters = story.wait(timedelta(hours=2))

    assert kinds(letters) == BOTH_CANCELLED
    assert story.state.status is Status.EXPIRED


def test_silence_on_a_proposal_brings_the_offered_slot_back() -> None:
    story = Story(remind_after=())
    story.open()
    story.answer(2, proposes=OTHER)

    letters = story.wait(timedelta(days=7, hours=1))

    assert kinds(letters) == [(2, "proposal-declined"), *BOTH_RESCHEDULED]
    assert story.state.slot == FIRST


def test_whoever_owes_an_answer_is_reminded() -> None:
    story = Story()
    story.open()
    story.answer(1, "ACCEPTED")

    assert kinds(story.wait(timedelta(days=2))) == [(2, "answer-reminder")]
    assert kinds(story.wait(timedelta(days=1))) == []
    assert kinds(story.wait(timedelta(days=2))) == [(2, "answer-reminder")]


def test_reminders_missed_while_nobody_looked_are_sent_once() -> None:
    story = Story()
    story.open()

    letters = story.wait(timedelta(days=6))

    assert kinds(letters) == [(1, "answer-reminder"), (2, "answer-reminder")]


@pytest.mark.parametrize(
    ("received_after", "status"),
    [(timedelta(days=6), Status.CONFIRMED), (timedelta(days=8), Status.EXPIRED)],
)
def test_what_counts_is_when_an_answer_was_accepted_not_when_it_was_taken(
    received_after: timedelta, status: Status
) -> None:
    story = Story(remind_after=())
    story.open()
    story.answer(1, "ACCEPTED")
    received_at = story.now + received_after
    story.now += timedelta(days=9)

    story.say(Answer(party=2, partstat=Partstat.ACCEPTED, sequence=0), received_at=received_at)

    assert story.state.status is status


def test_a_confirmed_meeting_is_reminded_of_and_ends_when_it_is_over() -> None:
    story = Story().confirmed()

    letters = story.wait(timedelta(days=9, hours=1))
    assert kinds(letters) == [(1, "meeting-reminder"), (2, "meeting-reminder")]

    assert story.wait(timedelta(days=1)) == []
    assert story.state.status is Status.OVER


def test_after_confirmation_a_proposal_is_asked_about_and_the_agreed_time_stands() -> None:
    story = Story().confirmed()

    letters = story.answer(1, proposes=OTHER)

    assert kinds(letters) == [(2, "proposal-question")]
    assert letters[0].proposed == OTHER
    assert (story.state.status, story.state.slot) == (Status.CONFIRMED, FIRST)


def _pending(story: Story) -> int:
    assert story.state.proposal is not None
    return story.state.proposal.version


def test_agreement_to_it_moves_both_calendars_in_one_request() -> None:
    story = Story().confirmed()
    story.answer(1, proposes=OTHER)

    letters = story.say(ProposalAnswer(party=2, proposal=_pending(story), accepts=True))

    assert kinds(letters) == BOTH_CONFIRMED
    assert {letter.sequence for letter in letters} == {1}
    assert (story.state.status, story.state.slot) == (Status.CONFIRMED, OTHER)


def test_refusing_it_keeps_the_agreed_time() -> None:
    story = Story().confirmed()
    story.answer(1, proposes=OTHER)

    letters = story.say(ProposalAnswer(party=2, proposal=_pending(story), accepts=False))

    assert kinds(letters) == [(1, "proposal-declined"), (1, "current")]
    assert (story.state.status, story.state.slot) == (Status.CONFIRMED, FIRST)


def test_refusing_a_proposer_who_declined_the_agreed_time_goes_on_to_the_next_slot() -> None:
    story = Story().confirmed()
    story.answer(1, "DECLINED", proposes=OTHER)

    story.say(ProposalAnswer(party=2, proposal=_pending(story), accepts=False))

    assert (story.state.status, story.state.slot) == (Status.NEGOTIATING, SECOND)


def test_an_answer_to_a_proposal_that_is_gone_changes_nothing() -> None:
    story = Story().confirmed()
    story.answer(1, proposes=OTHER)
    gone = _pending(story)
    story.answer(1, proposes=slot(13))

    story.say(ProposalAnswer(party=2, proposal=gone, accepts=True))

    assert effect(story) == (Effect.STALE, "stale")
    assert story.state.slot == FIRST


def test_both_proposing_the_same_time_after_confirmation_agree() -> None:
    story = Story().confirmed()
    story.answer(1, proposes=OTHER)

    story.answer(2, proposes=OTHER)

    assert (story.state.status, story.state.slot) == (Status.CONFIRMED, OTHER)


def test_declining_the_agreed_time_puts_the_others_proposal_on_the_table() -> None:
    story = Story().confirmed()
    story.answer(1, proposes=OTHER)

    story.answer(2, "DECLINED")

    assert (story.state.status, story.state.slot) == (Status.NEGOTIATING, OTHER)
    assert story.state.origin == 1


def test_declining_after_confirmation_offers_the_next_slot() -> None:
    story = Story().confirmed()

    story.answer(2, "DECLINED")

    assert (story.state.status, story.state.slot) == (Status.NEGOTIATING, SECOND)


@pytest.mark.parametrize("party", [0, 1])
def test_calling_it_off_cancels_for_everybody(party: int) -> None:
    story = Story().confirmed()

    letters = story.say(Cancellation(party=party))

    assert kinds(letters) == BOTH_CANCELLED
    assert {(letter.sequence, letter.by) for letter in letters} == {(1, party)}
    assert story.state.status is Status.CANCELLED


def test_calling_it_off_twice_is_refused() -> None:
    story = Story().confirmed()
    story.say(Cancellation())

    assert story.say(Cancellation()) == []
    assert effect(story) == (Effect.REFUSED, "already-ended")


def test_an_answer_after_the_end_is_answered_with_the_cancel() -> None:
    story = Story().confirmed()
    story.say(Cancellation())

    letters = story.answer(1, "ACCEPTED", sequence=0)

    assert kinds(letters) == [(1, "cancellation")]
    assert letters[0].sequence == 1
    assert story.answer(1, "TENTATIVE", sequence=0) == []


def test_the_owner_moves_the_meeting_and_both_are_asked_again() -> None:
    story = Story().confirmed()

    letters = story.say(Reschedule(slots=(OTHER,)))

    assert kinds(letters) == BOTH_RESCHEDULED
    assert (story.state.status, story.state.slot) == (Status.NEGOTIATING, OTHER)
    assert story.state.terms.slots == (OTHER,)


def test_moving_it_into_the_past_is_refused() -> None:
    story = Story().confirmed()

    story.say(Reschedule(slots=(slot(-1),)))

    assert effect(story) == (Effect.REFUSED, "past")
    assert story.state.slot == FIRST


def test_a_refresh_is_answered_with_the_current_state_within_limits() -> None:
    story = Story()
    story.open()

    for _ in range(5):
        assert kinds(story.say(Refresh(party=2))) == [(2, "current")]
    assert story.say(Refresh(party=2)) == []
    assert effect(story) == (Effect.REFUSED, "too-many")


def test_remarks_and_doubtful_mail_are_told_and_change_nothing() -> None:
    story = Story()
    story.open()
    before = story.state.model_copy(update={"version": 0})

    story.say(Remark(party=1, verdict="note"))
    story.say(Undelivered(party=2, letter="meeting.invitation", certain=False))

    assert story.state.model_copy(update={"version": 0}) == before
    assert story.letters[2:] == []


def test_a_party_whose_mail_is_lost_is_not_reminded_until_it_says_something() -> None:
    story = Story()
    story.open()
    story.say(Undelivered(party=2, letter="meeting.invitation"))

    assert kinds(story.wait(timedelta(days=2))) == [(1, "answer-reminder")]
    story.answer(2, "TENTATIVE")
    assert kinds(story.wait(timedelta(days=3))) == [(1, "answer-reminder"), (2, "answer-reminder")]


def test_a_proposer_may_take_the_proposal_back() -> None:
    story = Story()
    story.open()
    story.answer(1, "ACCEPTED")
    story.answer(2, proposes=OTHER)

    letters = story.answer(2, "DECLINED")

    assert kinds(letters) == BOTH_RESCHEDULED
    assert story.state.slot == FIRST
