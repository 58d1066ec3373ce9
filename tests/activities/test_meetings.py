"""What the activities of a meeting do, without a server."""

from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.meetings import DecisionRecord, MeetingActivities, Resumed, Taken
from domain.meetings.events import RemarkReceived
from domain.meetings.messages import MeetingRef
from domain.meetings.model import Terms
from domain.meetings.rules import decide
from tests.domain.meetings.story import FIRST, START
from tests.fakes.meetings import FakeLetterWriter, FakeMeetingStore

REF = MeetingRef(meeting_id="m")


def _deeds(store: FakeMeetingStore) -> MeetingActivities:
    return MeetingActivities(store, FakeLetterWriter())


async def _opening(store: FakeMeetingStore) -> DecisionRecord:
    resumed: Resumed = await ActivityEnvironment().run(_deeds(store).resume, REF)
    decision = decide(resumed.state, resumed.taken.inputs[0], START)
    return DecisionRecord(
        meeting_id="m",
        expected_version=resumed.state.version,
        events=decision.events,
        letters=decision.letters,
        outcome=decision.outcome,
        at=START,
    )


async def test_a_decision_recorded_twice_is_one_fact_and_one_mail_each() -> None:
    store = FakeMeetingStore(Terms(slots=(FIRST,)))
    record = await _opening(store)

    for _ in range(2):
        await ActivityEnvironment().run(_deeds(store).record_decision, record)

    assert store.types() == ["MeetingRequested", "SlotOffered"]
    assert store.sent() == [("invitation", "ada@example.org"), ("invitation", "bela@example.com")]


async def test_taking_marks_nothing() -> None:
    store = FakeMeetingStore(Terms(slots=(FIRST,)))

    first: Taken = await ActivityEnvironment().run(_deeds(store).take_inputs, REF)
    second: Taken = await ActivityEnvironment().run(_deeds(store).take_inputs, REF)

    assert first == second
    assert len(first.inputs) == 1


async def test_a_decision_on_an_old_state_is_refused_for_good() -> None:
    store = FakeMeetingStore(Terms(slots=(FIRST,)))
    record = await _opening(store)
    store.append([RemarkReceived(party=1, verdict="note")])

    with pytest.raises(ApplicationError) as refusal:
        await ActivityEnvironment().run(_deeds(store).record_decision, record)

    assert refusal.value.type == "stream-moved"
    assert refusal.value.non_retryable


async def test_a_meeting_that_does_not_exist_is_refused_for_good() -> None:
    store = FakeMeetingStore(Terms(slots=(FIRST,)))
    store.journal.clear()

    with pytest.raises(ApplicationError) as refusal:
        await ActivityEnvironment().run(_deeds(store).resume, REF)

    assert (refusal.value.type, refusal.value.non_retryable) == ("not-found", True)


async def test_the_instant_of_a_decision_stamps_its_letters() -> None:
    store = FakeMeetingStore(Terms(slots=(FIRST,), remind_after=(timedelta(days=1),)))

    record = await _opening(store)

    assert {letter.at for letter in record.letters} == {START}
    assert {letter.occasion for letter in record.letters} == {2}
