"""What one peer may bring: a minute's worth at once, and as much again in each minute."""

from adapters.intake.rates import MOST_PEERS, PeerRate


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_peer_brings_a_minutes_worth_and_then_waits() -> None:
    clock = Clock()
    rate = PeerRate(3, clock)

    assert [rate.take("8.8.8.8") for _ in range(4)] == [True, True, True, False]
    assert not rate.has_room("8.8.8.8")
    clock.now += 20  # one third of a minute: one mail
    assert rate.has_room("8.8.8.8")
    assert [rate.take("8.8.8.8") for _ in range(2)] == [True, False]


def test_less_than_one_a_minute_is_one_now_and_then() -> None:
    clock = Clock()
    rate = PeerRate(0.5, clock)

    assert [rate.take("8.8.8.8") for _ in range(2)] == [True, False]
    clock.now += 120
    assert rate.take("8.8.8.8")


def test_peers_do_not_take_each_others_room() -> None:
    rate = PeerRate(1, Clock())

    assert rate.take("8.8.8.8")
    assert rate.take("8.8.4.4")
    assert not rate.take("8.8.8.8")


def test_uncounted_peers_and_no_limit_have_room_for_ever() -> None:
    clock = Clock()

    assert all(PeerRate(1, clock).take(None) for _ in range(10))
    assert all(PeerRate(0, clock).take("8.8.8.8") for _ in range(10))


def test_remembering_peers_is_bounded() -> None:
    rate = PeerRate(1, Clock())
    for number in range(MOST_PEERS + 1):
        rate.take(str(number))

    assert rate.take("0")  # forgotten, and so free again
    assert not rate.take(str(MOST_PEERS))
