"""The demo is a promise in itself: it runs, ends well, and says so to programs."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from tests import needs

ROOT = Path(__file__).parents[2]


@needs.TEMPORAL
@pytest.mark.timeout(240)
async def test_two_strangers_agree_while_a_worker_dies(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "cli.py"), "demo", "--json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )

    out, timeline = await process.communicate()

    assert process.returncode == 0, timeline.decode()
    last = json.loads(out.decode().splitlines()[-1])
    assert (last["status"], last["sequence"]) == ("confirmed", 1)
    assert last["seconds"] < 120
    assert os.listdir(tmp_path) == [], "it leaves nothing behind"
    for moment in ("COUNTER", "kill -9", "SEQUENCE 0", "does not count for the new time"):
        assert moment in timeline.decode()
