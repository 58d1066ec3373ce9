"""How much one caller may ask, and what the others notice of it: nothing."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from adapters.db.database import Database
from adapters.db.keys import SqlKeys
from api.app import Parts, create_app
from api.limits import (
    GUESSES_AT_ONCE,
    MOST_NAMES,
    STREAMS_PER_KEY,
    Places,
    Rate,
    TooMany,
    limits_for,
)
from domain.access import Scope
from settings import Settings
from tests.api.house import NOW, SECRET
from tests.api.raw_sse import open_stream, serving
from tests.patience import until


@dataclass
class Ticks:
    """Seconds that pass when told to."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def app(sqlite_database: Database, tmp_path: Path, ticks: Ticks) -> FastAPI:
    """An application that takes two requests a second of each key."""
    settings = Settings(data_dir=tmp_path, requests_per_second=2)
    return create_app(
        Parts(settings, sqlite_database, SECRET, lambda _: None, lambda: NOW, ticks=ticks)
    )


Caller = Callable[..., httpx.AsyncClient]


@pytest.fixture
def calling(app: FastAPI) -> Caller:
    """Makes clients with a key of their own, each from an address."""

    def client(key: str = "", peer: str = "203.0.113.9") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app, client=(peer, 40000))
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.AsyncClient(transport=transport, base_url="http://api.test", headers=headers)

    return client


async def key(database: Database) -> str:
    _, text = await SqlKeys(database).create("main", "test", [Scope.ADMIN], NOW)
    return text


def test_a_burst_is_taken_and_then_one_waits(ticks: Ticks) -> None:
    rate = Rate(3, 2, ticks)
    for _ in range(3):
        rate.take("one")

    with pytest.raises(TooMany) as refusal:
        rate.take("one")
    rate.take("another")

    assert refusal.value.retry_after == 1
    ticks.seconds += 0.5
    rate.take("one")
    with pytest.raises(TooMany):
        rate.take("one")


def test_less_than_one_mail_a_minute_is_one_now_and_then(ticks: Ticks) -> None:
    mails = limits_for(1, ticks, 0.5).mails
    assert mails is not None
    mails.take("peer")

    with pytest.raises(TooMany):
        mails.take("peer")
    ticks.seconds += 120
    mails.take("peer")


def test_retry_after_is_long_enough(ticks: Ticks) -> None:
    rate = Rate(1, 0.1, ticks)
    rate.take("one")
    with pytest.raises(TooMany) as refusal:
        rate.take("one")

    ticks.seconds += refusal.value.retry_after
    rate.take("one")


def test_looking_takes_nothing(ticks: Ticks) -> None:
    rate = Rate(1, 1, ticks)
    for _ in range(5):
        rate.check("one")
    rate.take("one")
    with pytest.raises(TooMany):
        rate.check("one")


def test_being_refused_does_not_prolong_the_wait(ticks: Ticks) -> None:
    rate = Rate(1, 1, ticks)
    rate.take("one")
    for _ in range(50):
        with pytest.raises(TooMany):
            rate.take("one")

    ticks.seconds += 1
    rate.take("one")


def test_memory_stays_bounded(ticks: Ticks) -> None:
    rate = Rate(1, 1, ticks)
    for number in range(MOST_NAMES + 5):
        rate.take(str(number))

    rate.take("0")  # forgotten, so it begins anew
    with pytest.raises(TooMany):
        rate.take(str(MOST_NAMES))


@given(
    at_once=st.integers(1, 20),
    per_second=st.integers(1, 20),
    pauses=st.lists(st.sampled_from([0.0, 0.01, 0.1, 1.0]), max_size=200),
)
def test_nobody_gets_more_than_the_burst_and_the_rate(
    at_once: int, per_second: int, pauses: list[float]
) -> None:
    ticks, taken = Ticks(), 0
    rate = Rate(at_once, per_second, ticks)
    for pause in pauses:
        ticks.seconds += pause
        try:
            rate.take("one")
            taken += 1
        except TooMany:
            assert taken >= at_once

    assert taken <= at_once + per_second * ticks.seconds + 0.01


def test_a_place_is_free_again_however_it_was_left() -> None:
    places = Places(1)
    with places.held("one"), places.held("another"), pytest.raises(TooMany):
        places.held("one").__enter__()
    with suppress(ZeroDivisionError), places.held("one"):
        raise ZeroDivisionError

    with places.held("one"):
        pass


async def test_a_key_that_asks_too_much_is_told_when_to_come_back(
    sqlite_database: Database, calling: Caller, ticks: Ticks
) -> None:
    busy, calm = calling(await key(sqlite_database)), calling(await key(sqlite_database))
    answers = [await busy.get("/meetings") for _ in range(5)]

    assert [answer.status_code for answer in answers] == [200] * 4 + [429]
    assert answers[-1].headers["retry-after"] == "1"
    assert answers[-1].headers["content-type"] == "application/problem+json"
    assert answers[-1].json()["code"] == "too-many-requests"
    assert (await calm.get("/meetings")).status_code == 200
    ticks.seconds += 1
    assert (await busy.get("/meetings")).status_code == 200


async def test_guessing_keys_ends_soon_and_for_the_guesser_only(
    sqlite_database: Database, calling: Caller, ticks: Ticks
) -> None:
    text = await key(sqlite_database)
    guesser, right = calling("pk_wrong"), calling(text)
    for _ in range(GUESSES_AT_ONCE):
        assert (await guesser.get("/meetings")).status_code == 401

    assert (await guesser.get("/meetings")).status_code == 429
    assert (await right.get("/meetings")).status_code == 429  # from the same address
    assert (await calling(text, "198.51.100.1").get("/meetings")).status_code == 200
    ticks.seconds += 1
    assert (await right.get("/meetings")).status_code == 200


async def test_the_login_counts_guesses_too(calling: Caller) -> None:
    guesser = calling("pk_wrong")
    for _ in range(GUESSES_AT_ONCE):
        await guesser.get("/meetings")
    page = (await guesser.get("/login")).text
    nonce = page.partition('name="nonce" value="')[2].partition('"')[0]

    answer = await guesser.post("/login", data={"nonce": nonce, "key": "pk_another"})

    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert "text/html" in answer.headers["content-type"]


async def test_a_forgotten_client_with_a_revoked_key_is_no_guesser(
    sqlite_database: Database, calling: Caller
) -> None:
    keys = SqlKeys(sqlite_database)
    revoked, text = await keys.create("main", "old", [Scope.ADMIN], NOW)
    await keys.revoke("main", revoked.id, NOW)
    for client in (calling(text), calling()):  # nor is one without any key
        for _ in range(GUESSES_AT_ONCE + 1):
            assert (await client.get("/meetings")).status_code == 401

    assert (await calling(await key(sqlite_database)).get("/meetings")).status_code == 200


@pytest.mark.parametrize("path", ["/p/{token}", "/p/{token}/accept"])
async def test_guessing_page_links_ends_soon(calling: Caller, ticks: Ticks, path: str) -> None:
    guesser, other = calling(), calling(peer="198.51.100.1")
    for number in range(GUESSES_AT_ONCE):
        answer = await guesser.get(path.format(token=f"{number:026}"))
        assert answer.status_code == 404

    answer = await guesser.get(path.format(token="a" * 26))

    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert "text/html" in answer.headers["content-type"]
    assert (await other.get(path.format(token="a" * 26))).status_code == 404
    ticks.seconds += 1
    assert (await guesser.get(path.format(token="a" * 26))).status_code == 404


async def test_one_key_holds_so_many_streams_and_no_more(
    sqlite_database: Database, app: FastAPI, ticks: Ticks
) -> None:
    authorization = f"Bearer {await key(sqlite_database)}"
    async with serving(app) as port:
        streams = []
        for _ in range(STREAMS_PER_KEY):
            ticks.seconds += 1
            streams.append(await open_stream(port, "/events/stream", Authorization=authorization))
            assert streams[-1].status == 200
        refused = await open_stream(port, "/events/stream", Authorization=authorization)
        assert (refused.status, refused.headers["retry-after"]) == (429, "15")
        for stream in [*streams, refused]:
            await stream.close()
        await until(lambda: _opens(port, authorization, ticks))


async def _opens(port: int, authorization: str, ticks: Ticks) -> bool:
    ticks.seconds += 1
    stream = await open_stream(port, "/events/stream", Authorization=authorization)
    await stream.close()
    return stream.status == 200
