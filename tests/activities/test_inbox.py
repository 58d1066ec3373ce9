"""What a mail that was read means to its meeting."""

from datetime import timedelta
from typing import Any

import pytest

from activities.inbox import interpret
from domain.access import Purpose
from domain.inbox.addressing import Circle
from domain.inbox.model import AnswerLine, Delivery, ProposedSlot, Reading, Verdict
from domain.meetings.messages import (
    Answer,
    Cancellation,
    MailPreference,
    MeetingInput,
    ProposedTime,
    Refresh,
    Remark,
    Undelivered,
)
from domain.meetings.model import Partstat
from domain.postage import MailWish
from tests.domain.meetings.story import START

ANA, BEN = "ana@example.org", "ben@example.net"
CIRCLE = Circle(
    party=1, addresses={1: (ANA,), 2: (BEN,)}, domain="parley.example", uid="5f0c7a52-ana"
)
LATER = START + timedelta(hours=1)
ALIAS = "a+abcdefghijklmnopqrstuvwxyz@parley.example"


def said(
    verdict: Verdict,
    *answers: tuple[str, str],
    purpose: Purpose = Purpose.REPLY,
    sender: str = ANA,
    proposal: ProposedSlot | None = None,
    **more: Any,
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
        seen_end=LATER + timedelta(minutes=30),
    )
    reading = Reading.model_validate(reading.model_dump() | more)
    return interpret(reading, CIRCLE, purpose, "meeting.invitation").body


def test_an_answer_carries_everything_that_orders_it() -> None:
    assert said(Verdict.ANSWER, (ANA, "ACCEPTED")) == Answer(
        party=1,
        partstat=Partstat.ACCEPTED,
        sequence=1,
        dtstamp=START,
        seen_start=LATER,
        seen_end=LATER + timedelta(minutes=30),
    )


def test_an_answer_without_a_stamp_is_given_none() -> None:
    found = said(Verdict.ANSWER, (ANA, "ACCEPTED"), dtstamp=None)

    assert isinstance(found, Answer)
    assert found.dtstamp is None


@pytest.mark.parametrize(
    ("uid", "recurrence_id", "foreign"),
    [
        ("5f0c7a52-ana", None, False),
        (" 5F0C7A52-ANA ", None, False),  # MAPI changes the case of UIDs
        (None, None, False),
        ("5f0c7a52-ben", None, True),
        ("5f0c7a52-ana", "2027-03-08T09:00:00Z", True),
        (None, "2027-03-08", True),
    ],
)
def test_an_answer_says_whether_it_is_about_another_event(
    uid: str | None, recurrence_id: str | None, foreign: bool
) -> None:
    found = said(Verdict.ANSWER, (ANA, "ACCEPTED"), uid=uid, recurrence_id=recurrence_id)

    assert isinstance(found, Answer)
    assert found.foreign is foreign


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
        (Verdict.CANCELLATION, Cancellation(party=1, sequence=1)),
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


@pytest.mark.parametrize(
    "own",
    [
        {"attendees": (ANA,)},
        {"attendees": (ANA, ALIAS)},  # a copy of the event names the other as well
        {"uid": "5F0C7A52-ana"},
    ],
)
def test_a_party_may_cancel_its_own_copy(own: dict[str, Any]) -> None:
    assert said(Verdict.CANCELLATION, **own) == Cancellation(party=1, sequence=1)


@pytest.mark.parametrize(
    "anothers",
    [
        {"sender": "eve@example.net"},
        {"sender": "eve@example.net", "attendees": (ANA,)},  # it stands in every passed-on copy
        {"sender": None, "attendees": (ANA,)},
        {"sender": BEN},
        {"attendees": (BEN,)},
        {"attendees": (ALIAS,)},
        {"uid": "5f0c7a52-ben"},
        {"recurrence_id": "2027-03-08T09:00:00Z"},
    ],
)
def test_nobody_else_ends_a_meeting_by_a_token_that_was_passed_on(
    anothers: dict[str, Any],
) -> None:
    reading = Reading.model_validate(
        {"verdict": Verdict.CANCELLATION, "sender": ANA, "sequence": 1} | anothers
    )

    found = interpret(reading, CIRCLE, Purpose.REPLY, "").body

    assert found == Remark(party=1, verdict="cancellation")


@pytest.mark.parametrize("partstat", ["X-MAYBE", "", "COMPLETED"])
def test_an_answer_in_words_we_do_not_know_is_shown_to_the_owner(partstat: str) -> None:
    assert said(Verdict.ANSWER, (ANA, partstat)) == Remark(party=1, verdict="unreadable")


def test_a_bounce_counts_only_at_the_bounce_address() -> None:
    undelivered = Undelivered(party=1, letter="meeting.invitation", reason="other")

    assert said(Verdict.BOUNCE, purpose=Purpose.BOUNCE) == undelivered
    assert said(Verdict.BOUNCE) == Remark(party=1, verdict="bounce")


@pytest.mark.parametrize(
    ("action", "meaning"),
    [
        ("failed", Undelivered(party=1, letter="meeting.invitation", reason="other")),
        ("delayed", Remark(party=1, verdict="bounce")),
    ],
)
def test_a_delayed_mail_is_not_lost(action: str, meaning: MeetingInput) -> None:
    reading = Reading(verdict=Verdict.BOUNCE, delivery=Delivery(action=action))

    assert interpret(reading, CIRCLE, Purpose.BOUNCE, "meeting.invitation").body == meaning


@pytest.mark.parametrize("verdict", [one for one in Verdict if one is not Verdict.BOUNCE])
def test_nothing_but_a_bounce_counts_at_the_bounce_address(verdict: Verdict) -> None:
    found = said(verdict, (ANA, "DECLINED"), purpose=Purpose.BOUNCE)

    assert found == Remark(party=1, verdict=verdict.value)


@pytest.mark.parametrize("verdict", [Verdict.NOTE, Verdict.AUTOMATIC])
def test_words_of_a_bounce_are_enough_where_nothing_else_should_arrive(verdict: Verdict) -> None:
    returned = Undelivered(party=1, letter="meeting.invitation", reason="other")

    assert said(verdict, purpose=Purpose.BOUNCE, resembles_bounce=True) == returned
    assert said(verdict, resembles_bounce=True) == Remark(party=1, verdict=verdict.value)


def test_good_news_of_a_delivery_is_no_bounce_whatever_its_words() -> None:
    found = said(
        Verdict.AUTOMATIC,
        purpose=Purpose.BOUNCE,
        resembles_bounce=True,
        delivery=Delivery(action="delivered"),
    )

    assert found == Remark(party=1, verdict="automatic")


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


@pytest.mark.parametrize(
    ("reading", "mail_from", "asks"),
    [
        (Reading(verdict=Verdict.NOTE), ANA, True),  # whatever a person writes there
        (Reading(verdict=Verdict.NOTE), "", False),  # the null path is nobody's
        (Reading(verdict=Verdict.AUTOMATIC, subject="Unsubscribe"), ANA, True),
        (Reading(verdict=Verdict.AUTOMATIC, subject="Re: unsubscribe"), ANA, False),
        (Reading(verdict=Verdict.AUTOMATIC, subject="Out of office"), ANA, False),
        (Reading(verdict=Verdict.AUTOMATIC), ANA, False),
        (Reading(verdict=Verdict.BOUNCE, subject="unsubscribe"), ANA, False),
        (Reading(verdict=Verdict.COMPLAINT, subject="unsubscribe"), ANA, False),
    ],
)
def test_an_automatic_reply_unsubscribes_nobody(
    reading: Reading, mail_from: str, asks: bool
) -> None:
    found = interpret(reading, CIRCLE, Purpose.UNSUBSCRIBE, "", mail_from).body

    wish = MailPreference(party=1, wish=MailWish.NO_REMINDERS)
    assert found == (wish if asks else Remark(party=1, verdict=reading.verdict.value))


def test_a_wish_from_an_address_that_the_party_no_longer_has_is_only_told() -> None:
    reading = Reading(verdict=Verdict.NOTE, subject="unsubscribe")

    found = interpret(reading, CIRCLE, Purpose.UNSUBSCRIBE, None, ANA).body

    assert found == Remark(party=1, verdict="note")
