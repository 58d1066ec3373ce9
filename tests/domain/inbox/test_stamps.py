"""Whom a mail in a mailbox was for, told from its headers."""

import pytest

from domain.inbox.stamps import envelope_of

DOMAIN = "parley.example"
ONE, TWO = f"r+{'a' * 26}@{DOMAIN}", f"b+{'b' * 26}-4711@{DOMAIN}"


@pytest.mark.parametrize(
    ("head", "recipients"),
    [
        (f"Delivered-To: {ONE}", (ONE,)),
        (f"X-Original-To: <{ONE}>\r\nTo: {TWO}", (ONE,)),  # the server's word comes first
        (f"Delivered-To: intake@{DOMAIN}\r\nTo: Ana <{ONE.upper()}>,\r\n {TWO}", (ONE, TWO)),
        (f"CC: {ONE}, {ONE}", (ONE,)),
        (f"To: {ONE}\nDelivered-To: {TWO}", (TWO,)),
        (f"Subject: {ONE}", ()),
        (f"To: {ONE}.example.org", ()),
        (f"To: x{ONE}", ()),
        (f"To: {ONE.replace('@', '@x.')}", ()),
        (f"To: p+x@{DOMAIN}", ()),
        ("", ()),
    ],
)
def test_token_addresses_are_found_where_servers_write_them(
    head: str, recipients: tuple[str, ...]
) -> None:
    raw = f"{head}\r\n\r\nDelivered-To: r+{'c' * 26}@{DOMAIN}\r\n".encode()

    assert envelope_of(raw, DOMAIN).recipients == recipients


def test_the_address_for_complaints_is_found_beside_them() -> None:
    raw = (
        f"Delivered-To: x@y\r\nTo: FBL <Fbl@{DOMAIN}>\r\nCc: {TWO}, afbl@{DOMAIN}\r\n\r\n".encode()
    )

    assert envelope_of(raw, DOMAIN, f"fbl@{DOMAIN}").recipients == (f"fbl@{DOMAIN}", TWO)
    assert envelope_of(raw, DOMAIN).recipients == (TWO,)


@pytest.mark.parametrize(
    ("head", "sender"),
    [
        (b"Return-Path: <ana@example.org>", "ana@example.org"),
        (b"Return-Path: <>", ""),
        (b"Return-Path: \xff<a\r\n b>", ""),
        (b"From: x <eve@example.org>\r\nReturn-Path: <>", ""),
        (b"From: Ana <ana@example.org>", "ana@example.org"),
        (b"From: ana@example.org (Ana)", "ana@example.org"),
        (b"From: nobody", ""),
        (b"To: ana@example.org", ""),
    ],
)
def test_the_sender_is_the_return_path_or_whom_it_is_from(head: bytes, sender: str) -> None:
    assert envelope_of(head + b"\r\n\r\n", DOMAIN).mail_from == sender


def test_everybody_is_found_in_a_head_of_bounded_length() -> None:
    many = ", ".join(f"r+{n:026}@{DOMAIN}" for n in range(50)).encode()

    assert len(envelope_of(b"To: " + many + b"\r\n\r\n", DOMAIN).recipients) == 50
    assert envelope_of(b"X: y\r\n" * 100_000 + b"To: " + ONE.encode(), DOMAIN).recipients == ()
