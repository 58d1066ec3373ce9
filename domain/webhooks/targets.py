"""Where a webhook may point: the part of the vetting that needs no network.

An owner chooses the URL and Parley makes the request, so a careless rule here would let an owner
reach into the network Parley runs in (server-side request forgery). A name is checked when the
endpoint is made, and what it resolves to is checked again before every attempt.
"""

import re
from collections.abc import Container
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from domain.errors import BadInput
from domain.values import Frozen

MAX_URL = 2000
PORTS = frozenset({443, 8443})

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_PRIVATE_SUFFIXES = (".localhost", ".local", ".internal", ".home.arpa", ".onion", ".test", ".lan")

# Everything of the IANA special-purpose registry that is not a place on the public Internet
# (RFC 6890 and its updates), multicast and the old class E.
_CLOSED_IPV4 = tuple(
    ip_network(each)
    for each in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud provider's host agent, on a public number
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# Only 2000::/3 is given out. Outside of it lie loopback, link-local, ULA, multicast, NAT64 and
# the IPv4-mapped addresses; inside, these carry an IPv4 address or lead nowhere.
_OPEN_IPV6 = ip_network("2000::/3")
_CLOSED_IPV6 = tuple(
    ip_network(each)
    for each in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)


class BadTarget(BadInput):
    """The URL is not one that webhooks may be sent to."""

    code = "bad-target"

    def __init__(self, message: str) -> None:
        super().__init__(message, field="url")


class Target(Frozen):
    """A vetted URL in its parts. `path` starts with a slash and carries the query;
    `is_trusted` when a setting allows the host by name, whatever it resolves to."""

    scheme: str
    host: str
    port: int
    path: str
    is_trusted: bool = False

    @property
    def authority(self) -> str:
        """Host and port as the `Host` header writes them (RFC 9110 §7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"https": 443, "http": 80}[self.scheme]
        return host if self.port == usual else f"{host}:{self.port}"


def read_target(url: str, trusted: Container[str] = frozenset()) -> Target:
    """`url` in its parts, if webhooks may be sent there.

    https only, on port 443 or 8443, to a public name or address, without user name, password
    or fragment. A host that `trusted` names (lower case, no port) may be private, use http and
    any port. Raises `BadTarget`.
    """
    parts, port = _split(url)
    host = _read_host(parts)
    is_trusted = host in trusted
    if not is_trusted:
        _refuse_unsafe(parts.scheme, host, port)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    number = port if port is not None else {"https": 443, "http": 80}[parts.scheme]
    return Target(scheme=parts.scheme, host=host, port=number, path=path, is_trusted=is_trusted)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether `address` is a place on the public Internet that webhooks may reach.

    Refuses private, loopback, link-local, ULA, CGNAT, multicast, reserved, NAT64, 6to4, Teredo
    and IPv4-mapped addresses, and any IPv6 address with a zone.
    """
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _CLOSED_IPV4)
    if address.scope_id is not None or address not in _OPEN_IPV6:
        return False
    return not any(address in network for network in _CLOSED_IPV6)


def _split(url: str) -> tuple[SplitResult, int | None]:
    """The URL and its port. What browsers and parsers read differently is refused: white space,
    backslashes, non-ASCII."""
    if len(url) > MAX_URL:
        raise BadTarget(f"The URL may have up to {MAX_URL} characters.")
    if not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise BadTarget(
            "The URL must be printable ASCII without spaces or backslashes; write an "
            "international name in its xn-- form."
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadTarget("This is not a URL; write it like https://example.org/hook.") from None
    if parts.scheme not in ("https", "http") or not parts.netloc:
        raise BadTarget("The URL must start with https://.")
    if "@" in parts.netloc or "#" in url:
        raise BadTarget("The URL may carry no user name, password or fragment.")
    return parts, port


def _read_host(parts: SplitResult) -> str:
    """The host, lower case: a name, or an address in its one canonical spelling."""
    host = (parts.hostname or "").lower()
    if parts.netloc.startswith("["):
        return _ipv6_host(host)
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadTarget("The URL needs a host name, like https://example.org/hook.")
    if _is_number(labels[-1]):
        return _ipv4_host(host)
    return host


def _ipv6_host(host: str) -> str:
    if "%" in host:
        raise BadTarget("An IPv6 address may carry no zone.")
    try:
        return str(IPv6Address(host))
    except ValueError:
        raise BadTarget("The address in brackets is not an IPv6 address.") from None


def _is_number(label: str) -> bool:
    """Whether a host ending in `label` is taken for an IPv4 address by lenient parsers
    (WHATWG URL §3.5): decimal, octal, or hexadecimal."""
    return label.isdigit() or re.fullmatch(r"0x[0-9a-f]*", label) is not None


def _ipv4_host(host: str) -> str:
    """Only four plain decimal numbers: `0x7f.1`, `2130706433` and `0177.0.0.1` would mean
    127.0.0.1 to some resolvers and something else to others."""
    try:
        return str(IPv4Address(host))
    except ValueError:
        raise BadTarget("Write an IPv4 address as four plain decimal numbers.") from None


def _refuse_unsafe(scheme: str, host: str, port: int | None) -> None:
    if scheme != "https":
        raise BadTarget("The URL must start with https://.")
    if port is not None and port not in PORTS:
        raise BadTarget("The port must be 443 or 8443.")
    if not _is_public_host(host):
        raise BadTarget("The host is not a public one; ask the operator to allow it by name.")


def _is_public_host(host: str) -> bool:
    if ":" in host or _is_number(host.rpartition(".")[2]):
        return is_public(ip_address(host))
    return "." in host and not f".{host}".endswith(_PRIVATE_SUFFIXES)
