"""The Temporal development server as Parley runs it: one file, every write synced."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from domain.errors import Unavailable

RETENTION = "720h"  # 30 days; the server's own default of one day loses closed stories too soon

SEARCH_ATTRIBUTES = {"MeetingStatus": "Keyword"}
"""What operators can filter sagas by in the Web UI; no personal data (they are never encrypted)."""


class DevServer:
    """How the server is started, and made ready for sagas. Binds loopback: it has no
    authentication."""

    def __init__(self, program: str, data: Path, port: int, ui_port: int, namespace: str) -> None:
        self._program = program
        self._data = data
        self._ui_port = ui_port
        self._port = port
        self._namespace = namespace

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def command(self) -> list[str]:
        """One server per file: a second one on it would corrupt both."""
        return [
            *(self._program, "server", "start-dev", "--ip", "127.0.0.1"),
            *("--port", str(self._port), "--ui-port", str(self._ui_port)),
            *("--db-filename", str(self._data / "temporal.db")),
            *("--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=FULL"),
            *("--namespace", self._namespace, "--log-level", "warn"),
            "--ui-disable-news-fetch",
        ]

    async def prepare(self) -> None:
        """Wait until it serves, then set retention and search attributes; repeats freely.

        Raises `Unavailable` when it cannot be prepared.
        """
        await self._must("cluster", "health")
        where = ("--namespace", self._namespace)
        await self._must("namespace", "update", *where, "--retention", RETENTION)
        for name, kind in SEARCH_ATTRIBUTES.items():
            attribute = ("--name", name, "--type", kind)
            await self._must("search-attribute", "create", *where, *attribute)

    async def _must(self, *arguments: str) -> None:
        """A server that is starting answers some questions before others, so each is repeated."""
        said = ""
        for _ in range(300):
            code, said = await self._operator(*arguments)
            if code == 0:
                return
            await asyncio.sleep(0.1)
        raise Unavailable(f"temporal operator {' '.join(arguments)}: {said}")

    async def _operator(self, *arguments: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            *self._operator_command(arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode(errors="replace").strip()

    def _operator_command(self, arguments: Sequence[str]) -> list[str]:
        # Its own configuration is disabled: it may point to another cluster.
        return [
            *(self._program, "operator", *arguments, "--address", self.address),
            *("--disable-config-file", "--disable-config-env"),
        ]
