"""The saga of a meeting on the real server: its clock is moved, its steps are made to fail."""

from datetime import timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from domain.meetings.events import RemarkReceived
from domain.meetings.messages import (
    AddressCorrection,
    Answer,
    Cancellation,
    ProposedTime,
    Refresh,
    Undelivered,
)
from domain.meetings.model import Partstat
from domain.values import Slot
from tests.workflows.meeting_saga import Saga, playing, slot_in

DAY = timedelta(days=1)
INVITED = [("invitation", "ada@example.org"), ("invitation", "bela@example.com")]


def yes(party: int, sequence: int = 0) -> Answer:
    return Answer(party=party, partstat=Partstat.ACCEPTED, sequence=sequence)


def no(party: int, sequence: int = 0) -> Answer:
    return Answer(party=party, partstat=Partstat.DECLINED, sequence=sequence)


def counter(party: int, slot: Slot, sequence: int = 0) -> Answer:
    return Answer(
        party=party, proposal=ProposedTime(start=slot.start, end=slot.end), sequence=sequence
    )


async def _closing(saga: Saga) -> str:
    result: str = await saga.handle.result()
    return result


async def test_two_strangers_agree_on_another_time(temporal: WorkflowEnvironment) -> None:
    async with playing(temporal, slot_in(20), slot_in(21)) as saga:
        await saga.opened()
        await saga.say(yes(1))
        await saga.say(counter(2, slot_in(22)))
        assert await saga.say(yes(1)) == "stale"
        await saga.say(yes(1, sequence=1))

        assert saga.store.types() == [
            "MeetingRequested",
            "SlotOffered",
            "AnswerRecorded",
            "ProposalMade",
            "SlotOffered",
            "AnswerSetAside",
            "AnswerRecorded",
            "MeetingConfirmed",
        ]
        assert saga.store.sent()[:2] == INVITED
        assert [kind for kind, _ in saga.store.sent()].count("confirmation") == 2
        await saga.say(Cancellation())
        assert await _closing(saga) == "cancelled"


async def test_a_bounced_invitation_is_sent_again_to_the_corrected_address(
    temporal: WorkflowEnvironment,
) -> None:
    async with playing(temporal, slot_in(20)) as saga:
        await saga.opened()
        await saga.say(Undelivered(party=2, letter="meeting.invitation"))
        saga.store.lose_next.append("record")  # the step is repeated, and sends nothing twice

        assert await saga.say(AddressCorrection(party=2)) == "applied"
        await saga.say(yes(1))
        await saga.say(yes(2))

        assert saga.store.sent() == [
            *INVITED,
            ("invitation", "bela-3@example.com"),
            ("confirmation", "ada@example.org"),
            ("confirmation", "bela-3@example.com"),
        ]
        await saga.say(Cancellation())
        assert await _closing(saga) == "cancelled"


async def test_silence_is_reminded_of_and_then_ends_the_meeting(
    temporal: WorkflowEnvironment,
) -> None:
    async with playing(temporal, slot_in(30)) as saga:
        await saga.opened()
        await saga.say(yes(1))

        await saga.advance(1.9 * DAY)
        assert len(saga.store.sent()) == 2
        await saga.advance(0.2 * DAY)
        assert saga.store.sent()[2:] == [("answer-reminder", "bela@example.com")]
        await saga.advance(6 * DAY)

        assert await _closing(saga) == "expired"
        assert [kind for kind, _ in saga.store.sent()][3:] == [
            "answer-reminder",
            "cancellation",
            "cancellation",
        ]


async def test_an_answer_in_time_counts_though_nobody_poked(temporal: WorkflowEnvironment) -> None:
    """Temporal may be up again before the relay is: the timer must not outrun the database."""
    async with playing(temporal, slot_in(30), remind_after=()) as saga:
        await saga.opened()
        await saga.say(yes(1))
        saga.store.accept(yes(2))

        await saga.advance(8 * DAY)

        assert saga.store.types()[-1] == "MeetingConfirmed"
        await saga.say(Cancellation())
        await _closing(saga)


async def test_an_unread_mail_holds_the_deadline_back(temporal: WorkflowEnvironment) -> None:
    """It was accepted in time and may hold the answer."""
    async with playing(temporal, slot_in(30), remind_after=()) as saga:
        await saga.opened()
        await saga.say(yes(1))
        row = saga.store.accept(yes(2))
        saga.store.unread.add(row)

        await saga.advance(7 * DAY + timedelta(seconds=50))
        assert saga.store.types()[-1] == "AnswerRecorded"
        saga.store.unread.clear()
        await saga.poke()
        await saga.store.outcome_of(row)

        assert saga.store.types()[-1] == "MeetingConfirmed"
        await saga.say(Cancellation())
        await _closing(saga)


async def test_more_inputs_than_one_batch_are_taken_before_any_deadline(
    temporal: WorkflowEnvironment,
) -> None:
    async with playing(temporal, slot_in(30)) as saga:
        for _ in range(45):
            saga.store.accept(Refresh(party=2))
        saga.store.accept(yes(1))
        last = saga.store.accept(yes(2))
        await saga.poke()
        await saga.store.outcome_of(last)

        assert saga.store.types()[-1] == "MeetingConfirmed"
        await saga.say(Cancellation())
        await _closing(saga)


async def test_a_confirmed_meeting_lives_until_its_time_has_passed(
    temporal: WorkflowEnvironment,
) -> None:
    async with playing(temporal, slot_in(50)) as saga:
        await saga.opened()
        await saga.say(yes(1))
        await saga.say(yes(2))

        await saga.advance(49.5 * DAY)
        assert [kind for kind, _ in saga.store.sent()][4:] == ["meeting-reminder"] * 2
        await saga.advance(DAY)

        assert await _closing(saga) == "over"


async def test_declining_every_slot_ends_it_with_a_cancel_to_both(
    temporal: WorkflowEnvironment,
) -> None:
    async with playing(temporal, slot_in(20), slot_in(21)) as saga:
        await saga.opened()
        await saga.say(no(1))
        await saga.say(no(2, sequence=1))

        assert await _closing(saga) == "declined"
        assert [kind for kind, _ in saga.store.sent()][-2:] == ["cancellation"] * 2


async def test_an_input_after_the_end_starts_the_saga_again_from_the_journal(
    temporal: WorkflowEnvironment,
) -> None:
    async with playing(temporal, slot_in(20)) as saga:
        await saga.opened()
        await saga.say(Cancellation())
        await _closing(saga)

        assert await saga.say(Refresh(party=2)) == "applied"

        assert saga.store.sent()[-1] == ("cancellation", "bela@example.com")
        assert await _closing(saga) == "cancelled"


@pytest.mark.parametrize("call", ["load", "take_inputs", "record"])
async def test_a_step_that_fails_is_repeated_and_mails_nobody_twice(
    temporal: WorkflowEnvironment, call: str
) -> None:
    async with playing(temporal, slot_in(20)) as saga:
        saga.store.fail_next.append(call)
        await saga.opened()
        saga.store.lose_next.append("record")
        await saga.say(yes(1))
        saga.store.fail_next.append(call)
        await saga.say(yes(2))

        assert [kind for kind, _ in saga.store.sent()] == ["invitation"] * 2 + ["confirmation"] * 2
        assert saga.store.types().count("AnswerRecorded") == 2
        await saga.say(Cancellation())
        await _closing(saga)


async def test_a_journal_that_moved_on_is_read_again(temporal: WorkflowEnvironment) -> None:
    """An operator's reset may leave two runs of one saga; the second reads, it does not force."""
    async with playing(temporal, slot_in(20)) as saga:
        await saga.opened()
        saga.store.append([RemarkReceived(party=1, verdict="note")])

        assert await saga.say(yes(1)) == "applied"
        assert saga.store.types()[-2:] == ["RemarkReceived", "AnswerRecorded"]
        await saga.say(Cancellation())
        await _closing(saga)


async def test_the_operator_reads_the_story_without_a_name(
    temporal: WorkflowEnvironment,
) -> None:
    async with playing(temporal, slot_in(20)) as saga:
        await saga.opened()
        await saga.say(yes(1))
        history = (await saga.handle.fetch_history()).to_json()
        standing: str = await saga.handle.query("standing")

        assert "party 1: accepted" in standing
        assert "party 2: has not answered" in standing
        for personal in ("Ada", "Bela", "example.org", "example.com", "A first talk"):
            assert personal not in history
        await saga.say(Cancellation())
        await _closing(saga)
