"""The parts on a database that many processes share: api, intake and worker, each alone."""

import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from adapters.attendees.invitation import read_invitation
from adapters.attendees.programs import CLIENTS
from adapters.attendees.sending import submit
from adapters.catcher.server import Catcher
from adapters.supervisor.child import Child, ChildPlan
from adapters.supervisor.ports import choose_ports
from adapters.supervisor.supervisor import Supervisor
from adapters.supervisor.tenure import Tenure
from adapters.temporal.dev_server import DevServer
from adapters.temporal.server import find_server
from console.keys import KeyBook
from settings import Settings
from tests import needs
from tests.patience import until

pytestmark = needs.TEMPORAL

CLI = str(Path(__file__).parents[2] / "cli.py")


@pytest.fixture
async def catcher(tmp_path: Path) -> AsyncIterator[Catcher]:
    catcher = Catcher(tmp_path / "catcher.db")
    await catcher.start()
    yield catcher
    await catcher.stop()


@pytest.fixture
async def installed(tmp_path: Path, postgres_url: str, catcher: Catcher) -> AsyncIterator[Settings]:
    """Temporal and the three parts, as processes of their own; the settings they run with."""
    wanted = {"api": 0, "intake": 0, "temporal": 0, "temporal-ui": 0}
    ports = choose_ports(tmp_path / "ports.json", wanted)
    program = find_server()
    assert program is not None
    server = DevServer(program, tmp_path, ports["temporal"], ports["temporal-ui"], "default")
    variables = {
        "PARLEY_DATABASE_URL": postgres_url,
        "PARLEY_SECRET": "s" * 40,
        "PARLEY_DATA_DIR": str(tmp_path),
        "PARLEY_API_PORT": str(ports["api"]),
        "PARLEY_INTAKE_PORT": str(ports["intake"]),
        "PARLEY_TEMPORAL_ADDRESS": server.address,
        "PARLEY_SMTP_PORT": str(catcher.port),
    }
    plans = [ChildPlan("temporal", server.command(), prepare=server.prepare)]
    for name in ("api", "intake", "worker"):
        plans.append(ChildPlan(name, [sys.executable, CLI, name], variables))
    tenure = Tenure.claim(tmp_path)
    supervisor = Supervisor([Child(plan, tmp_path, tenure, lambda _: None) for plan in plans])
    try:
        await supervisor.start()
        yield Settings(
            database_url=postgres_url, api_port=ports["api"], intake_port=ports["intake"]
        )
    finally:
        await supervisor.stop()
        tenure.release()


async def test_api_intake_and_worker_agree_on_a_meeting_over_one_database(
    installed: Settings, catcher: Catcher
) -> None:
    key = (await KeyBook(installed).create("test", ["admin"]))["key"]
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    order = {
        "title": "Lunch",
        "parties": [
            {"name": "Ada", "address": "ada@example.org", "zone": "Europe/Lisbon"},
            {"name": "Bela", "address": "bela@example.net", "zone": "Europe/Budapest"},
        ],
        "slots": [{"start": start.isoformat(), "end": (start + timedelta(hours=1)).isoformat()}],
    }
    base = f"http://127.0.0.1:{installed.api_port}"
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "1", "Prefer": "wait=20"}
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=30) as http:
        meeting = (await http.post("/meetings", json=order)).raise_for_status().json()
        href = meeting["_links"]["self"]["href"]
        await until(lambda: _has(catcher, 2))

        for mail in await catcher.messages():
            invitation = read_invitation(mail.raw)
            raw = CLIENTS["google"].answer(
                invitation, mail.recipient, "", "ACCEPTED", datetime.now(UTC)
            )
            port = installed.intake_port
            await submit(raw, mail.recipient, invitation.organizer, "127.0.0.1", port)

        async def is_confirmed() -> bool:
            status: str = (await http.get(href)).json()["status"]
            return status == "confirmed"

        await until(is_confirmed, within=60)


async def _has(catcher: Catcher, count: int) -> bool:
    return len(await catcher.messages()) >= count
