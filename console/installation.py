"""A `parley up` of one's own, to talk to, hurt and stop: for the demo, proofs and tests."""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
from pydantic import TypeAdapter

from adapters.supervisor.ports import choose_ports
from adapters.supervisor.processes import Process, is_alive
from console.layout import WANTED_PORTS, Layout
from domain.errors import Unavailable

_ROOT = Path(__file__).parent.parent
_LEASH = str(_ROOT / "adapters" / "supervisor" / "leash.py")
_processes = TypeAdapter(list[Process])
_CAUGHT = "SELECT id, recipient, message_id, raw FROM mails WHERE id > ? ORDER BY id"


@dataclass(frozen=True)
class Caught:
    """A mail as the catcher accepted it."""

    id: int
    recipient: str
    message_id: str
    raw: bytes


class Installation:
    """Everything in one data directory, as a child that dies with this process.

    `links` is what `parley up --json` said, `environment` what it finds beside our own. Use
    `start`, then `stop` or `kill`; it can be started again after either.
    """

    def __init__(self, data: Path, environment: Mapping[str, str] | None = None) -> None:
        self.data = data
        self._environment = dict(environment or {})
        self.links: dict[str, Any] = {}
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def base(self) -> str:
        """Where the API is."""
        return str(self.links["base"])

    @property
    def intake_port(self) -> int:
        return int(str(self.links["intake"]).rpartition(":")[2])

    async def start(self, within: float = 90.0) -> None:
        """Start it and wait until it is ready. Raises `Unavailable` with its last words."""
        command = [sys.executable, str(_ROOT / "cli.py"), "up", "--json", "--data", str(self.data)]
        variables = [f"{name}={value}" for name, value in self._environment.items()]
        leash = [sys.executable, "-E", "-S", _LEASH, str(os.getpid()), "--"]
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Any free ports, so that several may run beside each other and beside a real one.
        choose_ports(Layout(self.data).ports, dict.fromkeys(WANTED_PORTS, 0))
        with (self.data / "up.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *leash,
                *("env", *variables),
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        said = await asyncio.wait_for(self._process.stdout.readline(), within)
        if not said:
            words = (self.data / "up.log").read_text(errors="replace")[-3000:]
            raise Unavailable(f"`parley up` did not start:\n{words}")
        self.links = json.loads(said)

    def client(self) -> httpx.AsyncClient:
        """An HTTP client that calls with the first API key."""
        key = f"Bearer {self.links['api_key']}"
        return httpx.AsyncClient(
            base_url=self.base, headers={"Authorization": key}, timeout=30, trust_env=False
        )

    def processes(self) -> dict[str, Process]:
        """The children that run now, by name."""
        text = (self.data / "up.json").read_bytes()
        return {process.name: process for process in _processes.validate_json(text)}

    def kill_child(self, name: str) -> Process | None:
        """kill -9 of a child; None when it does not run at the moment."""
        process = self.processes().get(name)
        if process is None or not is_alive(process):
            return None
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        return process

    async def kill(self) -> None:
        """kill -9 of the supervisor."""
        await self._end(lambda process: process.kill())

    async def stop(self) -> None:
        """Stop everything in order."""
        await self._end(lambda process: process.terminate())

    async def _end(self, how: Callable[[asyncio.subprocess.Process], None]) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            how(process)
        await process.wait()

    def caught(self, after: int = 0) -> list[Caught]:
        """What the mail catcher accepted after the mail with that id, in order."""
        return [Caught(*row) for row in self.query("catcher.db", _CAUGHT, after)]

    def query(self, file: str, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Look into one of its SQLite files without touching it."""
        address = f"file:{self.data / file}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=10)) as connection:
            return connection.execute(statement, arguments).fetchall()
