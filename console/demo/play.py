"""`parley demo`: a fresh installation, the story played on it, and what came of it."""

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from console.crew import stop_on_signals
from console.demo.stage import ExpectationFailed, Stage, letters_table
from console.demo.story import TITLE, Cast, cast, play
from console.installation import Installation
from domain.errors import ParleyError


def run_demo(*, keep: bool, as_json: bool) -> int:
    """Play the story; 0 only when every expectation held. The last line of stdout is JSON.

    With `keep` the installation stays up afterwards, until Ctrl-C.
    """
    screen = Console(stderr=as_json, highlight=False)
    with tempfile.TemporaryDirectory(prefix="parley-demo-") as data:
        return asyncio.run(_demo(Path(data), screen, keep=keep))


async def _demo(data: Path, screen: Console, *, keep: bool) -> int:
    stop = stop_on_signals()
    started_at = time.monotonic()
    screen.print("[bold]Two people who have never met agree on a time, by calendar mail.[/bold]")
    screen.print("Starting Temporal, the service and a saga worker …")
    where = Installation(data)
    result: dict[str, Any] = {"status": "failed", "sequence": None}
    try:
        playing = asyncio.create_task(_play(where, screen))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([playing, stopped], return_when=asyncio.FIRST_COMPLETED)
        if playing.done():
            stopped.cancel()
            result = playing.result()
        else:
            playing.cancel()
            result["failed"] = "interrupted"
        result["seconds"] = round(time.monotonic() - started_at, 1)
        _conclude(result)
        if keep and not stop.is_set():
            await _look_around(where, stop)
    finally:
        await where.stop()
    return 0 if "failed" not in result else 1


async def _play(where: Installation, screen: Console) -> dict[str, Any]:
    """The outcome of the play; a story that fails is an outcome too, and says where."""
    people = cast()
    held: list[str] = []
    try:
        await where.start()
        async with where.client() as http:
            stage = Stage(where, http, screen)
            held = stage.held
            meeting = await play(stage, people)
    except (ExpectationFailed, ParleyError, httpx.HTTPError, TimeoutError) as failure:
        screen.print(f"[bold red]✗ {failure or type(failure).__name__}[/bold red]")
        _show_logs(where, screen)
        return {
            "status": "failed",
            "sequence": None,
            "failed": str(failure) or type(failure).__name__,
            "expectations": len(held),
        }
    screen.print()
    screen.print(letters_table(people.people))
    return _outcome(meeting, people, held)


def _outcome(meeting: dict[str, Any], people: Cast, held: list[str]) -> dict[str, Any]:
    return {
        "status": meeting["status"],
        "sequence": meeting["sequence"],
        "title": TITLE,
        "slot": meeting["slot"],
        "received": {person.address: len(person.receipts) for person in people.people},
        "expectations": len(held),
    }


def _show_logs(where: Installation, screen: Console) -> None:
    for log in sorted((where.data / "logs").glob("*.log")):
        screen.print(f"[bold]{log.name}[/bold]")
        screen.print(log.read_text(errors="replace")[-2000:], markup=False)


def _conclude(result: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
    sys.stdout.flush()


async def _look_around(where: Installation, stop: asyncio.Event) -> None:
    """Leave it up until the person watching has seen enough; stdout has had its last line."""
    screen = Console(stderr=True, highlight=False)
    for name, value in where.links.items():
        if name not in ("base", "pids", "data"):
            screen.print(f"  {name:<12} {value}", soft_wrap=True)
    screen.print("  Ctrl-C ends it.")
    await stop.wait()
