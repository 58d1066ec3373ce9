"""A bounced invitation, another address, and what is sent there."""

from datetime import timedelta

import pytest

from domain.errors import BadAddress, BadInput, ParleyError
from domain.meetings.events import AddressCorrected, MailPreferenceStated, PartyUnreachable
from domain.meetings.letters import CORRECTED
from domain.meetings.messages import (
    AddressCorrection,
    Cancellation,
    Effect,
    MailPreference,
    Undelivered,
)
from domain.meetings.model import Partstat, Status
from domain.meetings.progress import details
from domain.meetings.requests import AddressOrder, check_correction
from domain.meetings.standing import what_next
from domain.postage import MailWish
from domain.values import Slot
from tests.domain.meetings.story import DAY, FIRST, OTHER, Story, kinds, slot

NAMES = {1: "Ana", 2: "Ben"}
LOST = Undelivered(party=2, letter="meeting.invitation", reason="no-such-mailbox")


def bounced(*slots: Slot) -> Story:
    story = Story(*slots)
    story.open()
    story.say(LOST)
    return story


def test_a_bounced_invitation_is_told_with_its_reason_at_once() -> None:
    story = bounced()

    assert story.events == [
        PartyUnreachable(party=2, letter="meeting.invitation", input=2, reason="no-such-mailbox")
    ]
    assert "Mail to Ben cannot be delivered." in what_next(story.state, NAMES, "UTC")
    assert "party 2: has not answered; mail to it cannot be delivered" in details(story.state)


def test_only_the_corrected_party_is_sent_the_invitation_anew() -> None:
    story = bounced()

    letters = story.say(AddressCorrection(party=2))

    assert kinds(letters) == [(2, "invitation")]
    assert letters[0].reason == CORRECTED
    assert letters[0].occasion == story.state.version
    assert (letters[0].sequence, letters[0].slot) == (0, FIRST)
    assert not story.state.party(2).unreachable
    assert "cannot be delivered" not in what_next(story.state, NAMES, "UTC")


def test_whoever_is_invited_late_has_as_long_to_answer_as_the_others() -> None:
    story = bounced(slot(30))
    story.wait(6 * DAY)
    before = story.state.answer_by

    letters = story.say(AddressCorrection(party=2))

    assert before is not None
    assert story.state.answer_by == before + 6 * DAY
    assert letters[0].answer_by == story.state.answer_by
    story.wait(2 * DAY)
    assert story.state.status is Status.NEGOTIATING


def test_there_is_never_more_time_than_until_the_slot_begins() -> None:
    story = Story(slot(3))
    story.open()
    story.wait(2 * DAY)

    story.say(AddressCorrection(party=2))

    assert story.state.answer_by == slot(3).start


def test_a_party_that_had_accepted_stands_by_its_answer() -> None:
    story = Story().confirmed()
    stamped = story.state.stamped_at

    letters = story.say(AddressCorrection(party=1))

    assert kinds(letters) == [(1, "current")]
    assert story.state.status is Status.CONFIRMED
    assert story.state.party(1).partstat is Partstat.ACCEPTED
    assert stamped is not None
    assert letters[0].at > stamped  # or a calendar that had the old copy would keep it


def test_an_open_question_is_asked_at_the_new_address_too() -> None:
    story = Story().confirmed()
    story.answer(1, proposes=OTHER)

    asked = story.say(AddressCorrection(party=2))
    own = story.say(AddressCorrection(party=1))

    assert kinds(asked) == [(2, "current"), (2, "proposal-question")]
    assert kinds(own) == [(1, "current")]


def test_a_reminder_that_fell_due_goes_out_with_the_invitation() -> None:
    story = bounced()
    story.now += 3 * DAY

    letters = story.say(AddressCorrection(party=2))

    assert kinds(letters)[0] == (2, "invitation")
    assert [letter for letter in kinds(letters) if letter[1] == "invitation"] == [(2, "invitation")]


def test_what_bounced_before_is_forgotten_and_what_bounces_again_counts() -> None:
    story = bounced()
    story.say(AddressCorrection(party=2))

    story.say(LOST)

    assert story.state.party(2).unreachable


def test_nobody_is_written_to_once_the_meeting_has_ended() -> None:
    story = bounced()
    story.say(Cancellation())

    letters = story.say(AddressCorrection(party=2))

    assert letters == []
    assert story.outcome is not None
    assert (story.outcome.effect, story.outcome.code) == (Effect.REFUSED, "already-ended")


def test_no_address_stands_in_the_events() -> None:
    story = bounced()
    story.say(AddressCorrection(party=2))

    assert story.events == [AddressCorrected(party=2, input=3, answer_by=story.state.answer_by)]


@pytest.mark.parametrize("wish", MailWish)
def test_what_mail_a_party_wants_is_told_and_changes_nothing_else(wish: MailWish) -> None:
    story = Story()
    story.open()
    before = story.state

    letters = story.say(MailPreference(party=1, wish=wish))

    assert letters == []
    assert story.events == [MailPreferenceStated(party=1, wish=wish, input=2)]
    assert story.state == before.model_copy(update={"version": before.version + 1})


@pytest.mark.parametrize(
    ("party", "address", "fault", "field"),
    [
        (1, "ANA@example.org", BadAddress, "address"),  # its own, whatever the case
        (1, "ben@example.net", BadAddress, "address"),
        (1, "r+x@parley.example", BadAddress, "address"),
        (1, "x@mail.parley.example", BadAddress, "address"),
        (3, "cleo@example.org", BadInput, "party"),
    ],
)
def test_an_address_that_cannot_be_the_partys_is_refused(
    party: int, address: str, fault: type[ParleyError], field: str
) -> None:
    order = AddressOrder(party=party, address=address)

    with pytest.raises(fault) as refusal:
        check_correction(order, ["ana@example.org", "ben@example.net"], "parley.example")

    assert refusal.value.field == field


def test_another_address_of_the_same_person_is_taken() -> None:
    order = AddressOrder(party=2, address="benedict@example.net")

    check_correction(order, ["ana@example.org", "ben@example.net"], "parley.example")


def test_reminders_go_on_after_the_correction() -> None:
    story = bounced()
    story.say(AddressCorrection(party=2))

    assert kinds(story.wait(2 * DAY + timedelta(hours=1))) == [
        (1, "answer-reminder"),
        (2, "answer-reminder"),
    ]
