"""`/metrics`: figures for monitoring, and for whom."""

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from domain.access import Scope
from tests.api.house import House
from tests.api.message_bodies import mail


def elsewhere(house: House, host: str, **headers: str) -> httpx.AsyncClient:
    """A client at that address, without a key."""
    transport = httpx.ASGITransport(house.app, client=(host, 4711))
    return httpx.AsyncClient(transport=transport, base_url="http://api.test", headers=headers)


async def test_figures_are_what_prometheus_reads(house: House) -> None:
    await house.client.post("/messages", json=mail())

    answer = await house.client.get("/metrics")

    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {each.name: each for each in text_string_to_metric_families(answer.text)}
    states = {
        sample.labels["state"]: sample.value
        for sample in families["parley_outbox_messages"].samples
    }
    assert (states["queued"], states["sent"]) == (1, 0)
    assert families["parley_outbox_due"].samples[0].value == 1
    assert {"parley_inbox_unread", "parley_quarantine_mails", "parley_suppressions"} <= set(
        families
    )


async def test_no_figure_names_anybody(house: House) -> None:
    await house.client.post("/messages", json=mail())

    text = (await house.client.get("/metrics")).text

    assert "ada" not in text.lower()
    assert "example.org" not in text


@pytest.mark.parametrize(
    ("host", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("192.0.2.7", {}, 401),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 401),
        ("127.0.0.1", {"Forwarded": "for=192.0.2.7"}, 401),
        ("127.0.0.1", {"Via": "1.1 proxy"}, 401),
        ("127.0.0.1", {"Authorization": "Bearer nonsense"}, 401),
    ],
)
async def test_without_a_key_only_this_machine_is_told(
    house: House, host: str, headers: dict[str, str], status: int
) -> None:
    answer = await elsewhere(house, host, **headers).get("/metrics")

    assert answer.status_code == status


async def test_a_key_needs_the_scope(house: House) -> None:
    client = await house.client_of("main", Scope.MESSAGES_READ, Scope.MESSAGES_WRITE)

    assert (await client.get("/metrics")).status_code == 403
    stranger = await house.client_of("other", Scope.ADMIN)
    assert (await stranger.get("/metrics")).status_code == 403
