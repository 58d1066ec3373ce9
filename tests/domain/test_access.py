"""Capabilities and keys: what a token says, and for whom."""

import pytest

from domain.access import (
    TOKEN_LENGTH,
    Capability,
    Principal,
    Purpose,
    Scope,
    derive_token,
    numbered,
    read_token_address,
    token_address,
    token_hash,
)
from domain.errors import NotAllowed

SECRET = b"s" * 32
REPLY = Capability(purpose=Purpose.REPLY, stream="meeting/7f3a", party=1)


def test_a_token_survives_being_lower_cased_on_the_way() -> None:
    token = derive_token(SECRET, REPLY)

    assert token == token.lower()
    assert len(token) == TOKEN_LENGTH
    assert read_token_address(f"R+{token.upper()}@Parley.Example.NET", "parley.example.net") == (
        Purpose.REPLY,
        token,
        None,
    )


def test_the_bounce_address_of_a_message_gives_its_number() -> None:
    token = derive_token(SECRET, REPLY)
    address = token_address(Purpose.BOUNCE, token, "parley.example.net", 4711)
    assert read_token_address(address.upper(), "parley.example.net") == (
        Purpose.BOUNCE,
        token,
        4711,
    )


@pytest.mark.parametrize(
    "other",
    [
        Capability(purpose=Purpose.PAGE, stream="meeting/7f3a", party=1),
        Capability(purpose=Purpose.REPLY, stream="meeting/7f3a", party=2),
        Capability(purpose=Purpose.REPLY, stream="meeting/7f3b", party=1),
        Capability(purpose=Purpose.REPLY, stream="meeting/7f3a", party=1, generation=2),
    ],
)
def test_every_capability_has_a_token_of_its_own(other: Capability) -> None:
    assert derive_token(SECRET, REPLY) != derive_token(SECRET, other)


def test_a_token_of_one_purpose_is_unknown_for_another() -> None:
    token = derive_token(SECRET, REPLY)

    assert token_hash(Purpose.REPLY, token) != token_hash(Purpose.PAGE, token)


@pytest.mark.parametrize(
    "address",
    [
        "ada@parley.example.net",
        "r+short@parley.example.net",
        "x+" + "a" * 26 + "@parley.example.net",
        "r+" + "a" * 26 + "@example.org",
        "r+" + "a" * 25 + "é@parley.example.net",
        "r+" + "a" * 26 + "-1@parley.example.net",
        "b+" + "a" * 26 + "-@parley.example.net",
        "b+" + "a" * 26 + "-0@parley.example.net",
        "b+" + "a" * 26 + "-1-1@parley.example.net",
        "b+" + "a" * 26 + "-x1@parley.example.net",
        "b+" + "a" * 26 + "-" + "9" * 19 + "@parley.example.net",
        "",
    ],
)
def test_other_addresses_are_not_ours(address: str) -> None:
    assert read_token_address(address, "parley.example.net") is None


def test_a_token_address_fits_a_local_part() -> None:
    token = derive_token(SECRET, REPLY)
    address = token_address(Purpose.BOUNCE, token, "parley.example.net", 10**18 - 1)

    assert read_token_address(address, "parley.example.net") is not None
    assert len(address.partition("@")[0]) <= 64


def test_the_bounces_of_a_message_come_back_with_its_number() -> None:
    token = derive_token(SECRET, REPLY)
    of_party = token_address(Purpose.BOUNCE, token, "parley.example.net")

    address = numbered(of_party, 42)

    assert read_token_address(address, "parley.example.net") == (Purpose.BOUNCE, token, 42)
    assert numbered(address, 43) == address
    for other in ("", "ana@example.org", token_address(Purpose.REPLY, token, "parley.example.net")):
        assert numbered(other, 42) == other


def test_a_key_may_do_what_its_scopes_say_and_an_admin_everything() -> None:
    reader = Principal(key_id="k", owner="main", scopes=frozenset({Scope.MEETINGS_READ}))
    admin = Principal(key_id="k", owner="main", scopes=frozenset({Scope.ADMIN}))

    reader.needs(Scope.MEETINGS_READ)
    admin.needs(Scope.WEBHOOKS)
    with pytest.raises(NotAllowed, match="meetings:write"):
        reader.needs(Scope.MEETINGS_WRITE)
