"""Webhook secrets are well formed and never repeated in a refusal."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import BadInput
from domain.webhooks.secrets import live_secrets, read_secret, write_secret

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)


def encoded(length: int) -> str:
    return base64.b64encode(bytes(range(length))).decode()


@pytest.mark.parametrize("length", [24, 32, 64])
def test_a_secret_is_read_as_it_was_written(length: int) -> None:
    written = write_secret(bytes(range(length)))

    assert written == f"whsec_{encoded(length)}"
    assert read_secret(written) == written


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        f"whsec_{encoded(23)}",
        f"whsec_{encoded(65)}",
        encoded(32),
        f"WHSEC_{encoded(32)}",
        f"whsec_{encoded(32)}!",
        f"whsec_ {encoded(32)}",
        f"whsec_{encoded(32)[:-1]}",
        "whsec_éééééééééééééééééééééééééééééééééééé",
        f"whsk_{encoded(32)}",
    ],
)
def test_a_malformed_secret_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(BadInput) as refusal:
        read_secret(text)

    assert refusal.value.field == "secret"
    assert len(text) < 10 or text[6:] not in str(refusal.value)


def test_the_previous_secret_signs_as_well_until_its_time_is_over() -> None:
    until = NOW + timedelta(hours=24)

    assert live_secrets("new", "old", until, NOW) == ("new", "old")
    assert live_secrets("new", "old", until, until) == ("new",)
    assert live_secrets("new", None, None, NOW) == ("new",)
