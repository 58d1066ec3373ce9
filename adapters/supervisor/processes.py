"""Processes by name and birth: a pid alone may have been given to somebody else."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from domain.values import Frozen


class Process(Frozen):
    """A process, told apart from a later one with its pid by when it was born."""

    name: str
    pid: int
    born: str


def birth_of(pid: int) -> str | None:
    """When `pid` was started, in the kernel's words; None when there is no such process."""
    if sys.platform == "linux":
        return _birth_on_linux(pid)
    shown = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip() or None


def _birth_on_linux(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in the second field may hold spaces and brackets; field 22 counts ticks since boot.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else f"{boot}/{fields[19]}"


def is_alive(process: Process) -> bool:
    """Whether this very process still runs."""
    return birth_of(process.pid) == process.born


def end_group(process: Process) -> bool:
    """Kill this very process and its group at once; False when it is gone already."""
    if not is_alive(process):
        return False
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    return True
