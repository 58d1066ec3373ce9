"""Where the Temporal development server's program comes from.

Run as a module it makes sure that there is one: `python -m adapters.temporal.server`.
"""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from temporalio.envconfig import ClientConfig

from domain.errors import Unavailable

THREE_WAYS = """No Temporal server could be found. There are three ways to provide one:
  1. Put the `temporal` program on PATH (https://docs.temporal.io/cli), then run this again.
  2. Set TEMPORAL_ADDRESS to a Temporal server that is already running, like 127.0.0.1:7233.
  3. Connect this machine to the internet once: the Temporal SDK then downloads the program."""

_HERE = Path(sys.prefix) / "temporal"


def configured_address() -> str | None:
    """The server named by Temporal's own configuration (`TEMPORAL_ADDRESS` or a profile)."""
    return ClientConfig.load_client_connect_config().get("target_host")


def find_server() -> str | None:
    """The path of a `temporal` program: beside this Python, on PATH, or downloaded before."""
    beside = Path(sys.executable).parent / "temporal"
    if beside.is_file():
        return str(beside)
    downloaded = sorted(_HERE.glob("temporal-*"))
    return shutil.which("temporal") or (str(downloaded[-1]) if downloaded else None)


async def download_server() -> str:
    """Let the SDK download the program it was made for, and keep it. Raises `Unavailable`."""
    # Starting an environment is the only way the SDK offers to download one.
    from temporalio.testing import WorkflowEnvironment

    _HERE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        try:
            environment = await WorkflowEnvironment.start_local(
                download_dest_dir=str(_HERE),
                dev_server_database_filename=str(Path(scratch) / "temporal.db"),
            )
            await environment.shutdown()
        except RuntimeError as failure:
            raise Unavailable(f"{THREE_WAYS}\n(The download failed: {failure})") from failure
    found = find_server()
    if found is None:
        raise Unavailable(THREE_WAYS)
    return found


def ensure_server() -> str:
    """What will serve Temporal: a program's path or a configured address. Raises `Unavailable`."""
    return find_server() or configured_address() or asyncio.run(download_server())


if __name__ == "__main__":
    try:
        sys.stderr.write(f"Temporal server: {ensure_server()}\n")
    except Unavailable as refusal:
        sys.exit(str(refusal))
