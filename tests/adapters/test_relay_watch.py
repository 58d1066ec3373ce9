"""The watch on the relay: one connection too many is no outage, and an outage is seen at once."""

from dataclasses import dataclass

import pytest

from adapters.outgoing.relay import Heard, RelayWatch
from domain.outbox.model import Phase, Report

OK = Report(phase=Phase.DONE, code=250)
ABSENT = Report(phase=Phase.CONNECT, reply="connection refused")
FULL = Report(phase=Phase.CONNECT, code=421, reply="4.7.0 too many connections")


@dataclass
class Clock:
    """Seconds that pass when told to."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Ground:
    """A watch with its clock, and attempts that end as soon as they begin."""

    clock: Clock
    watch: RelayWatch

    def hears(self, report: Report, in_use: int = 0) -> Heard:
        self.clock.seconds += 0.001
        return self.watch.note(report, self.watch.begin(), in_use)


@pytest.fixture
def ground() -> Ground:
    clock = Clock()
    return Ground(clock, RelayWatch(8, clock))


def test_a_refused_connection_halves_those_in_use_and_they_come_back_by_and_by(
    ground: Ground,
) -> None:
    ground.hears(OK)

    assert ground.hears(ABSENT) is Heard.CROWDED
    assert ground.watch.at_once == 4
    ground.clock.seconds += 1
    assert ground.watch.at_once == 5
    ground.clock.seconds += 60
    assert ground.watch.at_once == 8
    assert not ground.watch.is_down


def test_those_that_began_together_are_one_refusal(ground: Ground) -> None:
    begun = ground.watch.begin()
    ground.clock.seconds += 1

    heard = [ground.watch.note(FULL, begun, 0) for _ in range(5)]

    assert heard == [Heard.CROWDED] * 5
    assert ground.watch.at_once == 4


def test_a_relay_that_was_never_reached_is_down_at_once(ground: Ground) -> None:
    assert ground.hears(ABSENT) is Heard.LOST
    assert ground.watch.fault == "connection refused"
    assert ground.hears(ABSENT) is Heard.NOTHING


@pytest.mark.parametrize("report", [ABSENT, FULL])
def test_a_relay_that_refuses_even_one_connection_is_down(ground: Ground, report: Report) -> None:
    ground.hears(OK)

    assert [ground.hears(report) for _ in range(4)] == [Heard.CROWDED] * 3 + [Heard.LOST]


def test_while_a_message_waits_for_its_reply_the_relay_is_not_down(ground: Ground) -> None:
    for _ in range(9):
        assert ground.hears(ABSENT, in_use=1) is Heard.CROWDED
    assert ground.watch.at_once == 1


def test_only_a_relay_that_says_no_is_asked_more_and_more_seldom(ground: Ground) -> None:
    pauses = []
    for _ in range(9):
        ground.hears(ABSENT)
        pauses.append(ground.watch.probe_after(2.0))
    for _ in range(6):
        ground.hears(FULL)
        pauses.append(ground.watch.probe_after(2.0))
    ground.hears(OK)

    assert pauses == [2.0] * 9 + [4.0, 8.0, 16.0, 32.0, 32.0, 32.0]
    assert ground.watch.probe_after(2.0) == 2.0
