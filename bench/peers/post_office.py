"""django-post_office, an outbox for Django, in an environment of its own under `build/`."""

import asyncio
import sys
from pathlib import Path

_LOCK = Path(__file__).parents[1] / "requirements-post-office.lock"
_SCRIPT = Path(__file__).with_name("post_office_script.py")


class PostOffice:
    """Installed by `install`, measured by `rate`; `version` is what was installed."""

    def __init__(self, home: Path) -> None:
        self._home = home.absolute()
        self._python = self._home / "bin" / "python"
        self.version = ""

    async def install(self) -> str | None:
        """Make the environment, unless it is there; None, or why it cannot be."""
        why = None
        if not self._python.exists():
            why = await _failing(sys.executable, "-m", "venv", str(self._home))
        if why is not None:
            return why
        options = ("--quiet", "--no-input", "--disable-pip-version-check", "--require-hashes")
        arguments = ("-m", "pip", "install", *options, "-r", str(_LOCK))
        if (why := await _failing(str(self._python), *arguments)) is not None:
            return f"cannot be installed: {why}"
        self.version = (await self._script("version")).strip()
        return None

    async def rate(self, port: int, connections: int, count: int) -> float:
        """Messages a second that it sends from its queue in SQLite, on as many threads, each with
        a connection, in one process."""
        arguments = (str(port), str(connections), str(count))
        return float(await self._script("send", *arguments))

    async def _script(self, *arguments: str) -> str:
        # -P: this module's folder holds one of the name that the script imports.
        return await _said(str(self._python), "-P", str(_SCRIPT), *arguments)


async def _failing(*command: str) -> str | None:
    """The last words of a command that fails, None of one that does not."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    if process.returncode == 0:
        return None
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"exit status {process.returncode}"


async def _said(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{command[1:]} failed with exit status {process.returncode}")
    return said.decode()
