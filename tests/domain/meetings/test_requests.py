"""What an owner may ask for."""

from datetime import datetime, timedelta

import pytest

from domain.errors import BadAddress, BadInput, BadTimes
from domain.meetings.model import Terms
from domain.meetings.requests import (
    MeetingOrder,
    PartyOrder,
    check_addresses,
    check_answer_time,
    check_order,
    check_slots,
    is_ours,
    reminders_within,
)
from domain.values import Slot
from tests.domain.meetings.story import DAY, FIRST, HOUR, SECOND, START, slot


@pytest.mark.parametrize(
    ("slots", "field"),
    [
        ((Slot(start=START, end=START + HOUR),), "slots[0].start"),  # now is not the future
        ((FIRST, Slot(start=START - DAY, end=START)), "slots[1].start"),
        ((FIRST, SECOND, FIRST), "slots[2]"),
        ((slot(10, length=DAY + timedelta(seconds=1)),), "slots[0].end"),
        ((slot(5 * 366 + 1),), "slots[0].start"),
        ((slot(10, length=timedelta(microseconds=1)),), "slots[0]"),
    ],
)
def test_a_slot_that_could_never_be_met_is_named(slots: tuple[Slot, ...], field: str) -> None:
    with pytest.raises(BadTimes) as refusal:
        check_slots(slots, START)

    assert refusal.value.field == field


def test_overlapping_slots_are_choices_and_stand() -> None:
    check_slots((FIRST, slot(10, 9, length=2 * HOUR), slot(10, length=DAY)), START)


@pytest.mark.parametrize(
    ("address", "ours"),
    [
        ("a@parley.example.org", True),
        ("a@PARLEY.example.org", True),
        ("a@mail.parley.example.org", True),
        ("a@example.org", False),
        ("a@notparley.example.org", False),
        ("parley.example.org@example.com", False),
    ],
)
def test_mail_to_ourselves_is_recognised(address: str, ours: bool) -> None:
    assert is_ours(address, "parley.example.org") is ours


@pytest.mark.parametrize(
    ("second", "word"),
    [
        ("Ada@example.org", "same address"),
        ("r+abc@parley.example.org", "belongs to Parley"),
    ],
)
def test_every_party_needs_a_mailbox_of_its_own(second: str, word: str) -> None:
    with pytest.raises(BadAddress, match=word) as refusal:
        check_addresses(["ada@example.org", second], "parley.example.org")

    assert refusal.value.field == "parties[1].address"


@pytest.mark.parametrize("hours", [0, 60 * 24 + 1])
def test_people_get_a_sensible_time_to_answer(hours: int) -> None:
    with pytest.raises(BadInput):
        check_answer_time(timedelta(hours=hours))


def test_the_usual_reminders_come_before_the_deadline() -> None:
    assert reminders_within(timedelta(days=7)) == (2 * DAY, 5 * DAY)
    assert reminders_within(timedelta(days=5)) == (2 * DAY,)
    assert reminders_within(timedelta(days=1)) == ()


def test_a_good_order_passes() -> None:
    parties = tuple(
        PartyOrder(name=name, address=f"{name}@example.org", zone="Europe/Lisbon")
        for name in ("ada", "ben")
    )
    order = MeetingOrder(title="Talk", parties=parties, terms=Terms(slots=(FIRST,)))

    check_order(order, START, "parley.example.org")

    with pytest.raises(BadTimes):
        check_order(order, datetime.max.replace(year=2090, tzinfo=START.tzinfo), "x.example")
