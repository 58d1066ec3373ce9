"""Ports, chosen once per data directory: links that were mailed must stay true."""

import contextlib
import json
import random
import socket
from collections.abc import Mapping
from pathlib import Path

from domain.errors import BadInput, Unavailable

_QUIET = range(20_000, 32_000)
"""Below what systems hand out to outgoing connections, which could take a kept port from us."""


def choose_ports(path: Path, wanted: Mapping[str, int], *, anew: bool = False) -> dict[str, int]:
    """The ports kept in `path`; those missing there are chosen, kept, and returned too.

    `wanted` maps each name to the port it would like; it gets another free one when that is
    taken or 0. Raises `BadInput` when the file is damaged.
    """
    kept = {} if anew else _kept(path)
    ports = {name: kept[name] for name in wanted if name in kept}
    with contextlib.ExitStack() as held:
        for name in wanted.keys() - ports.keys():
            ports[name] = _free_port(wanted[name], held, set(ports.values()))
    if ports != kept:
        scratch = path.with_suffix(".new")
        scratch.write_text(json.dumps(ports, indent=2) + "\n")
        scratch.replace(path)
    return ports


def _kept(path: Path) -> dict[str, int]:
    try:
        kept = json.loads(path.read_text())
        return {str(name): int(port) for name, port in kept.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError, TypeError) as damage:
        raise BadInput(
            f"{path} is damaged; write the ports in it as JSON again, or delete it "
            "(links already mailed then lead nowhere)."
        ) from damage


def _free_port(wanted: int, held: contextlib.ExitStack, taken: set[int]) -> int:
    """A port nobody listens on, bound until all are chosen so that none is given twice."""
    for port in (wanted, *random.sample(_QUIET, 100)):
        sock = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        with contextlib.suppress(OSError):
            if port and port not in taken:
                sock.bind(("127.0.0.1", port))
                return port
    raise Unavailable("This machine has no free TCP port between 20000 and 32000.")


def check_free(ports: Mapping[str, int], path: Path) -> None:
    """Raises `Unavailable` naming the kept port that another program listens on."""
    for name, port in ports.items():
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("127.0.0.1", port))
            except OSError as taken:
                raise Unavailable(
                    f"Port {port} ({name}) is used by another program. Stop that program, or "
                    f"change the port in {path}; links already mailed keep the old one."
                ) from taken
