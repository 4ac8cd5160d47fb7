"""Where clients are, as far as it matters for what one of them may take."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

_ANY: Final = "*"
_SITE: Final = 64


@lru_cache(4096)
def source(host: str) -> str:
    """What counts as one address: of IPv6 a network of 64 bits, which every client has."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((int(address), _SITE), strict=False))


class Proxies:
    """The proxies that are trusted: addresses, networks, or `*` for all."""

    def __init__(self, trusted: tuple[str, ...]) -> None:
        self._trusted = trusted
        self._has = lru_cache(4096)(self._is_trusted)

    def __contains__(self, host: str) -> bool:
        return bool(self._trusted) and self._has(host)

    def _is_trusted(self, host: str) -> bool:
        if _ANY in self._trusted or host in self._trusted:
            return True
        try:
            address = ip_address(host)
            return any(address in ip_network(one, strict=False) for one in self._networks)
        except ValueError:
            return False

    @property
    def _networks(self) -> list[str]:
        return [one for one in self._trusted if one != _ANY]
