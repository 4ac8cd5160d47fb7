"""Which network addresses may be connected to where a user says so.

An address that comes from a user is used from inside a site's network: without this rule anybody
could reach what only the site may (server-side request forgery).
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

import msgspec

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")


class Addresses(msgspec.Struct, frozen=True):
    """What a host name stands for, parted by whether a connection is permitted."""

    permitted: tuple[str, ...]
    refused: tuple[str, ...]


class Permissions:
    """Public addresses are permitted, and besides them what `allow` lists: networks
    (`10.1.0.0/16`, `127.0.0.1`, `::1/128`) and host names (`data.site.org`, `localhost`)."""

    def __init__(self, allow: Sequence[str]) -> None:
        """ValueError for an entry that is neither a network nor a host name."""
        networks = [(entry, _network(entry)) for entry in allow]
        self._networks = tuple(network for _, network in networks if network)
        self._hosts = frozenset(_plain(entry) for entry, network in networks if not network)

    def sort(self, host: str, addresses: Sequence[str]) -> Addresses:
        """Part the addresses of a host. Order is kept."""
        named = _plain(host) in self._hosts
        permitted = [a for a in addresses if named or self._permits(ip_address(a))]
        refused = [a for a in addresses if a not in permitted]
        return Addresses(tuple(permitted), tuple(refused))

    def _permits(self, address: Address) -> bool:
        inner = _embedded(address)
        listed = any(a in network for network in self._networks for a in (address, inner))
        return listed or _is_public(inner)


async def system_resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host in the system's order of preference.

    socket.gaierror when there are none, UnicodeError when it is no host name.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(where[0]) for *_, where in found))


def _network(entry: str) -> Network | None:
    try:
        return ip_network(entry, strict=False)
    except ValueError:
        if "/" in entry or ":" in entry or not entry.strip():
            raise ValueError(f"{entry!r} is neither a network nor a host name") from None
        return None


def _plain(host: str) -> str:
    return host.lower().rstrip(".")


def _embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 address only wraps (mapped, NAT64, 6to4), or itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address):
        return address in _GLOBAL_UNICAST and address.is_global
    return address.is_global and not (address.is_multicast or address.is_reserved)
