"""Debian's Postfix and its `smtp-sink`, found or missed aloud."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.needs import need
from tests.patience import until

_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


def program(name: str) -> str:
    """Where it is; administrators' programs are not on everybody's path."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        need(name, "postfix")
    return found or name


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@asynccontextmanager
async def smtp_sink(*flags: str) -> AsyncIterator[int]:
    """A sink that behaves as its flags say, on the port that is given. See smtp-sink(1)."""
    port = free_port()
    user = ("-u", "nobody") if os.geteuid() == 0 else ()
    sink = await asyncio.create_subprocess_exec(
        program("smtp-sink"), *user, *flags, f"127.0.0.1:{port}", "64"
    )
    try:
        await until(lambda: listens(port))
        yield port
    finally:
        with suppress(ProcessLookupError):
            sink.terminate()
        await sink.wait()
