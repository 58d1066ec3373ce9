"""What `parley doctor` and `parley adopt` may ask of a running installation."""

import pytest

from domain.access import Scope
from tests.api.house import House


async def test_a_probe_can_be_opened_again_and_read(house: House) -> None:
    first = await house.client.put("/doctor/probes/one")
    again = await house.client.put("/doctor/probes/one")
    read = await house.client.get(first.json()["_links"]["self"]["href"])

    assert first.status_code == again.status_code == read.status_code == 200
    assert first.json() == again.json() == read.json()
    assert read.json()["address"].startswith("d+")
    assert read.json()["arrived_at"] is None


async def test_a_probe_nobody_opened_is_not_found(house: House) -> None:
    assert (await house.client.get("/doctor/probes/one")).status_code == 404


@pytest.mark.parametrize(("owner", "scope"), [("main", "meetings:write"), ("shop", "admin")])
async def test_only_the_operator_asks_of_the_installation(
    house: House, owner: str, scope: str
) -> None:
    other = await house.client_of(owner, Scope(scope))

    assert (await other.put("/doctor/probes/one")).status_code == 403
    assert (await other.get("/doctor/probes/one")).status_code == 403
    assert (await other.get("/installation")).status_code == 403
    assert (await other.post("/installation/adopt")).status_code == 403


async def test_an_installation_is_adopted_once_and_for_all(house: House) -> None:
    before = (await house.client.get("/installation")).json()
    assert before["place"] is None, "nothing has started to send yet"

    adopted = await house.client.post(before["_templates"]["adopt"]["target"])
    again = await house.client.post("/installation/adopt")

    assert adopted.json()["place"] == adopted.json()["here"]
    assert adopted.json()["because"] is None
    assert again.json()["place"] == adopted.json()["place"]
    assert "_templates" not in again.json()
