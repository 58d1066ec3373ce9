"""What a message meets before it may be sent."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from domain.outbox.gate import Ration, Stop, Waiting, look_at
from domain.outbox.model import (
    Hold,
    MessageState,
    Suppression,
    SuppressionReason,
    SuppressionScope,
)
from domain.outbox.quiet import QuietHours
from domain.outbox.shaping import Passage, Shaping

NOW = datetime(2027, 3, 1, 23, 0, tzinfo=UTC)
SHAPING = Shaping(recipient_cap=3, quiet_hours=QuietHours(start=time(22), end=time(7)))
HOUR = timedelta(hours=1)


def waiting(**changes: Any) -> Waiting:
    usual: dict[str, Any] = {
        "id": 1,
        "owner": "main",
        "kind": "meeting.notice",
        "subject": "meeting/7f3a",
        "party": 1,
        "state": MessageState.QUEUED,
        "priority": 1,
        "folded_recipient": "ana@example.org",
        "domain": "example.org",
        "expires_at": None,
        "zone": "UTC",
        "quiet": False,
        "optional": False,
        "paced_at": None,
        "held_because": None,
        "digest": None,
        "resends": 0,
    }
    return Waiting(**usual | changes)


def suppression(scope: SuppressionScope) -> Suppression:
    return Suppression(
        id=1,
        owner="main",
        address="ana@example.org",
        scope=scope,
        reason=SuppressionReason.UNSUBSCRIBED,
        created_at=NOW,
    )


def looked_at(
    message: Waiting, *suppressions: Suppression, ration: Ration | None = None
) -> Stop | None:
    return look_at(message, suppressions, ration or Ration(), SHAPING, NOW)


def test_what_nothing_speaks_against_goes() -> None:
    assert looked_at(waiting()) is None
    assert looked_at(waiting(expires_at=NOW + HOUR)) is None


def test_what_is_not_wanted_any_more_expires() -> None:
    stop = looked_at(waiting(expires_at=NOW))

    assert stop is not None
    assert stop.state is MessageState.EXPIRED


@pytest.mark.parametrize(
    ("scope", "optional", "goes"),
    [
        (SuppressionScope.ALL, False, False),
        (SuppressionScope.ALL, True, False),
        (SuppressionScope.OPTIONAL, False, True),
        (SuppressionScope.OPTIONAL, True, False),
    ],
)
def test_a_suppression_stops_the_mail_it_is_about(
    scope: SuppressionScope, optional: bool, goes: bool
) -> None:
    stop = looked_at(waiting(optional=optional), suppression(scope))

    assert (stop is None) is goes
    if stop is not None:
        assert stop.state is MessageState.SUPPRESSED
        assert "unsubscribed" in stop.detail


@pytest.mark.parametrize("held_because", [None, Hold.QUIET_HOURS])
def test_a_copy_that_is_not_wanted_says_nothing_of_the_one_that_went_before(
    held_because: Hold | None,
) -> None:
    copy = waiting(resends=1, held_because=held_because)

    expired = looked_at(copy._replace(expires_at=NOW))
    suppressed = looked_at(copy, suppression(SuppressionScope.ALL))

    assert expired is not None
    assert suppressed is not None
    assert expired.state is suppressed.state is MessageState.UNCERTAIN
    assert "Not wanted any more" in expired.detail
    assert "unsubscribed" in suppressed.detail


def test_a_copy_waits_for_the_morning_like_any_mail() -> None:
    stop = looked_at(waiting(quiet=True, resends=1))

    assert stop is not None
    assert (stop.state, stop.because) == (MessageState.HELD, Hold.QUIET_HOURS)


def test_only_what_is_quiet_waits_for_the_morning() -> None:
    stop = looked_at(waiting(quiet=True))

    assert stop is not None
    assert (stop.because, stop.until) == (Hold.QUIET_HOURS, NOW + 8 * HOUR)
    assert looked_at(waiting(quiet=False)) is None
    assert looked_at(waiting(quiet=True, zone=None)) is None


@pytest.mark.parametrize(
    ("had", "under_way", "ages", "until"),
    [
        (2, 0, (1, 2), None),
        (3, 0, (1, 2, 20), 4),  # the oldest of three is a day old in 4 hours
        (2, 1, (1, 20), 4),
        (3, 1, (1, 10, 20), 14),  # two must leave the window
        (0, 3, (), 1 / 6),  # nothing is known of what is under way; look again in ten minutes
        (3, 0, (1, 2, 24), 1 / 6),
    ],
)
def test_a_recipient_has_so_many_mails_in_a_day(
    had: int, under_way: int, ages: tuple[int, ...], until: float | None
) -> None:
    newest = tuple(NOW - age * HOUR for age in ages)
    stop = looked_at(waiting(), ration=Ration(had, under_way, newest))

    assert (stop and stop.until) == (until and NOW + until * HOUR)
    if stop is not None:
        assert (stop.state, stop.because) == (MessageState.HELD, Hold.RECIPIENT_CAP)


def test_what_is_over_for_good_is_not_held() -> None:
    over = waiting(quiet=True, expires_at=NOW)

    assert (stop := looked_at(over, suppression(SuppressionScope.ALL))) is not None
    assert stop.state is MessageState.EXPIRED


@pytest.mark.parametrize(
    ("kind", "domain", "passages"),
    [
        ("a", "x.org", [("domain/x.org", None)]),
        ("a", "slow.org", [("domain/slow.org", 2.0)]),
        ("order.paid", "x.org", [("domain/x.org", None), ("kind/order", 0.1)]),
        ("order.late.again", "x.org", [("domain/x.org", None), ("kind/order.late", 1.0)]),
        ("orders", "x.org", [("domain/x.org", None)]),
    ],
)
def test_a_message_goes_through_the_lanes_of_its_domain_and_kind(
    kind: str, domain: str, passages: list[tuple[str, float | None]]
) -> None:
    shaping = Shaping(rates_to={"slow.org": 0.5}, rates_of={"order": 10, "order.late": 1})
    wanted = tuple(
        Passage(name, None if gap is None else timedelta(seconds=gap)) for name, gap in passages
    )

    assert shaping.passages(kind, domain) == wanted


def test_a_star_is_every_other_domain_and_each_has_its_own_lane() -> None:
    shaping = Shaping(rate=4, rates_to={"*": 2, "quick.org": 0}, connections_to={"*": 1, "x": 3})

    assert shaping.passages("a", "y.org") == (
        Passage("domain/y.org", timedelta(seconds=0.5)),
        Passage("all", timedelta(seconds=0.25)),
    )
    assert shaping.passages("a", "quick.org")[0] == Passage("domain/quick.org", None)
    assert [shaping.connections_at_once(one) for one in ("x", "y")] == [3, 1]
    assert Shaping().connections_at_once("x") is None


def test_a_part_of_a_digest_is_no_mail_of_its_own() -> None:
    part = waiting(quiet=True, expires_at=NOW + HOUR)

    def at(now: datetime) -> Stop | None:
        return look_at(part, (), None, SHAPING, now)

    night, evening, late = at(NOW), at(NOW - 3 * HOUR), at(NOW + HOUR)

    assert night is not None
    assert night.because is Hold.QUIET_HOURS
    assert evening is None
    assert late is not None
    assert late.state is MessageState.EXPIRED
