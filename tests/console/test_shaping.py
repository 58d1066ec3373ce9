"""Limits on mail are read from the settings, and those that cannot be meant are refused."""

import json
from datetime import time
from typing import Any

import pytest

from console.shaping import shaping_of
from domain.errors import BadInput
from domain.outbox.shaping import Passage
from settings import Settings


def test_without_settings_only_the_cap_of_a_recipient_holds() -> None:
    shaping = shaping_of(Settings())

    assert shaping.recipient_cap == 100
    assert shaping.passages("order.paid", "example.org") == (Passage("domain/example.org", None),)


def test_limits_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    values: dict[str, Any] = {
        "MAILS_PER_SECOND": 50,
        "MAILS_PER_SECOND_TO": {"Example.ORG": 2, "*": 20},
        "MAILS_PER_SECOND_OF": {"meeting": 10},
        "CONNECTIONS_TO": {"example.org": 1},
        "QUIET_HOURS": "22:00-07:00",
        "RECIPIENT_CAP": 5,
    }
    for name, value in values.items():
        said = value if isinstance(value, str) else json.dumps(value)
        monkeypatch.setenv(f"PARLEY_{name}", said)

    shaping = shaping_of(Settings())

    seconds = {
        lane: interval and interval.total_seconds()
        for lane, interval in shaping.passages("meeting.invitation", "example.org")
    }
    assert seconds == {"domain/example.org": 0.5, "kind/meeting": 0.1, "all": 0.02}
    assert shaping.connections_at_once("example.org") == 1
    assert shaping.quiet_hours is not None
    assert (shaping.quiet_hours.start, shaping.quiet_hours.end) == (time(22), time(7))
    assert shaping.recipient_cap == 5


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("quiet_hours", "ten to seven"),
        ("quiet_hours", "07:00-07:00"),
        ("mails_per_second_to", {"example.org": -1}),
        ("mails_per_second_of", {"": 1}),
        ("connections_to", {"example.org": -2}),
        ("mails_per_second_to", {"example.org": float("inf")}),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_name(setting: str, value: object) -> None:
    settings = Settings().model_copy(update={setting: value})

    with pytest.raises(BadInput, match=f"PARLEY_{setting.upper()}"):
        shaping_of(settings)
