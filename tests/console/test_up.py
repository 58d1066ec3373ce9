"""Promises of `parley up`: kill anything at any moment, start again, and every meeting goes on."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.attendees.sending import NotAccepted
from adapters.supervisor.processes import Process, is_alive
from console.demo.people import Person
from console.installation import Installation
from tests import needs
from tests.patience import until

pytestmark = needs.TEMPORAL

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def up(tmp_path: Path) -> AsyncIterator[Installation]:
    async with Installation(tmp_path / "data") as installation:
        yield installation


async def test_nothing_it_makes_is_for_other_users_of_the_machine(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    for made_earlier in ("catcher.db", "up.lock"):
        (data / made_earlier).touch(mode=0o644)

    async with Installation(data):
        open_to_others = {
            path.name for path in (data, *data.rglob("*")) if path.stat().st_mode & 0o077
        }

    assert open_to_others == set()


def people() -> tuple[Person, Person]:
    return (
        Person("Ada", "ada@example.org", "Europe/Lisbon", "google"),
        Person("Bela", "bela@example.net", "Europe/Budapest", "thunderbird"),
    )


def order(*parties: Person) -> dict[str, Any]:
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    return {
        "title": "Tea",
        "parties": [{"name": p.name, "address": p.address, "zone": p.zone} for p in parties],
        "slots": [{"start": start.isoformat(), "end": (start + timedelta(hours=1)).isoformat()}],
    }


async def patiently(
    attempt: Callable[[], Awaitable[Any]], *failures: type[Exception], within: float = 60
) -> Any:
    """What `attempt` gives once it no longer fails, as clients of a crashing server try again."""
    async with asyncio.timeout(within):
        while True:
            try:
                return await attempt()
            except failures:
                await asyncio.sleep(0.1)


async def request_meeting(up: Installation, *parties: Person) -> str:
    body, headers = order(*parties), {"Idempotency-Key": "one"}

    async def post() -> httpx.Response:
        async with up.client() as http:
            answer = await http.post("/meetings", json=body, headers=headers)
            answer.raise_for_status()
            return answer

    answer = await patiently(post, httpx.HTTPError)
    async with up.client() as http:
        command = (await http.get(answer.headers["Location"])).json()
    return str(command["_links"]["related"]["href"])


async def status_of(up: Installation, href: str) -> str:
    async def get() -> str:
        async with up.client() as http:
            return str((await http.get(href)).raise_for_status().json()["status"])

    status: str = await patiently(get, httpx.HTTPError)
    return status


async def invited(up: Installation, *parties: Person) -> None:
    async def holds() -> bool:
        for person in parties:
            person.fetch(up)
        return all(person.invitations for person in parties)

    await until(holds, within=60, every=0.05)


async def accept(up: Installation, person: Person) -> None:
    await patiently(lambda: person.accept(person.invitations[-1], up), NotAccepted, OSError)


async def gone(*processes: Process) -> None:
    async def holds() -> bool:
        return not any(is_alive(process) for process in processes)

    await until(holds, within=60, every=0.05)


@pytest.mark.timeout(240)
async def test_a_meeting_goes_on_whatever_is_killed(up: Installation) -> None:
    ada, bela = people()

    up.kill_child("temporal")
    href = await request_meeting(up, ada, bela)
    up.kill_child("service")
    await invited(up, ada, bela)
    up.kill_child("worker")
    await accept(up, ada)
    await up.kill()
    await up.start()
    await accept(up, bela)

    async def confirmed() -> bool:
        return await status_of(up, href) == "confirmed"

    await until(confirmed, within=60, every=0.05)
    ids = [mail.message_id for mail in up.caught()]
    assert len(ids) == len(set(ids))


async def test_no_orphan_is_left_serving_by_a_killed_supervisor(up: Installation) -> None:
    children = up.processes()
    assert set(children) == {"temporal", "service", "worker"}

    await up.kill()

    await gone(*children.values())
    with pytest.raises(httpx.ConnectError):
        async with up.client() as http:
            await http.get("/livez")


async def test_a_stop_ends_everything_and_a_start_brings_the_same_addresses_back(
    up: Installation,
) -> None:
    children = up.processes()
    before = {name: value for name, value in up.links.items() if name != "pids"}

    async with asyncio.timeout(30):
        await up.stop()

    assert not any(is_alive(process) for process in children.values())
    await up.start()
    assert {name: value for name, value in up.links.items() if name != "pids"} == before


async def test_a_second_up_on_the_same_data_is_refused_naming_the_first(up: Installation) -> None:
    holder = (up.data / "up.lock").read_text()

    second = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "cli.py"), "up", "--data", str(up.data)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(second.communicate(), 30)

    assert second.returncode == 1
    assert f"process {holder}" in said.decode()
    assert set(up.processes()) == {"temporal", "service", "worker"}
    for name in ("api-key", "secret", "parley.db"):
        assert (up.data / name).stat().st_mode & 0o077 == 0, f"{name} is for its owner only"
