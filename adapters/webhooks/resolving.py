"""Names to addresses that webhooks may reach, looked up once for each attempt.

The connection is then made to the address that was checked: asking again when connecting would
let a name answer with a public address first and a private one second (DNS rebinding).
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address

from domain.webhooks.rules import Fault
from domain.webhooks.targets import Target, is_public

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host name for a port. Raises `OSError` when there are none."""

MOST_ADDRESSES = 4


class Unreachable(Exception):
    """There is no address to connect to; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


async def system_resolve(host: str, port: int) -> Sequence[str]:
    """What the operating system's resolver says. Raises `OSError`."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


async def vetted_addresses(target: Target, resolve: Resolve) -> Sequence[str]:
    """Addresses of `target` to try in order.

    One address that is not public spoils them all: an honest public name has none. A trusted
    host may be anywhere. Raises `Unreachable`.
    """
    try:
        found = await resolve(target.host, target.port)
    except (OSError, UnicodeError):
        raise Unreachable(Fault.NAME_UNKNOWN) from None
    if not found:
        raise Unreachable(Fault.NAME_UNKNOWN)
    if not target.is_trusted and not all(_is_public(each) for each in found):
        raise Unreachable(Fault.FORBIDDEN_TARGET)
    return found[:MOST_ADDRESSES]


def _is_public(address: str) -> bool:
    try:
        return is_public(ip_address(address))
    except ValueError:
        return False
