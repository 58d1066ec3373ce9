"""What a mail that was read means to its meeting."""

from datetime import timedelta

import pytest

from activities.inbox import interpret
from domain.access import Purpose
from domain.inbox.addressing import Circle
from domain.inbox.model import AnswerLine, Delivery, ProposedSlot, Reading, Verdict
from domain.meetings.messages import (
    Answer,
    Cancellation,
    MeetingInput,
    ProposedTime,
    Refresh,
    Remark,
    Undelivered,
)
from domain.meetings.model import Partstat
from tests.domain.meetings.story import START

ANA, BEN = "ana@example.org", "ben@example.net"
CIRCLE = Circle(party=1, addresses={1: (ANA,), 2: (BEN,)}, domain="parley.example")
LATER = START + timedelta(hours=1)


def said(
    verdict: Verdict,
    *answers: tuple[str, str],
    purpose: Purpose = Purpose.REPLY,
    sender: str = ANA,
    proposal: ProposedSlot | None = None,
) -> MeetingInput:
    lines = tuple(AnswerLine(attendee=who, partstat=what) for who, what in answers)
    reading = Reading(
        verdict=verdict,
        answers=lines,
        sender=sender,
        proposal=proposal,
        sequence=1,
        dtstamp=START,
        seen_start=LATER,
    )
    return interpret(reading, CIRCLE, purpose, "meeting.invitation").body


def test_an_answer_carries_everything_that_orders_it() -> None:
    assert said(Verdict.ANSWER, (ANA, "ACCEPTED")) == Answer(
        party=1,
        partstat=Partstat.ACCEPTED,
        sequence=1,
        dtstamp=START,
        seen_start=LATER,
    )


def test_a_proposal_carries_its_time_and_the_answer_beside_it() -> None:
    proposal = ProposedSlot(start=START, end=LATER)

    found = said(Verdict.PROPOSAL, (ANA, "TENTATIVE"), proposal=proposal)

    assert isinstance(found, Answer)
    assert found.partstat is Partstat.TENTATIVE
    assert found.proposal == ProposedTime(start=START, end=LATER)


def test_a_proposal_that_ends_before_it_starts_keeps_only_its_start() -> None:
    found = said(Verdict.PROPOSAL, proposal=ProposedSlot(start=LATER, end=START))

    assert isinstance(found, Answer)
    assert found.proposal == ProposedTime(start=LATER)


def test_a_proposal_counts_whatever_it_says_of_the_old_time() -> None:
    found = said(Verdict.PROPOSAL, (ANA, "X-MAYBE"), proposal=ProposedSlot(start=START))

    assert isinstance(found, Answer)
    assert found.partstat is None
    assert found.proposal is not None


@pytest.mark.parametrize(
    ("attendee", "sender", "aligned", "other_party"),
    [
        (ANA, ANA, True, False),
        (ANA, "eve@example.net", False, False),
        ("assistant@example.org", ANA, False, False),
        (BEN, ANA, True, True),
    ],
)
def test_an_answer_says_whether_its_addresses_are_known(
    attendee: str, sender: str, aligned: bool, other_party: bool
) -> None:
    found = said(Verdict.ANSWER, (attendee, "ACCEPTED"), sender=sender)

    assert isinstance(found, Answer)
    assert (found.aligned, found.other_party) == (aligned, other_party)


@pytest.mark.parametrize(
    ("verdict", "meaning"),
    [
        (Verdict.REFRESH, Refresh(party=1)),
        (Verdict.CANCELLATION, Cancellation(party=1)),
        *(
            (verdict, Remark(party=1, verdict=verdict.value))
            for verdict in Verdict
            if verdict
            not in {Verdict.ANSWER, Verdict.PROPOSAL, Verdict.REFRESH, Verdict.CANCELLATION}
        ),
    ],
)
def test_every_verdict_means_something(verdict: Verdict, meaning: MeetingInput) -> None:
    assert said(verdict) == meaning


@pytest.mark.parametrize("partstat", ["X-MAYBE", "", "COMPLETED"])
def test_an_answer_in_words_we_do_not_know_is_shown_to_the_owner(partstat: str) -> None:
    assert said(Verdict.ANSWER, (ANA, partstat)) == Remark(party=1, verdict="unreadable")


def test_a_bounce_counts_only_at_the_bounce_address() -> None:
    undelivered = Undelivered(party=1, letter="meeting.invitation")

    assert said(Verdict.BOUNCE, purpose=Purpose.BOUNCE) == undelivered
    assert said(Verdict.BOUNCE) == Remark(party=1, verdict="bounce")


@pytest.mark.parametrize(
    ("action", "meaning"),
    [
        ("failed", Undelivered(party=1, letter="meeting.invitation")),
        ("delayed", Remark(party=1, verdict="bounce")),
    ],
)
def test_a_delayed_mail_is_not_lost(action: str, meaning: MeetingInput) -> None:
    reading = Reading(verdict=Verdict.BOUNCE, delivery=Delivery(action=action))

    assert interpret(reading, CIRCLE, Purpose.BOUNCE, "meeting.invitation").body == meaning


@pytest.mark.parametrize("verdict", [one for one in Verdict if one is not Verdict.BOUNCE])
def test_nothing_but_a_bounce_counts_at_the_bounce_address(verdict: Verdict) -> None:
    found = said(verdict, (ANA, "DECLINED"), purpose=Purpose.BOUNCE)

    assert found == Remark(party=1, verdict="ignored")


@pytest.mark.parametrize(("sender", "writer"), [(BEN, 2), (ANA, 1), ("eve@example.net", 2)])
def test_mail_to_an_alias_is_a_remark_of_whoever_wrote_it(sender: str, writer: int) -> None:
    found = said(Verdict.ANSWER, (BEN, "ACCEPTED"), purpose=Purpose.ALIAS, sender=sender)

    assert found == Remark(party=writer, verdict="answer")


def test_words_stay_apart_from_the_input() -> None:
    reading = Reading(
        verdict=Verdict.ANSWER,
        answers=(AnswerLine(attendee=ANA, partstat="DECLINED", comment="Ill\x00, sorry"),),
        text="Not\u202e today\r\n" + "x" * 9000,
        subject="Re: talk",
        sender=ANA,
    )

    found = interpret(reading, CIRCLE, Purpose.REPLY, "")

    assert found.words["comment"] == "Ill, sorry"
    assert found.words["text"].startswith("Not today\nxxx")
    assert len(found.words["text"]) == 4000
    assert (found.words["subject"], found.words["sender"]) == ("Re: talk", ANA)
    assert ANA not in found.body.model_dump_json()


def test_words_that_were_not_written_are_left_out() -> None:
    assert interpret(Reading(verdict=Verdict.NOTE), CIRCLE, Purpose.REPLY, "").words == {}
