"""Verdicts from facts, by RFC 5546 and by what clients do."""

import pytest

from domain.inbox.model import Participant, Statement, Verdict
from domain.inbox.rules import answers_of, verdict_of

ALICE, BOB, EVE = "alice@example.org", "bob@example.net", "eve@example.com"
PARLEY = "r+token@parley.example"


def person(address: str, partstat: str = "ACCEPTED", **more: object) -> Participant:
    return Participant.model_validate({"address": address, "partstat": partstat, **more})


def said(method: str | None, *people: Participant, **more: object) -> Statement:
    return Statement.model_validate({"method": method, "participants": people, **more})


@pytest.mark.parametrize(
    ("statement", "verdict"),
    [
        (said("REPLY", person(ALICE)), Verdict.ANSWER),
        (said("COUNTER", person(ALICE), proposes=True), Verdict.PROPOSAL),
        (said("COUNTER", proposes=True), Verdict.PROPOSAL),
        (said("COUNTER", person(ALICE, "TENTATIVE")), Verdict.ANSWER),  # E3: the same time
        (said("REPLY", person(ALICE, "TENTATIVE"), proposes=True), Verdict.PROPOSAL),  # iOS
        (said("REPLY"), Verdict.NOTE),
        (said("REPLY", person(ALICE, "NEEDS-ACTION")), Verdict.NOTE),
        (said("REPLY", person(ALICE, "DELETED")), Verdict.NOTE),
        (said("REPLY", person(PARLEY), organizers=(PARLEY,)), Verdict.NOTE),
        (said("REFRESH"), Verdict.REFRESH),
        (said("CANCEL", person(ALICE)), Verdict.CANCELLATION),
        (said("REQUEST", person(ALICE)), Verdict.IGNORED),
        (said("REQUEST", person(ALICE, "DELEGATED")), Verdict.DELEGATION),
        (said("REQUEST", person(EVE, delegated_from=[ALICE])), Verdict.DELEGATION),
        (said("PUBLISH"), Verdict.IGNORED),
        (said("ADD"), Verdict.IGNORED),
        (said("DECLINECOUNTER"), Verdict.IGNORED),
        (said("X-UNHEARD-OF"), Verdict.IGNORED),
        (said(None, person(ALICE)), Verdict.IGNORED),
        (said("REPLY", person(ALICE), about_event=False), Verdict.IGNORED),
    ],
)
def test_a_method_and_its_participants_make_the_verdict(
    statement: Statement, verdict: Verdict
) -> None:
    assert verdict_of(statement) is verdict


def test_whom_the_mail_went_to_is_the_organizer_where_nothing_else_says_so() -> None:
    people = (person(ALICE), person(PARLEY))

    assert [line.attendee for line in answers_of(said("REPLY", *people))] == [ALICE, PARLEY]
    addressed = said("REPLY", *people, recipients=(PARLEY,))
    assert [line.attendee for line in answers_of(addressed)] == [ALICE]
    named = said("REPLY", *people, recipients=(ALICE,), organizers=(PARLEY,))
    assert [line.attendee for line in answers_of(named)] == [ALICE]


def test_a_delegation_waits_for_the_delegate() -> None:
    delegator = person(ALICE, "DELEGATED", delegated_to=[EVE])
    delegate = person(EVE, delegated_from=[ALICE])

    assert verdict_of(said("REPLY", delegator)) is Verdict.DELEGATION
    assert verdict_of(said("REPLY", delegator, delegate)) is Verdict.ANSWER
    assert verdict_of(said("REPLY", delegate)) is Verdict.ANSWER
    assert verdict_of(said("REPLY", delegator, person(BOB))) is Verdict.DELEGATION


def test_only_lines_that_answer_are_answers() -> None:
    people = (person(ALICE), person(BOB, "NEEDS-ACTION"), person(EVE, "DECLINED"), person(PARLEY))

    lines = answers_of(said("REPLY", *people, organizers=(PARLEY,)))

    assert [(line.attendee, line.partstat) for line in lines] == [
        (ALICE, "ACCEPTED"),
        (EVE, "DECLINED"),
    ]


def test_one_who_says_two_things_says_nothing() -> None:
    torn = said("REPLY", person(ALICE), person(ALICE, "DECLINED"), person(BOB))
    twice = said("REPLY", person(ALICE), person(ALICE))

    assert [line.attendee for line in answers_of(torn)] == [BOB]
    assert [line.attendee for line in answers_of(twice)] == [ALICE]


def test_the_chair_is_the_organizer_where_none_is_named() -> None:
    chair = person(PARLEY, chairs=True)

    assert [line.attendee for line in answers_of(said("REPLY", chair, person(ALICE)))] == [ALICE]
    assert [line.attendee for line in answers_of(said("REPLY", chair))] == [PARLEY]


@pytest.mark.parametrize("method", ["CANCEL", "REFRESH", "PUBLISH", "ADD", "DECLINECOUNTER", None])
def test_other_methods_answer_nothing(method: str | None) -> None:
    assert answers_of(said(method, person(ALICE))) == ()
