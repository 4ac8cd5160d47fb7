"""Where the http transfer connects to: the checked address, hop by hop, proven by certificate."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

from execution_broker.data.http import HttpConfig, HttpTransfer
from execution_broker.domain.errors import Permanent, Transient
from execution_broker.testing.website import Website, answering
from tests.data.reading import LOOPBACK, Names, failure, read, source_of


@pytest.fixture
async def transfer() -> AsyncIterator[HttpTransfer]:
    made = HttpTransfer(HttpConfig(allow=(LOOPBACK,), connect_timeout=0.5, inactivity_timeout=0.3))
    yield made
    await made.close()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "0.0.0.0",
        "10.0.0.1",
        "169.254.169.254",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[fe80::1]",
    ],
)
async def test_private_addresses_are_refused_by_default(host: str, site: Website) -> None:
    transfer = HttpTransfer(HttpConfig())
    for attempt in (
        read(transfer, site.url("/", host)),
        transfer.look(source_of(site.url("/", host))),
    ):
        with pytest.raises(Permanent, match=r"transfers\.http\.allow") as caught:
            await attempt
        assert caught.value.message.kind.endswith("address-refused")
    assert site.asked == []
    await transfer.close()


async def test_a_name_for_a_private_address_is_refused(site: Website) -> None:
    names = Names(data_example=["127.0.0.1"])
    transfer = HttpTransfer(HttpConfig(), names.resolve)
    error = await failure(transfer, site.url("/", "data.example"))
    assert error.message.values["address"] == "127.0.0.1"
    assert site.asked == []


async def test_the_address_that_was_checked_is_the_one_connected_to(site: Website) -> None:
    """A second question to the name server would be answered with another address."""
    names = Names(data_example=["127.0.0.1"])
    site.routes["/file"] = answering(200, b"content")
    transfer = HttpTransfer(HttpConfig(allow=(LOOPBACK,)), names.resolve)
    assert await read(transfer, site.url("/file", "data.example")) == b"content"
    assert names.asked == ["data.example"]
    assert site.asked[0].headers["host"] == f"data.example:{site.port}"


async def test_of_several_addresses_only_permitted_ones_are_used(site: Website) -> None:
    names = Names(data_example=["10.0.0.1", "127.0.0.1"])
    site.routes["/file"] = answering(200, b"content")
    transfer = HttpTransfer(HttpConfig(allow=(LOOPBACK,), connect_timeout=0.5), names.resolve)
    assert await read(transfer, site.url("/file", "data.example")) == b"content"


async def test_an_address_that_does_not_answer_is_passed_over(site: Website) -> None:
    names = Names(data_example=["127.0.0.2", "127.0.0.1"])
    site.routes["/file"] = answering(200, b"content")
    transfer = HttpTransfer(HttpConfig(allow=("data.example",)), names.resolve)
    assert await read(transfer, site.url("/file", "data.example")) == b"content"


async def test_a_host_without_address_is_transient() -> None:
    transfer = HttpTransfer(HttpConfig(), Names(empty=[]).resolve)
    assert isinstance(await failure(transfer, "http://unknown.example/"), Transient)
    assert isinstance(await failure(transfer, "http://empty/"), Transient)


async def test_a_name_server_that_does_not_answer_is_transient() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return [host, str(port)]

    transfer = HttpTransfer(HttpConfig(connect_timeout=0.05), resolve)
    assert isinstance(await failure(transfer, "http://slow.example/"), Transient)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(site: Website, transfer: HttpTransfer, status: int) -> None:
    site.routes["/a"] = answering(status, b"moved", Location="/dir/b?x=1")
    site.routes["/dir/b"] = answering(status, b"moved", Location="c")
    site.routes["/dir/c"] = answering(200, b"content")
    assert await read(transfer, site.url("/a")) == b"content"
    assert (await transfer.look(source_of(site.url("/a")))).size == len(b"content")
    assert site.asked[1].target == "/dir/b?x=1"


async def test_five_hops_are_followed_and_no_more(site: Website, transfer: HttpTransfer) -> None:
    for hop in range(6):
        site.routes[f"/{hop}"] = answering(302, Location=f"/{hop + 1}")
    site.routes["/6"] = answering(200, b"content")
    assert await read(transfer, site.url("/1")) == b"content"
    error = await failure(transfer, site.url("/0"))
    assert isinstance(error, Permanent)
    assert "more than 5 times" in str(error)


@pytest.mark.parametrize(
    "location",
    [
        "http://10.0.0.1/",
        "//169.254.169.254/latest",
        "http://[::1]/",
        "http://user:hidden@10.1.1.1/",
    ],
)
async def test_a_redirect_to_a_private_address_is_refused(
    site: Website, transfer: HttpTransfer, location: str
) -> None:
    site.routes["/a"] = answering(302, Location=location)
    error = await failure(transfer, site.url("/a"))
    assert isinstance(error, Permanent)
    assert error.message.kind.endswith("address-refused")
    assert "hidden" not in str(error)


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://host/", "http://", "http://host:port/", ""]
)
async def test_a_redirect_to_something_else_is_permanent(
    site: Website, transfer: HttpTransfer, location: str
) -> None:
    site.routes["/a"] = answering(302, Location=location)
    assert isinstance(await failure(transfer, site.url("/a")), Permanent)


@pytest.mark.parametrize("status", [300, 302, 304])
async def test_a_redirect_to_nowhere_is_permanent(
    site: Website, transfer: HttpTransfer, status: int
) -> None:
    site.routes["/a"] = answering(status)
    assert isinstance(await failure(transfer, site.url("/a")), Permanent)


async def test_credentials_stay_with_their_host(site: Website) -> None:
    names = Names(one_example=["127.0.0.1"], two_example=["127.0.0.1"])
    transfer = HttpTransfer(HttpConfig(allow=(LOOPBACK,)), names.resolve)
    site.routes["/a"] = answering(302, Location="/b")
    site.routes["/b"] = answering(302, Location=site.url("/c", "two.example"))
    site.routes["/c"] = answering(200, b"content")
    location = f"http://user:password@one.example:{site.port}/a"
    assert await read(transfer, location) == b"content"
    given = [asked.headers.get("authorization") for asked in site.asked]
    assert given == ["Basic dXNlcjpwYXNzd29yZA=="] * 2 + [None]


def trusting(certificate: Path, **more: object) -> HttpConfig:
    values = {"allow": [LOOPBACK], "ca": (certificate / "cert.pem").read_text(), **more}
    return msgspec.convert(values, HttpConfig)


async def test_the_certificate_must_be_of_the_host_not_of_the_address(
    secure_site: Website, certificate: Path
) -> None:
    names = Names(data_example=["127.0.0.1"], other_example=["127.0.0.1"])
    secure_site.routes["/file"] = answering(200, b"content")
    transfer = HttpTransfer(trusting(certificate), names.resolve)
    assert await read(transfer, secure_site.url("/file", "data.example")) == b"content"
    error = await failure(transfer, secure_site.url("/file", "other.example"))
    assert isinstance(error, Permanent)


async def test_a_certificate_nobody_vouches_for_is_refused(secure_site: Website) -> None:
    names = Names(data_example=["127.0.0.1"])
    transfer = HttpTransfer(HttpConfig(allow=(LOOPBACK,)), names.resolve)
    error = await failure(transfer, secure_site.url("/file", "data.example"))
    assert isinstance(error, Permanent)
    assert "transfers.http.ca_file" in str(error)
    assert secure_site.asked == []


async def test_a_secure_source_does_not_lead_to_an_open_one(
    secure_site: Website, site: Website, certificate: Path
) -> None:
    names = Names(data_example=["127.0.0.1"])
    secure_site.routes["/a"] = answering(302, Location=site.url("/b", "data.example"))
    site.routes["/b"] = answering(200, b"content")
    strict = HttpTransfer(trusting(certificate), names.resolve)
    error = await failure(strict, secure_site.url("/a", "data.example"))
    assert isinstance(error, Permanent)
    assert "transfers.http.allow_downgrade" in str(error)
    assert site.asked == []
    lax = HttpTransfer(trusting(certificate, allow_downgrade=True), names.resolve)
    assert await read(lax, secure_site.url("/a", "data.example")) == b"content"


async def test_what_does_not_speak_tls_is_transient(site: Website, transfer: HttpTransfer) -> None:
    assert isinstance(await failure(transfer, f"https://127.0.0.1:{site.port}/"), Transient)
