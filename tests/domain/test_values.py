"""Shared values: what they let in and what they refuse."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from domain.errors import BadAddress, BadInput, BadTimes, UnknownZone
from domain.values import (
    Line,
    Slot,
    as_address,
    as_instant,
    as_line,
    as_prose,
    as_zone,
    same_mailbox,
    scrubbed,
)

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        datetime(2027, 3, 1, 12),  # noqa: DTZ001  # the naive one is the case
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
        datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-14))),
        datetime(2100, 1, 1, 0, 1, tzinfo=UTC),
    ],
)
def test_times_that_cannot_be_reckoned_with_are_refused(value: datetime) -> None:
    with pytest.raises(BadTimes):
        as_instant(value)


def test_an_instant_is_utc_whatever_offset_it_came_with() -> None:
    lisbon_summer = datetime(2027, 7, 1, 10, tzinfo=timezone(timedelta(hours=1)))

    assert as_instant(lisbon_summer) == datetime(2027, 7, 1, 9, tzinfo=UTC)
    assert as_instant(lisbon_summer).tzinfo is UTC


@pytest.mark.parametrize("length", [timedelta(0), timedelta(hours=-1)])
def test_a_slot_ends_after_it_starts(length: timedelta) -> None:
    with pytest.raises(ValidationError, match="must end after it starts"):
        Slot(start=NOON, end=NOON + length)


@pytest.mark.parametrize(
    "name",
    ["", "Europe", "Mars/Olympus", "../../etc/passwd", "localtime", "x" * 5000, "Europe/Lisbon\0"],
)
def test_what_is_no_zone_is_refused_without_touching_a_file(name: str) -> None:
    with pytest.raises(UnknownZone):
        as_zone(name)


@pytest.mark.parametrize(
    "text",
    [
        "a@b@example.org",
        "alice@example.org)bob@evil.example",
        '"a b"@example.org',
        "a@[127.0.0.1]",
        "a@example.org\r\nBcc: x@example.com",
        "a@exa mple.org",
        "@example.org",
        "a@",
        "a..b@example.org",
        "x" * 65 + "@example.org",
        "a@" + "x" * 64 + ".org",
    ],
)
def test_what_is_not_one_address_is_refused(text: str) -> None:
    with pytest.raises(BadAddress):
        as_address(text)


def test_an_address_keeps_its_local_part_and_folds_its_domain() -> None:
    assert as_address(" Ada.L+cal@Example.ORG ") == "Ada.L+cal@example.org"
    assert same_mailbox("Ada@example.org", "ada@example.org")


@pytest.mark.parametrize(
    "text", ["a\nb", "a\r\nBcc: b", "a\x00", "\u202eabc", "\ud800", "a\u2028b"]
)
def test_a_line_holds_nothing_that_could_break_a_header(text: str) -> None:
    with pytest.raises(BadInput):
        as_line(text)
    with pytest.raises(ValidationError):
        TypeAdapter(Line).validate_python(text)


def test_a_refused_value_does_not_repeat_what_it_was_given() -> None:
    """Such errors end up in logs and histories."""
    with pytest.raises(ValidationError) as refused:
        Slot.model_validate({"start": "someone@example.org"})

    assert "someone" not in str(refused.value)


def test_prose_keeps_its_lines() -> None:
    assert as_prose("one\r\ntwo\rthree") == "one\ntwo\nthree"


@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_scrubbed_text_is_always_clean_prose(text: str) -> None:
    clean = scrubbed(text, limit=100)

    assert as_prose(clean) == clean
    assert len(clean) <= 100
