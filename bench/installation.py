"""A whole `parley up` in a process of its own, to be measured or killed from outside."""

import asyncio
import json
import os
import random
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_CLI = str(Path(__file__).resolve().parent.parent / "cli.py")
_STARTS_WITHIN = 90.0  # seconds

CHILDREN = ("temporal", "service", "worker")


PORTS = ("api", "intake", "catcher", "temporal", "temporal-ui")


def _choose_ports(file: Path) -> None:
    """Ports that nobody takes while the installation is down: below those that the system gives
    to outgoing connections, and not the ones that another `parley up` would like."""
    first = random.randrange(12_000, 30_000, 10)
    if not file.exists():
        file.write_text(json.dumps({name: first + n for n, name in enumerate(PORTS)}))


class Installation:
    """One data directory and the `parley up` that serves it."""

    def __init__(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.data = data
        _choose_ports(data / "ports.json")
        self.links: dict[str, Any] = {}
        self._process: asyncio.subprocess.Process | None = None

    @property
    def api(self) -> str:
        """Where the API is, without a slash at the end."""
        parts = urlsplit(str(self.links["api"]))
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def intake(self) -> tuple[str, int]:
        host, _, port = str(self.links["intake"]).removeprefix("smtp://").partition(":")
        return host, int(port)

    @property
    def api_key(self) -> str:
        return str(self.links["api_key"])

    async def start(self) -> None:
        """Start it, or start it again after it was killed; returns when it is up."""
        command = [sys.executable, _CLI, "up", "--data", str(self.data), "--json"]
        with (self.data / "up.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdout=asyncio.subprocess.PIPE, stderr=log
            )
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), _STARTS_WITHIN)
        if not line:
            raise RuntimeError(f"parley up did not start; see {self.data / 'up.log'}")
        self.links = json.loads(line)

    async def stop(self) -> int:
        """Stop it in order; its exit status."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        return await self._process.wait()

    async def kill_supervisor(self) -> None:
        """SIGKILL, and start again."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()
        await self.start()

    def kill_child(self, name: str) -> bool:
        """SIGKILL to one child; False when it was not running just then."""
        try:
            children = json.loads((self.data / "up.json").read_text())
            pid = next(child["pid"] for child in children if child["name"] == name)
            os.kill(pid, signal.SIGKILL)
        except (FileNotFoundError, StopIteration, ProcessLookupError):
            return False
        return True

    def query(self, file: str, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Look into one of its SQLite files without touching it."""
        connection = sqlite3.connect(f"file:{self.data / file}?mode=ro", uri=True, timeout=10)
        try:
            return connection.execute(statement, arguments).fetchall()
        finally:
            connection.close()


@asynccontextmanager
async def installation(data: Path) -> AsyncIterator[Installation]:
    """Up on `data` until the block ends, whatever happens in it."""
    up = Installation(data)
    await up.start()
    try:
        yield up
    finally:
        await up.stop()
