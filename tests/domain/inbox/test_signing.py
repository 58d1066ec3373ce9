"""Who sent a mail over HTTP: right signatures, and everything that is not one."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from domain.errors import BadInput, WrongKey
from domain.inbox.signing import (
    MAILGUN_WITHIN,
    STANDARD_WITHIN,
    StaleSignature,
    check_basic,
    check_mailgun,
    check_standard,
    with_envelope,
)

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
BODY = b"From: a@b\r\n\r\nhi\r\n"
SECONDS = str(int(NOW.timestamp()))


def test_what_the_reference_implementation_signs_is_right() -> None:
    signature = Webhook(SECRET).sign("msg_1", NOW, BODY.decode())

    check_standard(SECRET, "msg_1", SECONDS, f"v1a,x {signature}", BODY, NOW)


@pytest.mark.parametrize(
    ("id", "timestamp", "signature", "body"),
    [
        ("msg_2", SECONDS, "{}", BODY),
        ("", SECONDS, "{}", BODY),
        ("msg_1", str(int(SECONDS) + 1), "{}", BODY),
        ("msg_1", SECONDS, "{}", BODY + b"x"),
        ("msg_1", SECONDS, "", BODY),
        ("msg_1", SECONDS, "v1,é", BODY),
        ("msg_1", "soon", "{}", BODY),
    ],
)
def test_whatever_was_changed_is_not_signed(
    id: str, timestamp: str, signature: str, body: bytes
) -> None:
    right = Webhook(SECRET).sign("msg_1", NOW, BODY.decode())

    with pytest.raises(WrongKey):
        check_standard(SECRET, id, timestamp, signature.format(right), body, NOW)


def test_no_part_of_what_is_signed_can_be_read_as_another() -> None:
    right = Webhook(SECRET).sign("msg_1.1", NOW, BODY.decode())
    with pytest.raises(BadInput, match="full stop"):
        check_standard(SECRET, "msg_1.1", SECONDS, right, BODY, NOW)
    for mail_from, rcpt_to in [("a@b\nc@d", ""), ("a@b", "c@d\nFrom: x")]:
        with pytest.raises(BadInput, match="line break"):
            with_envelope(mail_from, rcpt_to, BODY)

    assert with_envelope("a@b", "\xc3\xa9@d", BODY) == "a@b\né@d\n".encode() + BODY


def standard(at: datetime) -> None:
    signature = Webhook(SECRET).sign("msg_1", NOW, BODY.decode())
    check_standard(SECRET, "msg_1", SECONDS, signature, BODY, at)


def mailgun(at: datetime) -> None:
    signature = hmac.digest(b"key", f"{SECONDS}t".encode(), hashlib.sha256).hex()
    check_mailgun("key", SECONDS, "t", signature.upper(), at)


@pytest.mark.parametrize(
    ("check", "within"), [(standard, STANDARD_WITHIN), (mailgun, MAILGUN_WITHIN)]
)
@pytest.mark.parametrize("sign", [1, -1])
def test_signatures_hold_for_a_while_in_both_directions(
    check: Callable[[datetime], None], within: timedelta, sign: int
) -> None:
    check(NOW + sign * within)
    with pytest.raises(StaleSignature):
        check(NOW + sign * (within + timedelta(seconds=1)))


@pytest.mark.parametrize("timestamp", ["", "x", "²", "1" * 12, "-1"])
def test_a_timestamp_that_is_none_is_refused(timestamp: str) -> None:
    right = hmac.digest(b"key", f"{timestamp}t".encode(), hashlib.sha256).hex()

    with pytest.raises(WrongKey):
        check_mailgun("key", timestamp, "t", right, NOW)


@pytest.mark.parametrize(
    "header",
    ["", "Basic", "Basic x", "Basic é", "Bearer cG9zdG1hcms6cHc=", "Basic cG9zdG1hcms6eA=="],
)
def test_another_password_is_refused(header: str) -> None:
    check_basic("postmark", "pw", "basic cG9zdG1hcms6cHc=")
    with pytest.raises(WrongKey):
        check_basic("postmark", "pw", header)


def test_text_that_no_utf8_has_is_merely_wrong() -> None:
    with pytest.raises(WrongKey):
        check_mailgun("key", "1", "\ud800", "\ud800", NOW)
