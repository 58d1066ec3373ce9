"""Who is at the other end of a connection.

Behind a proxy that is the proxy's client: uvicorn believes `X-Forwarded-For` from the addresses in
`FORWARDED_ALLOW_IPS`, 127.0.0.1 by default.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from fastapi import Request


def peer_of(request: Request) -> str:
    """The address of the client; of IPv6 the network, since one client has a whole /64.

    Empty where there is none, as on a Unix socket.
    """
    address = _address(request.client.host) if request.client is not None else None
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return str(address or "")


def counted_peer(request: Request) -> str | None:
    """As `peer_of`; None for loopback and private addresses, where a proxy or a forwarder of ours
    speaks for many."""
    address = _address(request.client.host) if request.client is not None else None
    return peer_of(request) if address is not None and address.is_global else None


def is_local(request: Request) -> bool:
    """Whether the client runs on this machine."""
    return request.client is not None and is_loopback(request.client.host)


def is_loopback(host: str | None) -> bool:
    """Whether `host`, a name or an address, is this machine and nothing else."""
    address = _address(host or "")
    return host == "localhost" or (address is not None and address.is_loopback)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
