"""Fingerprints of commands."""

from domain.commands import fingerprint


def test_equal_bodies_have_equal_fingerprints_whatever_their_order() -> None:
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": [1, 2], "a": 1})


def test_another_body_has_another_fingerprint() -> None:
    assert fingerprint({"a": 1}) != fingerprint({"a": "1"})
    assert fingerprint({"a": [1, 2]}) != fingerprint({"a": [2, 1]})


def test_half_a_surrogate_pair_has_a_fingerprint_too() -> None:
    assert fingerprint({"a": "\ud800"})
