"""Whether a process that serves HTTP is alive, asked without any client library: the supervisor
stays small."""

import asyncio

_ASKED = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_ANYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}


def reached_at(host: str) -> str:
    """Where a process that listens on `host` is reached from this machine."""
    return _ANYWHERE.get(host, host)


async def answers(host: str, port: int) -> bool:
    """Whether `/livez` is answered with 200; `host` is what the process listens on.

    Waits as long as the process does. Raises `OSError` when nobody listens.
    """
    reader, writer = await asyncio.open_connection(reached_at(host), port)
    try:
        writer.write(_ASKED)
        status = await reader.readline()
        return status.split(b" ")[1:2] == [b"200"]
    finally:
        writer.close()
