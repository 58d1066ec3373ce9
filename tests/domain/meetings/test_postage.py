"""How a meeting's mail is treated on its way."""

from datetime import timedelta

import pytest

from domain.meetings.letters import Letter, LetterKind
from domain.meetings.postage import REMINDERS, postage_of
from domain.postage import OnUnknown, Postage, Priority
from tests.domain.meetings.story import FIRST, START, Story

K = LetterKind


def letter(kind: LetterKind, **more: object) -> Letter:
    story = Story()
    return story.open()[0].model_copy(update={"kind": kind, **more})


@pytest.mark.parametrize("kind", K)
def test_only_reminders_are_optional_and_can_wait(kind: LetterKind) -> None:
    postage = postage_of(letter(kind), "Europe/Lisbon")

    is_reminder = kind in REMINDERS
    assert (postage.optional, postage.quiet) == (is_reminder, is_reminder)
    assert (postage.priority is Priority.BULK) is is_reminder
    assert postage.zone == "Europe/Lisbon"


@pytest.mark.parametrize("kind", K)
def test_what_is_answered_carries_its_revision(kind: LetterKind) -> None:
    requests = {K.INVITATION, K.RESCHEDULE, K.CONFIRMATION, K.CURRENT}

    assert postage_of(letter(kind, sequence=7), "UTC").revision == (7 if kind in requests else None)


def test_a_reminder_is_not_wanted_once_its_matter_is_closed() -> None:
    due = Story().open()[0].answer_by

    assert postage_of(letter(K.ANSWER_REMINDER), "UTC").expires_at == due
    assert postage_of(letter(K.PROPOSAL_REMINDER, answer_by=START), "UTC").expires_at == START
    assert postage_of(letter(K.MEETING_REMINDER, slot=FIRST), "UTC").expires_at == FIRST.start
    assert postage_of(letter(K.INVITATION), "UTC").expires_at is None


def test_an_invitation_goes_as_mail_usually_does() -> None:
    usual = Postage(zone="UTC", revision=0, on_unknown=OnUnknown.RESEND_ONCE)

    assert postage_of(letter(K.INVITATION), "UTC") == usual


@pytest.mark.parametrize("kind", K)
def test_only_what_a_calendar_knows_for_a_copy_may_go_out_twice(kind: LetterKind) -> None:
    with_calendar_object = {
        *(K.INVITATION, K.RESCHEDULE, K.CONFIRMATION, K.CURRENT),
        *(K.CANCELLATION, K.PROPOSAL_DECLINED),
    }

    on_unknown = postage_of(letter(kind), "UTC").on_unknown

    assert (on_unknown is OnUnknown.RESEND_ONCE) is (kind in with_calendar_object)


@pytest.mark.parametrize(("hours", "priority"), [(24, Priority.URGENT), (25, Priority.NORMAL)])
def test_that_a_meeting_of_the_next_day_is_off_is_urgent(hours: int, priority: Priority) -> None:
    off = letter(K.CANCELLATION, slot=FIRST, at=FIRST.start - timedelta(hours=hours))

    assert postage_of(off, "UTC").priority is priority
