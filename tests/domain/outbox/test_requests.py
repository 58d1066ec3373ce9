"""What integrators may ask to be sent, and when digests go out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.errors import BadInput, BadTimes
from domain.outbox.digests import (
    MOST_OCTETS,
    MOST_PARTS,
    digest_key,
    how_many_fit,
    read_key,
)
from domain.outbox.requests import (
    Correspondent,
    DigestOrder,
    Every,
    MessageOrder,
    ReadyMime,
    check_message,
    check_message_times,
    window_end,
)
from domain.postage import Postage
from tests.adapters.message_orders import order
from tests.adapters.outbox_rows import NOON

HOURLY, DAILY = DigestOrder(every=Every.HOUR), DigestOrder(every=Every.DAY)


def changed(**changes: Any) -> MessageOrder:
    return order(**changes)


@pytest.mark.parametrize("kind", ["meeting.invitation", "meeting", "parley.doctor", "digest.daily"])
def test_kinds_of_parleys_own_are_not_for_others(kind: str) -> None:
    with pytest.raises(BadInput) as refusal:
        check_message(changed(kind=kind), "parley.example")

    assert refusal.value.field == "kind"


def test_a_kind_that_only_looks_alike_is_ones_own() -> None:
    check_message(changed(kind="meetings.news"), "parley.example")


def test_nothing_is_sent_to_our_own_addresses() -> None:
    ours = Correspondent(address="r+x@parley.example")

    with pytest.raises(BadInput) as refusal:
        check_message(changed(recipient=ours), "PARLEY.example")

    assert refusal.value.field == "recipient.address"


@pytest.mark.parametrize(
    "changes",
    [{"content": ReadyMime(raw=b"x"), "digest": HOURLY}, {"send_at": NOON, "digest": HOURLY}],
)
def test_some_wishes_exclude_each_other(changes: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        check_message(changed(**changes), "parley.example")


@pytest.mark.parametrize(
    ("send_at", "expires_at", "is_fine"),
    [
        (None, None, True),
        (None, timedelta(minutes=1), True),
        (None, timedelta(0), False),
        (timedelta(hours=2), timedelta(hours=1), False),
        (timedelta(hours=1), timedelta(hours=2), True),
        (timedelta(days=-1), None, True),
        (timedelta(days=366), None, True),
        (timedelta(days=367), None, False),
    ],
)
def test_times_have_to_make_sense(
    send_at: timedelta | None, expires_at: timedelta | None, is_fine: bool
) -> None:
    postage = Postage(expires_at=None if expires_at is None else NOON + expires_at)
    asked = changed(postage=postage, send_at=None if send_at is None else NOON + send_at)

    if is_fine:
        check_message_times(asked, NOON)
    else:
        with pytest.raises(BadTimes):
            check_message_times(asked, NOON)


@pytest.mark.parametrize(
    ("digest", "zone", "wanted_for", "is_fine"),
    [
        (HOURLY, None, timedelta(minutes=60), False),
        (HOURLY, None, timedelta(minutes=61), True),
        (DAILY, None, timedelta(hours=20), False),
        (DAILY, None, timedelta(hours=21), True),
        (DAILY, "Pacific/Auckland", timedelta(hours=8), True),
    ],
)
def test_a_part_of_a_digest_must_live_until_that_goes_out(
    digest: DigestOrder, zone: str | None, wanted_for: timedelta, is_fine: bool
) -> None:
    asked = changed(digest=digest, postage=Postage(zone=zone, expires_at=NOON + wanted_for))

    if is_fine:
        check_message_times(asked, NOON)
    else:
        with pytest.raises(BadTimes, match="expire before it is sent") as refusal:
            check_message_times(asked, NOON)
        assert refusal.value.field == "expires_at"


@pytest.mark.parametrize(
    ("digest", "zone", "now", "until"),
    [
        (HOURLY, None, "2027-03-01T12:00:00", "2027-03-01T13:00:00"),
        (HOURLY, None, "2027-03-01T12:59:59", "2027-03-01T13:00:00"),
        (DAILY, None, "2027-03-01T07:59:59", "2027-03-01T08:00:00"),
        (DAILY, None, "2027-03-01T08:00:00", "2027-03-02T08:00:00"),
        (DAILY, "Africa/Lagos", "2027-03-01T06:30:00", "2027-03-01T07:00:00"),
        (DAILY, "Pacific/Auckland", "2027-03-01T12:00:00", "2027-03-01T19:00:00"),
        # The clocks of Berlin go forward in the night to the 28th: 8:00 is 6:00 UTC.
        (DAILY, "Europe/Berlin", "2027-03-27T12:00:00", "2027-03-28T06:00:00"),
    ],
)
def test_a_digest_goes_out_at_the_end_of_its_window(
    digest: DigestOrder, zone: str | None, now: str, until: str
) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)

    end = window_end(digest, zone, at)

    assert end == datetime.fromisoformat(until).replace(tzinfo=UTC)
    assert end > at


def test_parts_of_one_digest_agree_on_its_key() -> None:
    first = digest_key(changed(digest=HOURLY), NOON)
    later = digest_key(changed(digest=HOURLY, occasion="2"), NOON + timedelta(minutes=59))
    next_window = digest_key(changed(digest=HOURLY), NOON + timedelta(hours=1))

    assert first is not None
    assert later is not None
    assert first.to_text() == later.to_text()
    assert first != next_window
    assert read_key(first.to_text()) == first
    assert digest_key(changed(), NOON) is None


@pytest.mark.parametrize(
    ("sizes", "fitting"),
    [
        ([], 0),
        ([10, 10], 2),
        ([MOST_OCTETS - 10, 10, 1], 2),
        ([MOST_OCTETS - 10, 11], 1),
        ([MOST_OCTETS + 1, 1], 1),
        ([1] * (MOST_PARTS + 1), MOST_PARTS),
    ],
)
def test_a_digest_is_a_mail_that_servers_take(sizes: list[int], fitting: int) -> None:
    assert how_many_fit(sizes) == fitting
