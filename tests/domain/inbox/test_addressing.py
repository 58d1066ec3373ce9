"""Whose word a mail is, and when two mails are one."""

import pytest

from domain.inbox.addressing import Circle, bind
from domain.inbox.identity import message_key, with_crlf
from domain.inbox.model import AnswerLine, ProposedSlot, Reading, Verdict
from tests.domain.meetings.story import START

ANA, ANAS_WORK, BEN = "ana@example.org", "ana.lima@example.com", "ben@example.net"
ALIAS = "a+abcdefghijklmnopqrstuvwxyz@parley.example"
CIRCLE = Circle(party=1, addresses={1: (ANA, ANAS_WORK), 2: (BEN,)}, domain="parley.example")


def line(attendee: str, partstat: str = "ACCEPTED") -> AnswerLine:
    return AnswerLine(attendee=attendee, partstat=partstat)


def reading(*answers: AnswerLine, sender: str | None = ANA, proposes: bool = False) -> Reading:
    return Reading(
        verdict=Verdict.PROPOSAL if proposes else Verdict.ANSWER,
        answers=answers,
        sender=sender,
        proposal=ProposedSlot(start=START) if proposes else None,
    )


@pytest.mark.parametrize(
    ("answers", "chosen"),
    [
        ([line(ANA)], 0),
        ([line("ANA@Example.org")], 0),  # local parts are folded to compare
        ([line(ANAS_WORK)], 0),
        ([line(BEN), line(ANA)], 1),
        ([line(ALIAS), line(ANA, "DECLINED")], 1),
        ([line("assistant@example.org")], 0),
        ([line(BEN), line("assistant@example.org")], 1),
        ([line(ANA, "DELEGATED"), line("assistant@example.org")], 1),  # RFC 5546 §4.2.6
        ([line(ANA, "DELEGATED")], 0),
        ([line("one@example.org"), line("two@example.org")], None),
        ([line(BEN)], None),
        ([line(ALIAS)], None),
        ([], None),
    ],
)
def test_the_partys_own_line_counts_else_the_only_strangers(
    answers: list[AnswerLine], chosen: int | None
) -> None:
    bound = bind(reading(*answers), CIRCLE)

    assert bound.line == (None if chosen is None else answers[chosen])


@pytest.mark.parametrize(
    ("answers", "sender", "aligned"),
    [
        ([line(ANA)], ANA, True),
        ([line(ANA)], ANAS_WORK, True),
        ([line(ANA)], "eve@example.net", False),
        ([line(ANA)], None, False),
        ([line("assistant@example.org")], ANA, False),
        ([], ANA, True),
    ],
)
def test_an_answer_is_aligned_when_it_names_and_comes_from_a_known_address(
    answers: list[AnswerLine], sender: str | None, aligned: bool
) -> None:
    assert bind(reading(*answers, sender=sender), CIRCLE).is_aligned is aligned


def test_an_answer_in_the_others_name_is_known_as_such() -> None:
    assert bind(reading(line(BEN)), CIRCLE).is_anothers
    assert bind(reading(line(ALIAS)), CIRCLE).is_anothers
    assert not bind(reading(line(BEN), line(ANA)), CIRCLE).is_anothers
    assert not bind(reading(line("assistant@example.org")), CIRCLE).is_anothers


def test_a_proposal_that_echoes_the_others_line_is_its_senders_own() -> None:
    assert not bind(reading(line(ALIAS), proposes=True), CIRCLE).is_anothers
    assert bind(reading(line(BEN), sender=BEN, proposes=True), CIRCLE).is_anothers


RAW = b"Message-ID: <1@example.org>\r\nSubject: yes\r\n folded\r\n\r\nbody\r\n"
TOKEN = "abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    "copy",
    [
        b"Received: from a.example by b.example\r\n\tfor <x>; now\r\n" + RAW,
        b"Return-Path: <ana@example.org>\r\nARC-Seal: i=1\r\nReceived: x\r\n" + RAW,
        b"DKIM-Signature: v=1;\r\n t=17\r\n" + RAW,
        RAW + b"\r\n",
    ],
)
def test_a_copy_that_went_another_way_is_the_same_mail(copy: bytes) -> None:
    assert message_key(TOKEN, copy) == message_key(TOKEN, RAW)
    assert message_key(TOKEN.upper(), RAW) == message_key(TOKEN, RAW)


@pytest.mark.parametrize(
    "other",
    [
        RAW.replace(b"body", b"another body"),
        RAW.replace(b"folded", b"unfolded"),
        RAW.replace(b"<1@", b"<2@"),
        RAW.replace(b"\r\n\r\n", b"\r\n"),
        b"",
    ],
)
def test_another_content_is_another_mail_even_with_the_same_message_id(other: bytes) -> None:
    assert message_key(TOKEN, other) != message_key(TOKEN, RAW)


def test_another_recipient_is_another_mail() -> None:
    assert message_key(TOKEN, RAW) != message_key(TOKEN[::-1], RAW)


def test_every_line_break_becomes_one_kind() -> None:
    assert with_crlf(b"a\nb\rc\r\nd\n\r\r\n.\n") == b"a\r\nb\r\nc\r\nd\r\n\r\n\r\n.\r\n"
