"""Who supervises a data directory: one at a time, and what it left behind."""

import asyncio
import fcntl
import json
import os
from pathlib import Path
from typing import IO

from pydantic import TypeAdapter, ValidationError

from adapters.supervisor.processes import Process, birth_of, end_group, is_alive
from domain.errors import Refused, Unavailable

_processes = TypeAdapter(list[Process])


class AlreadyUp(Refused):
    """Another supervisor has this data directory."""

    code = "already-up"

    def __init__(self, data: Path, pid: int | None) -> None:
        who = f"by process {pid}" if pid else "by another process"
        super().__init__(f"{data} is already served {who}; stop that one first, or use --data.")
        self.pid = pid


class Tenure:
    """The exclusive right to supervise a data directory, from `claim` until this process dies.

    The kernel gives the lock back however we die; the list beside it names our children with
    their births, so that a successor ends exactly those that outlived us.
    """

    def __init__(self, data: Path, lock: IO[str]) -> None:
        self._path = data / "up.json"
        self._lock = lock
        self._children: dict[str, Process] = {}

    @classmethod
    def claim(cls, data: Path) -> "Tenure":
        """Take the directory. Raises `AlreadyUp` naming the process that has it."""
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (data / "up.lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            text = lock.read().strip()
            lock.close()
            raise AlreadyUp(data, int(text) if text.isdigit() else None) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        return cls(data, lock)

    async def end_orphans(self, within: float = 10.0) -> list[Process]:
        """Kill what a supervisor that died left running, and wait until it is gone.

        Raises `Unavailable` when something will not die.
        """
        orphans = [process for process in self._left_behind() if end_group(process)]
        deadline = asyncio.get_running_loop().time() + within
        while any(is_alive(process) for process in orphans):
            if asyncio.get_running_loop().time() > deadline:
                names = ", ".join(f"{p.name} (process {p.pid})" for p in orphans if is_alive(p))
                raise Unavailable(f"Left over from an earlier start and cannot be ended: {names}.")
            await asyncio.sleep(0.02)
        return orphans

    def _left_behind(self) -> list[Process]:
        try:
            return _processes.validate_json(self._path.read_bytes())
        except (FileNotFoundError, ValidationError):
            return []

    def note(self, name: str, pid: int) -> None:
        """Remember a child that was just started."""
        born = birth_of(pid)
        if born is not None:
            self._children[name] = Process(name=name, pid=pid, born=born)
            self._save()

    def forget(self, name: str) -> None:
        """A child has ended and was waited for."""
        if self._children.pop(name, None):
            self._save()

    def _save(self) -> None:
        shown = [process.model_dump() for process in self._children.values()]
        scratch = self._path.with_suffix(".new")
        scratch.write_text(json.dumps(shown))
        scratch.replace(self._path)

    def release(self) -> None:
        """Let the directory go."""
        self._lock.truncate(0)
        self._lock.close()
