"""The watch on the relay: one connection too many is no outage, and an outage is seen at once."""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import count

import pytest

from adapters.outgoing.relay import Heard, RelayWatch
from domain.outbox.model import Phase, Report

OK = Report(phase=Phase.DONE, code=250)
ABSENT = Report(phase=Phase.CONNECT, reply="connection refused")
FULL = Report(phase=Phase.CONNECT, code=421, reply="4.7.0 too many connections")
UNWELL = Report(phase=Phase.MAIL, code=451, reply="4.3.5 configuration error")


@dataclass
class Clock:
    """Seconds that pass when told to."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Ground:
    """A watch with its clock, and attempts that end as soon as they begin; each is another
    message's unless said otherwise."""

    clock: Clock
    watch: RelayWatch
    numbers: "count[int]"

    def hears(
        self, report: Report, dots: Collection[float] = (), message: int | None = None
    ) -> Heard:
        self.clock.seconds += 0.02
        begun = self.watch.begin(next(self.numbers) if message is None else message)
        return self.watch.note(report, begun, dots)


@pytest.fixture
def ground() -> Ground:
    clock = Clock()
    return Ground(clock, RelayWatch(8, clock), count(1))


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
    begun = ground.watch.begin(1)
    ground.clock.seconds += 1

    heard = [ground.watch.note(FULL, begun, ()) for _ in range(5)]

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
    dots = [ground.clock.seconds]

    for _ in range(9):
        assert ground.hears(ABSENT, dots) is Heard.CROWDED
    assert ground.watch.at_once == 1


@pytest.mark.parametrize("report", [ABSENT, FULL, UNWELL])
def test_a_message_that_hangs_after_its_dot_hides_no_outage(ground: Ground, report: Report) -> None:
    ground.hears(OK)
    dots = [ground.clock.seconds]

    heard = set()
    while ground.clock.seconds < 8:
        ground.clock.seconds += 0.3
        heard.add(ground.hears(report, dots))

    assert Heard.LOST in heard


def test_a_few_messages_refused_at_mail_are_no_outage_and_slow_nothing_down(
    ground: Ground,
) -> None:
    for _ in range(20):
        for _ in range(10):
            ground.hears(OK)
        assert [ground.hears(UNWELL) for _ in range(2)] == [Heard.CROWDED] * 2
        assert ground.watch.pause == 0

    assert ground.watch.at_once == 8


def test_a_message_that_is_always_refused_at_mail_is_no_outage(ground: Ground) -> None:
    ground.hears(OK)
    ground.clock.seconds += 3600

    assert {ground.hears(UNWELL, message=7) for _ in range(50)} == {Heard.CROWDED}
    assert ground.watch.at_once == 8


def test_a_relay_that_took_a_message_since_fewer_were_under_way_is_not_down(
    ground: Ground,
) -> None:
    for _ in range(9):
        ground.hears(OK)
        assert ground.hears(FULL) is Heard.CROWDED

    assert ground.watch.at_once == 1


def test_a_relay_that_refuses_every_mail_is_asked_slowly_and_then_down(
    ground: Ground,
) -> None:
    ground.hears(OK)
    taken = ground.clock.seconds

    while ground.hears(UNWELL) is Heard.CROWDED:
        ground.clock.seconds += ground.watch.pause

    assert 4 < ground.clock.seconds - taken < 7
    assert next(ground.numbers) < 60
    ground.hears(OK)
    assert ground.watch.pause == 0


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
