"""The http transfer keeps the contract, whatever a server does to it."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

from execution_broker.data.http import HttpConfig, HttpTransfer
from execution_broker.domain.errors import OutsideError, Permanent, Transient
from execution_broker.ports import registry
from execution_broker.ports.data import Source, Transfer
from execution_broker.testing.data import TransferContract
from execution_broker.testing.website import Asked, Route, Website, answering, sending

LOOPBACK = "127.0.0.1/32"


def source_of(location: str) -> Source:
    return Source(location=location, name="data")


async def read(transfer: Transfer, location: str) -> bytes:
    return b"".join([chunk async for chunk in transfer.read(source_of(location))])


async def failure(transfer: Transfer, location: str) -> OutsideError:
    with pytest.raises(OutsideError) as caught:
        await read(transfer, location)
    return caught.value


class Names:
    """A name server of our own. It remembers what it was asked."""

    def __init__(self, **answers: Sequence[str]) -> None:
        self.answers = {name.replace("_", "."): found for name, found in answers.items()}
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if host not in self.answers:
            raise socket.gaierror(socket.EAI_NONAME, f"unknown name at {port}")
        return self.answers[host]


@pytest.fixture
async def transfer() -> AsyncIterator[HttpTransfer]:
    made = HttpTransfer(HttpConfig(allow=(LOOPBACK,), connect_timeout=0.5, inactivity_timeout=0.3))
    yield made
    await made.close()


class TestHttpTransfer(TransferContract):
    @pytest.fixture
    async def transfer(self) -> AsyncIterator[Transfer]:
        made = HttpTransfer(HttpConfig(allow=(LOOPBACK,)))
        yield made
        await made.close()

    @pytest.fixture
    def content(self) -> bytes:
        return bytes(range(256)) * 8192

    @pytest.fixture
    def source(self, content: bytes, site: Website) -> Source:
        site.routes["/file"] = answering(200, content)
        return source_of(site.url("/file"))

    @pytest.fixture
    def missing(self, site: Website) -> Source:
        return source_of(site.url("/nothing"))

    @pytest.fixture
    def forbidden(self, site: Website) -> Source | None:
        site.routes["/forbidden"] = answering(403)
        return source_of(site.url("/forbidden"))

    @pytest.fixture
    def broken(self, site: Website) -> Source | None:
        site.routes["/broken"] = sending(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        return source_of(site.url("/broken"))

    @pytest.fixture
    def secretive(self, site: Website) -> tuple[Source, str] | None:
        location = f"http://user:hidden@127.0.0.1:{site.port}/x?token=hidden#hidden"
        return source_of(location), "hidden"


# --- Addresses ----------------------------------------------------------------------------------


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


# --- Redirects ----------------------------------------------------------------------------------


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


# --- TLS ----------------------------------------------------------------------------------------


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


# --- Answers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *(
            (status, Permanent)
            for status in (204, 206, 400, 401, 403, 404, 405, 410, 416, 451, 499)
        ),
        *((status, Transient) for status in (408, 425, 429, 500, 502, 503, 504, 599)),
    ],
)
async def test_statuses_are_permanent_or_transient(
    site: Website, transfer: HttpTransfer, status: int, expected: type[OutsideError]
) -> None:
    site.routes["/a"] = answering(status)
    error = await failure(transfer, site.url("/a"))
    assert type(error) is expected
    assert f"answer was {status}" in str(error)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
    ],
)
async def test_half_an_answer_is_transient(
    site: Website, transfer: HttpTransfer, raw: bytes
) -> None:
    site.routes["/a"] = sending(raw)
    assert isinstance(await failure(transfer, site.url("/a")), Transient)


async def test_a_reset_is_transient(site: Website, transfer: HttpTransfer) -> None:
    async def reset(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await writer.drain()
        connection: socket.socket = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    site.routes["/a"] = reset
    assert isinstance(await failure(transfer, site.url("/a")), Transient)


async def test_a_server_that_is_not_there_is_transient(transfer: HttpTransfer) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        error = await failure(transfer, f"http://127.0.0.1:{unused.getsockname()[1]}/")
    assert isinstance(error, Transient)


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"])
async def test_silence_is_transient(site: Website, transfer: HttpTransfer, raw: bytes) -> None:
    gone = asyncio.Event()

    async def silent(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await gone.wait()

    site.routes["/a"] = silent
    error = await failure(transfer, site.url("/a"))
    gone.set()
    assert isinstance(error, Transient)
    assert "nothing came for 0.3 s" in str(error)


async def test_a_slow_source_is_read_however_long_it_takes(
    site: Website, transfer: HttpTransfer
) -> None:
    """Longer in all than the time that may pass without a byte."""

    async def slow(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        for byte in b"bytes":
            await asyncio.sleep(0.1)
            writer.write(bytes([byte]))
            await writer.drain()

    site.routes["/a"] = slow
    assert await read(transfer, site.url("/a")) == b"bytes"


async def test_a_body_without_length_ends_with_its_connection(
    site: Website, transfer: HttpTransfer
) -> None:
    site.routes["/a"] = sending(b"HTTP/1.0 200 OK\r\n\r\ncontent")
    assert await read(transfer, site.url("/a")) == b"content"
    assert (await transfer.look(source_of(site.url("/a")))).size is None


async def test_bytes_are_taken_as_they_are(site: Website, transfer: HttpTransfer) -> None:
    """A .fits.gz is often served as an encoded .fits: it must arrive as the file it is."""
    site.routes["/a"] = answering(200, b"\x1f\x8b rest", Content_Encoding="gzip")
    assert await read(transfer, site.url("/a")) == b"\x1f\x8b rest"
    assert site.asked[0].headers["accept-encoding"] == "identity"


async def test_no_cookie_goes_from_one_session_to_another(
    site: Website, transfer: HttpTransfer
) -> None:
    site.routes["/a"] = answering(200, b"x", Set_Cookie="id=1; Path=/")
    await read(transfer, site.url("/a"))
    await read(transfer, site.url("/a"))
    assert "cookie" not in site.asked[1].headers


async def test_reading_that_is_cancelled_lets_go_of_its_connection(site: Website) -> None:
    transfer = HttpTransfer(HttpConfig(allow=(LOOPBACK,), connections=1))
    started, gone = asyncio.Event(), asyncio.Event()

    async def endless(_: Asked, writer: asyncio.StreamWriter) -> None:
        started.set()
        await gone.wait()
        writer.write(b"")

    site.routes["/endless"] = endless
    site.routes["/file"] = answering(200, b"content")
    reading = asyncio.create_task(read(transfer, site.url("/endless")))
    await started.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await read(transfer, site.url("/file")) == b"content"
    gone.set()


# --- Looking ------------------------------------------------------------------------------------


def heads_refused(status: int, raw: bytes) -> Route:
    async def route(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.method == "HEAD":
            await answering(status)(asked, writer)
        else:
            writer.write(raw)

    return route


@pytest.mark.parametrize("status", [403, 405, 501])
@pytest.mark.parametrize(
    ("raw", "size"),
    [
        (b"206 Partial\r\nContent-Range: bytes 0-0/1234\r\nContent-Length: 1\r\n\r\nx", 1234),
        (b"206 Partial\r\nContent-Range: bytes 0-0/*\r\nContent-Length: 1\r\n\r\nx", None),
        (b"416 No\r\nContent-Range: bytes */0\r\nContent-Length: 0\r\n\r\n", 0),
        (b"200 OK\r\nContent-Length: 99999999\r\n\r\nfirst", 99999999),
        (b"200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", None),
    ],
)
async def test_where_head_is_refused_a_get_tells(
    site: Website, transfer: HttpTransfer, status: int, raw: bytes, size: int | None
) -> None:
    site.routes["/a"] = heads_refused(status, b"HTTP/1.1 " + raw)
    assert (await transfer.look(source_of(site.url("/a")))).size == size
    assert [asked.method for asked in site.asked] == ["HEAD", "GET"]
    assert site.asked[1].headers["range"] == "bytes=0-0"


async def test_looking_fails_as_reading_does(site: Website, transfer: HttpTransfer) -> None:
    for status, expected in ((404, Permanent), (503, Transient)):
        site.routes["/a"] = answering(status)
        with pytest.raises(expected):
            await transfer.look(source_of(site.url("/a")))


# --- URLs and configuration ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "location",
    [
        "http://",
        "http:///path",
        "http://host:port/",
        "http://host:99999/",
        "http://[::1/",
        "http://" + "x" * 64 + ".example/",
        "http://a..b/",
        "http://ho\x00st/",
        "http://\u2603.\u0378/",
    ],
)
async def test_what_is_no_url_never_surprises(transfer: HttpTransfer, location: str) -> None:
    error = await failure(transfer, location)
    assert error.message.kind.endswith("source-failed")


@pytest.mark.parametrize(
    "values", [{"allow": ["10.0.0.0/99"]}, {"ca": "no certificate"}, {"no": 1}]
)
def test_a_configuration_that_cannot_be_used_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(values, HttpConfig)


def test_it_is_found_by_its_entry_point() -> None:
    assert registry.plugin("transfers", "http") is HttpTransfer
