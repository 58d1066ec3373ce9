"""Processes to be killed, suspended and started again, that die with this one."""

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

_LEASH = str(Path(__file__).parents[1] / "adapters" / "supervisor" / "leash.py")


class Victim:
    """A program that is started again whenever it ends, until `stop`. It is up when it has made
    the file `health`, or at once when it makes none."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        variables: Mapping[str, str],
        health: Path | None = None,
    ) -> None:
        self.name = name
        self._health = health
        self._command = command
        self._log = log
        self._variables = {**os.environ, **variables}
        self._process: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._keeping = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        while True:
            if self._health is not None:
                self._health.unlink(missing_ok=True)
            leash = [sys.executable, "-E", "-S", _LEASH, str(os.getpid()), "--"]
            with self._log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *leash, *self._command, stdout=log, stderr=log, env=self._variables
                )
            await self._process.wait()
            await asyncio.sleep(0.3)

    @property
    def is_up(self) -> bool:
        return self._health is None or self._health.exists()

    def kill(self) -> bool:
        """kill -9; False when it is not running at the moment."""
        return self._signal(signal.SIGKILL)

    async def suspend(self, seconds: float) -> bool:
        """Let it stand still for so long, and go on as if nothing had happened."""
        process = self._process
        if not self._signal(signal.SIGSTOP):
            return False
        await asyncio.sleep(seconds)
        with contextlib.suppress(ProcessLookupError):
            assert process is not None
            process.send_signal(signal.SIGCONT)
        return True

    def _signal(self, what: signal.Signals) -> bool:
        if self._process is None or self._process.returncode is not None:
            return False
        self._process.send_signal(what)
        return True

    async def stop(self, within: float = 25.0) -> None:
        """End it as an operator does, and leave it so."""
        if self._keeping is None:
            return
        self._keeping.cancel()
        await asyncio.gather(self._keeping, return_exceptions=True)
        self._keeping = None
        if self._process is None or not self._signal(signal.SIGTERM):
            return
        try:
            async with asyncio.timeout(within):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()


class Storm:
    """Kills, and now and then suspends, one of `victims` every few seconds."""

    def __init__(
        self, victims: Mapping[Victim, float], chance: random.Random, suspends_for: float
    ) -> None:
        self._victims = victims
        self._chance = chance
        self._suspends_for = suspends_for
        self.deeds: Counter[str] = Counter()

    async def run(self) -> None:
        """Go on until cancelled. The weights say how often each is chosen."""
        while True:
            await asyncio.sleep(self._chance.uniform(1.0, 4.0))
            [victim] = self._chance.choices(list(self._victims), list(self._victims.values()))
            if not victim.is_up and self._chance.random() < 0.8:  # else while it is starting
                continue
            if self._chance.random() < 0.1:
                self.deeds[f"suspended {victim.name}"] += await victim.suspend(self._suspends_for)
            else:
                self.deeds[f"killed {victim.name}"] += victim.kill()
