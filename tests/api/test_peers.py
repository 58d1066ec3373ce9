"""Who is at the other end of a connection."""

import pytest
from fastapi import Request

from api.peers import is_local, is_loopback, peer_of


def request_from(host: str | None) -> Request:
    return Request({"type": "http", "client": None if host is None else (host, 1)})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "localhost"])
def test_this_machine_is_known_by_all_its_names(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", None, "192.168.1.5", "203.0.113.9", "2001:db8::1", "0.0.0.0", "localhost.example"]
)
def test_nothing_else_is_this_machine(host: str | None) -> None:
    assert not is_loopback(host)
    assert not is_local(request_from(host))


def test_a_network_of_ipv6_is_one_peer() -> None:
    one, same, other = (
        peer_of(request_from(host)) for host in ("2001:db8::1", "2001:db8::ff:2", "2001:db8:0:1::1")
    )
    assert one == same != other


def test_an_ipv4_peer_is_the_same_over_ipv6() -> None:
    assert peer_of(request_from("::ffff:203.0.113.9")) == peer_of(request_from("203.0.113.9"))


def test_a_peer_without_an_address_is_a_peer() -> None:
    assert peer_of(request_from(None)) == ""
