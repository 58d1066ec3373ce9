"""Promises of a worker that has to wait for Temporal."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from console.crew import Crew
from console.polling import Polling
from settings import Settings
from worker import saga_worker

ROOT = Path(__file__).parents[2]
NOWHERE = "127.0.0.1:1"


async def test_a_worker_without_a_server_waits_and_stops_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    crew = Crew()
    polling = Polling(Settings(temporal_address=NOWHERE), saga_worker)
    crew.add("sagas", polling.run(), stop=polling.stop)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(polling.started.wait(), 0.3)
    async with asyncio.timeout(3):
        await crew.stop()

    assert "did not stop" not in caplog.text


async def test_python_worker_py_is_the_worker_and_ends_on_sigterm(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "worker.py")),
        stderr=asyncio.subprocess.PIPE,
        cwd=tmp_path,
        env={**os.environ, "PARLEY_TEMPORAL_ADDRESS": NOWHERE},
    )
    assert process.stderr is not None

    waiting = await asyncio.wait_for(process.stderr.readline(), 60)
    process.send_signal(signal.SIGTERM)

    assert b"waiting for Temporal" in waiting
    assert await asyncio.wait_for(process.wait(), 30) == 0
