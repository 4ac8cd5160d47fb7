"""The http transfer keeps the contract, whatever a server answers."""

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator
from email.utils import formatdate

import msgspec
import pytest

from execution_broker.data.http import HttpConfig, HttpTransfer
from execution_broker.domain.errors import OutsideError, Permanent, Transient, Underway
from execution_broker.ports import registry
from execution_broker.ports.data import Looked, Source, Transfer
from execution_broker.testing.data import TransferContract
from execution_broker.testing.website import Asked, Route, Website, answering, sending
from tests.data.reading import LOOPBACK, failure, read, source_of


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
    ("told", "least", "most"),
    [
        ("7", 7, 7),
        ("", 10, 10),
        ("soon", 10, 10),
        ("-1", 10, 10),
        ("in an hour", 3500, 3600),
        ("an hour ago", 10, 10),
        ("Fri, 99 Foo 2026", 10, 10),
        ("9" * 30, 10, 10),
    ],
)
async def test_accepted_is_not_there_yet(
    site: Website, transfer: HttpTransfer, told: str, least: float, most: float
) -> None:
    """202 is no failure; of what it looks like nothing is known."""
    dates = {"in an hour": 3600, "an hour ago": -3600}
    told = formatdate(time.time() + dates[told], usegmt=True) if told in dates else told
    site.routes["/a"] = answering(202, b"Please wait.", Retry_After=told)
    error = await failure(transfer, site.url("/a"))
    assert type(error) is Underway
    assert error.retry_after is not None
    assert least <= error.retry_after <= most
    assert await transfer.look(source_of(site.url("/a"))) == Looked()


@pytest.mark.parametrize("status", [429, 503])
async def test_who_is_busy_may_say_for_how_long(
    site: Website, transfer: HttpTransfer, status: int
) -> None:
    site.routes["/a"] = answering(status, Retry_After="30")
    assert (await failure(transfer, site.url("/a"))).retry_after == 30
    site.routes["/a"] = answering(status)
    assert (await failure(transfer, site.url("/a"))).retry_after is None


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


async def test_an_answer_that_drips_before_it_begins_is_transient(
    site: Website, transfer: HttpTransfer
) -> None:
    """Its bytes come often enough, but not the end of its headers. A look waits no longer."""

    async def dripping(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    site.routes["/a"] = dripping
    assert isinstance(await asyncio.wait_for(failure(transfer, site.url("/a")), 10), Transient)
    with pytest.raises(Transient, match=r"it did not begin to answer within 1\.1 s"):
        await asyncio.wait_for(transfer.look(source_of(site.url("/a"))), 10)


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


@pytest.mark.parametrize(
    ("tag", "version"), [('"1-a"', '"1-a"'), ('W/"1"', None), ("", None), ("x", "x")]
)
@pytest.mark.parametrize("head", [200, 405])
async def test_a_strong_tag_tells_the_version(
    site: Website, transfer: HttpTransfer, tag: str, version: str | None, head: int
) -> None:
    answer = f"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nETag: {tag}\r\n\r\nx".encode()
    site.routes["/a"] = sending(answer) if head == 200 else heads_refused(head, answer)
    assert (await transfer.look(source_of(site.url("/a")))).version == version


async def test_looking_fails_as_reading_does(site: Website, transfer: HttpTransfer) -> None:
    for status, expected in ((404, Permanent), (503, Transient)):
        site.routes["/a"] = answering(status)
        with pytest.raises(expected):
            await transfer.look(source_of(site.url("/a")))


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
