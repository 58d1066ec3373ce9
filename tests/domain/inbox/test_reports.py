"""Which mail a complaint is about, as the token in it says."""

import pytest

from domain.inbox.reports import reported_address

DOMAIN = "parley.example"
ONE, TWO = (f"b+{letter * 26}-7@{DOMAIN}" for letter in "ab")


@pytest.mark.parametrize(
    ("body", "address"),
    [
        (f"Original-Mail-From: <{ONE}>", ONE),
        (f"Feedback-Type: abuse\r\noriginal-mail-from: {ONE.upper()}\r\nX: y", ONE.upper()),
        (f"Return-Path: <{ONE}>\r\nFrom: r+{'c' * 26}@{DOMAIN}", ONE),
        (f"Return-Path: <{TWO}>\r\nOriginal-Mail-From: <{ONE}>", ONE),
        (f"Original-Mail-From: <x@example.org>\r\nReturn-Path: <{ONE}>", ONE),
        (f"Original-Mail-From:\r\n <{ONE}>", ONE),
        (f"Original-Mail-From: <{ONE.replace('b+', 'r+').replace('-7', '')}>", None),
        (f"Original-Mail-From: <{ONE}.example.org>", None),
        (f"Original-Rcpt-To: <{ONE}>", None),
        (f"Fine: Original-Mail-From: <{ONE}>", None),
        ("Original-Mail-From: <>", None),
        ("", None),
    ],
)
def test_the_bounce_address_it_was_sent_with_tells(body: str, address: str | None) -> None:
    head = f"Return-Path: <{TWO}>\r\nOriginal-Mail-From: <{TWO}>\r\n\r\n"

    assert reported_address((head + body + "\r\n").encode(), DOMAIN) == address
