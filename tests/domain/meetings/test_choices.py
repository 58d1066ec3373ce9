"""What a party's choice becomes, and what it is about."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import BadTimes
from domain.meetings.choices import Seen, check_proposal, input_of, proposal_of, seen_by
from domain.meetings.messages import (
    Answer,
    Cancellation,
    MeetingInput,
    ProposalAnswer,
    ProposedTime,
    Via,
)
from domain.meetings.model import MeetingState, Partstat, PartyState, Proposal, Status, Terms
from domain.meetings.transitions import Deed
from domain.values import Slot

NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
SLOT = Slot(start=NOW + timedelta(days=2), end=NOW + timedelta(days=2, hours=1))
OTHER = Slot(start=NOW + timedelta(days=3), end=NOW + timedelta(days=3, hours=1))


def state(**changes: object) -> MeetingState:
    proposal = Proposal(
        party=1,
        slot=OTHER,
        version=7,
        asked_at=NOW,
        answer_by=NOW + timedelta(days=1),
    )
    parties = (PartyState(number=1), PartyState(number=2))
    fields = {
        "terms": Terms(slots=(SLOT,), max_rounds=3),
        "status": Status.CONFIRMED,
        "sequence": 4,
        "slot": SLOT,
        "parties": parties,
        "proposal": proposal,
    }
    return MeetingState.model_validate(fields | changes)


def answer(partstat: Partstat) -> Answer:
    return Answer(party=2, partstat=partstat, sequence=4, via=Via.PAGE)


@pytest.mark.parametrize(
    ("deed", "body"),
    [
        (Deed.ACCEPT, answer(Partstat.ACCEPTED)),
        (Deed.TENTATIVE, answer(Partstat.TENTATIVE)),
        (Deed.DECLINE, answer(Partstat.DECLINED)),
        (Deed.AGREE, ProposalAnswer(party=2, proposal=7, accepts=True)),
        (Deed.DISAGREE, ProposalAnswer(party=2, proposal=7, accepts=False)),
        (Deed.WITHDRAW, Cancellation(party=2)),
    ],
)
def test_each_deed_becomes_its_input_about_what_was_seen(deed: Deed, body: MeetingInput) -> None:
    assert input_of(deed, 2, Seen(sequence=4, proposal=7)) == body


def test_a_party_sees_the_proposals_of_others_only() -> None:
    assert seen_by(state()) == Seen(sequence=4, proposal=7)
    assert seen_by(state(proposal=None)) == Seen(sequence=4)


@pytest.mark.parametrize(("declines", "partstat"), [(True, Partstat.DECLINED), (False, None)])
def test_a_proposal_says_whether_the_present_time_is_impossible(
    declines: bool, partstat: Partstat | None
) -> None:
    body = proposal_of(2, Seen(sequence=4), OTHER, declines_present=declines)

    assert body.partstat is partstat
    assert body.proposal == ProposedTime(start=OTHER.start, end=OTHER.end)
    assert (body.sequence, body.via) == (4, Via.PAGE)


def lasting(length: timedelta) -> Slot:
    return Slot(start=OTHER.start, end=OTHER.start + length)


@pytest.mark.parametrize(
    ("slot", "changes", "field", "words"),
    [
        (SLOT, {}, "date", "asked about already"),
        (Slot(start=NOW, end=SLOT.end), {}, "date", "already passed"),
        (lasting(timedelta(hours=24, minutes=1)), {}, "minutes", "24 hours"),
        (lasting(timedelta(minutes=4)), {}, "minutes", "five minutes"),
        (OTHER, {"rounds": 3}, "date", "as many proposals"),
    ],
)
def test_what_the_rules_would_refuse_is_refused_at_once(
    slot: Slot, changes: dict[str, object], field: str, words: str
) -> None:
    with pytest.raises(BadTimes, match=words) as refusal:
        check_proposal(state(**changes), slot, NOW)

    assert refusal.value.field == field


def test_a_time_within_the_rules_passes() -> None:
    check_proposal(state(), OTHER, NOW)
