"""Reading mail in the sandbox, beside a fresh interpreter per mail, and the memory of the process
that asks, under the bombs of the tests."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from adapters.calendar_mail.sandbox.client import Sandbox
from bench.report import Row, percentile
from tests.adapters.calendar_mail.reading.bombs import BOMBS

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT / "tests" / "adapters" / "calendar_mail" / "corpus"
_FRESH = "import sys; from adapters.calendar_mail.reading.reader import read_mail as r; r(b'')"


async def run(seconds: float = 4.0) -> list[Row]:
    """Rows for the corpus of real shapes, and one for a round of bombs."""
    mails = [path.read_bytes() for path in sorted(CORPUS.glob("*/*.eml"))]
    fresh = _fresh_interpreter()
    async with Sandbox(size=2) as sandbox:
        await sandbox.read(mails[0])
        single = await _one_after_another(sandbox, mails, seconds)
        rate = await _two_at_once(sandbox, mails, seconds)
        grown, slowest = await _under_fire(sandbox)
    mean = sum(single) / len(single)
    tail = f"p99 {percentile(single, 99) * 1000:.1f} ms; peer: a fresh interpreter per mail"
    return [
        Row("mail read in the sandbox, alone", mean * 1000, "ms", mean / fresh, tail),
        Row("mails read in the sandbox, two at once", rate, "mails/s", rate * fresh),
        Row("slowest bomb", slowest * 1000, "ms", note=f"of {len(BOMBS)}; limit 10,000 ms"),
        Row("memory the asking process grew by", grown, "MB", note="two rounds of all bombs"),
    ]


def _fresh_interpreter(times: int = 5) -> float:
    """Seconds to start Python, load the reader and read one mail."""
    began = time.perf_counter()
    for _ in range(times):
        subprocess.run([sys.executable, "-c", _FRESH], cwd=ROOT, check=True)
    return (time.perf_counter() - began) / times


async def _one_after_another(
    sandbox: Sandbox, mails: Sequence[bytes], seconds: float
) -> list[float]:
    took: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        await sandbox.read(mails[len(took) % len(mails)])
        took.append(time.perf_counter() - began)
    return took


async def _two_at_once(sandbox: Sandbox, mails: Sequence[bytes], seconds: float) -> float:
    """Mails per second with both slots always busy."""
    began = time.perf_counter()
    until = began + seconds

    async def go_on() -> int:
        count = 0
        while time.perf_counter() < until:
            await sandbox.read(mails[count % len(mails)])
            count += 1
        return count

    counts = await asyncio.gather(go_on(), go_on())
    return sum(counts) / (time.perf_counter() - began)


async def _under_fire(sandbox: Sandbox) -> tuple[float, float]:
    """Megabytes by which this process is larger after the second round of bombs than after the
    first, and the seconds of the slowest. The first round warms what the bombs themselves need."""
    await _round(sandbox)
    before = _resident()
    slowest = await _round(sandbox)
    return _resident() - before, slowest


async def _round(sandbox: Sandbox) -> float:
    slowest = 0.0
    for make in BOMBS.values():
        raw = make()
        began = time.perf_counter()
        await sandbox.read(raw)
        slowest = max(slowest, time.perf_counter() - began)
    return slowest


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / (1 << 20)
