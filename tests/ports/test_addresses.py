"""Which addresses may be connected to."""

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.ports.addresses import Permissions, system_resolve

PRIVATE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
]
PRIVATE_V6 = [
    "::",
    "::1",
    "::127.0.0.1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "4000::1",
]


@pytest.mark.parametrize("address", PRIVATE + PRIVATE_V6)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert Permissions(()).sort("host", [address]).refused == (address,)


@pytest.mark.parametrize("prefix", ["::ffff:0:0/96", "64:ff9b::/96", "2002::/16"])
@pytest.mark.parametrize("inner", PRIVATE)
def test_an_address_within_an_address_is_refused(prefix: str, inner: str) -> None:
    network = ip_network(prefix)
    shift = 128 - network.prefixlen - 32
    outer = IPv6Address(int(network.network_address) | int(IPv4Address(inner)) << shift)
    assert Permissions(()).sort("host", [str(outer)]).refused == (str(outer),)


@pytest.mark.parametrize("address", ["8.8.8.8", "130.88.0.1", "2001:4860:4860::8888"])
def test_public_addresses_are_permitted(address: str) -> None:
    assert Permissions(()).sort("host", [address]).permitted == (address,)


@given(st.ip_addresses(v=4))
def test_wrapping_an_address_changes_nothing(address: IPv4Address) -> None:
    permissions = Permissions(())
    mapped = IPv6Address(int(IPv6Network("::ffff:0:0/96").network_address) | int(address))
    plain = permissions.sort("host", [str(address)])
    assert bool(plain.permitted) == bool(permissions.sort("host", [str(mapped)]).permitted)


@given(st.lists(st.ip_addresses().map(str), unique=True))
def test_every_address_is_sorted_once_and_in_order(addresses: list[str]) -> None:
    found = Permissions(("10.0.0.0/8",)).sort("host", addresses)
    assert sorted(found.permitted + found.refused) == sorted(addresses)
    assert [a for a in addresses if a in found.permitted] == list(found.permitted)


@pytest.mark.parametrize(
    ("allow", "host", "address"),
    [
        ("10.0.0.0/8", "host", "10.1.2.3"),
        ("127.0.0.1", "host", "127.0.0.1"),
        ("127.0.0.1/32", "host", "::ffff:127.0.0.1"),
        ("::1/128", "host", "::1"),
        ("localhost", "LocalHost.", "127.0.0.1"),
        ("data.site.org", "data.site.org", "10.0.0.1"),
    ],
)
def test_the_operator_permits_networks_and_hosts(allow: str, host: str, address: str) -> None:
    assert Permissions((allow,)).sort(host, [address]).permitted == (address,)


@pytest.mark.parametrize(
    ("allow", "host", "address"),
    [
        ("10.0.0.0/8", "host", "192.168.0.1"),
        ("127.0.0.1", "host", "127.0.0.2"),
        ("localhost", "other", "127.0.0.1"),
        ("site.org", "data.site.org", "10.0.0.1"),
    ],
)
def test_and_nothing_beside_them(allow: str, host: str, address: str) -> None:
    assert Permissions((allow,)).sort(host, [address]).refused == (address,)


@pytest.mark.parametrize("entry", ["10.0.0.0/99", "", " ", "host:80", "a/b"])
def test_an_entry_that_is_neither_is_an_error(entry: str) -> None:
    with pytest.raises(ValueError, match="neither a network nor a host name"):
        Permissions((entry,))


async def test_the_system_knows_odd_spellings_of_loopback() -> None:
    for spelling in ("127.1", "2130706433", "0x7f000001"):
        assert await system_resolve(spelling, 80) == ["127.0.0.1"]


async def test_a_host_that_does_not_exist_is_an_error() -> None:
    with pytest.raises((socket.gaierror, UnicodeError)):
        await system_resolve("x" * 64, 80)
