"""Data behind http and https URLs.

httpx is used without its client: a client logs whole URLs with their secrets at INFO, keeps
cookies, and has its own ideas about redirects. (`httpcore` below it logs headers at DEBUG: a
logging setup keeps both loggers at WARNING.)
"""

import asyncio
import ssl
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from http import HTTPStatus
from typing import Annotated, ClassVar, Final

import httpx
import msgspec

from execution_broker import __version__
from execution_broker.data.answers import (
    length,
    permanent,
    require_success,
    retry_after,
    told,
    transient,
    whole_length,
)
from execution_broker.domain import messages
from execution_broker.domain.errors import Permanent, Underway
from execution_broker.domain.naming import shown
from execution_broker.ports.addresses import Permissions, Resolve, system_resolve
from execution_broker.ports.data import Looked, Source

Seconds = Annotated[float, msgspec.Meta(gt=0)]

_HOPS: Final = 5
_ASKED_AGAIN: Final = 10.0
"""Seconds, where the server does not say when."""
_TRIED_ADDRESSES: Final = 4
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_HEAD_REFUSED: Final = frozenset({400, 403, 405, 501})
_COMPLETE: Final = frozenset({200, 202, 203})
_EMPTY_RANGE: Final = 416
_HEADERS: Final = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "Connection": "close",
    "User-Agent": f"execution-broker/{__version__}",
}


class HttpConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`allow`: private networks and hosts that may be read, besides all public addresses
    (`10.1.0.0/16`, `127.0.0.1/32`, `localhost`). `allow_downgrade`: whether a redirection may lead
    from https to http. `ca`: certificates in PEM trusted besides those of the system (`ca_file` in
    the configuration). Seconds: `connect_timeout` to connect, `inactivity_timeout` without any
    byte. `connections`: the most at a time."""

    allow: tuple[str, ...] = ()
    allow_downgrade: bool = False
    ca: str = ""
    connect_timeout: Seconds = 5.0
    inactivity_timeout: Seconds = 30.0
    connections: Annotated[int, msgspec.Meta(gt=0)] = 32

    def __post_init__(self) -> None:
        Permissions(self.allow)
        if self.ca:
            try:
                _trust(self.ca)
            except ssl.SSLError:
                raise ValueError("ca holds no certificate in PEM") from None


class HttpTransfer:
    """Reads http and https.

    Every hop of a redirect is checked like the first URL. A connection is made to the very
    address that was checked, and never used for a second request: no answer of a name server in
    between can lead elsewhere. No cookies, no proxies, nothing from the environment.
    """

    schemes: ClassVar[frozenset[str]] = frozenset({"http", "https"})
    Config: ClassVar[type[msgspec.Struct]] = HttpConfig

    def __init__(self, config: HttpConfig, resolve: Resolve = system_resolve) -> None:
        self._config = config
        self._resolve = resolve
        self._permissions = Permissions(config.allow)
        timeouts = httpx.Timeout(config.inactivity_timeout, connect=config.connect_timeout)
        self._timeouts = timeouts.as_dict()
        # A free place for it, a connection, and then all headers, of which any may be the last.
        self._patience = 2 * config.inactivity_timeout + config.connect_timeout
        self._transport = httpx.AsyncHTTPTransport(
            verify=_trust(config.ca),
            trust_env=False,
            limits=httpx.Limits(max_connections=config.connections, max_keepalive_connections=0),
        )

    async def look(self, source: Source) -> Looked:
        """Asks with HEAD, and where that is refused with a GET that reads nothing."""
        with self._explained(source.location):
            async with self._answer("HEAD", source.location, {}) as answer:
                if answer.status_code not in _HEAD_REFUSED:
                    require_success(answer, source.location, _COMPLETE)
                    return told(answer, length(answer))
            async with self._answer("GET", source.location, {"Range": "bytes=0-0"}) as answer:
                if answer.status_code in (HTTPStatus.PARTIAL_CONTENT, _EMPTY_RANGE):
                    return told(answer, whole_length(answer))
                require_success(answer, source.location, _COMPLETE)
                return told(answer, length(answer))

    async def read(self, source: Source) -> AsyncIterator[Looked | bytes]:
        """The body as it is sent: an encoding that was not asked for is told and left alone."""
        with self._explained(source.location):
            async with self._answer("GET", source.location, {}) as answer:
                require_success(answer, source.location, _COMPLETE)
                if answer.status_code == HTTPStatus.ACCEPTED:
                    not_ready = messages.SOURCE_NOT_READY(file=source.name)
                    raise Underway(not_ready, retry_after(answer, time.time()) or _ASKED_AGAIN)
                expected, received = length(answer), 0
                yield told(answer, expected)
                async for chunk in answer.aiter_raw():
                    received += len(chunk)
                    yield chunk
                if expected is not None and received != expected:
                    raise transient(
                        source.location, f"it broke off after {received} of {expected} bytes"
                    )

    async def close(self) -> None:
        await self._transport.aclose()

    @asynccontextmanager
    async def _answer(
        self, method: str, location: str, headers: dict[str, str]
    ) -> AsyncIterator[httpx.Response]:
        """The first answer that is no redirect, its body not read yet."""
        url = httpx.URL(location)
        for _ in range(1 + _HOPS):
            answer = await self._send(method, url, headers)
            try:
                if answer.status_code not in _REDIRECTS:
                    yield answer
                    return
                url = self._next(url, answer, location)
            finally:
                await answer.aclose()
        raise permanent(location, f"it redirects more than {_HOPS} times")

    def _next(self, url: httpx.URL, answer: httpx.Response, location: str) -> httpx.URL:
        if "Location" not in answer.headers:
            raise permanent(location, "it redirects to nowhere")
        following = url.join(answer.headers["Location"])
        if (
            url.scheme == "https"
            and following.scheme == "http"
            and not self._config.allow_downgrade
        ):
            raise Permanent(
                messages.NOT_ALLOWED(
                    place=shown(location),
                    reason="it redirects from https to http, where anybody could change the"
                    " content; the operator can permit it with transfers.http.allow_downgrade",
                )
            )
        return following

    async def _send(self, method: str, url: httpx.URL, headers: dict[str, str]) -> httpx.Response:
        """Connects to the checked addresses in turn; the host's name stays in the Host header and
        in what the certificate must prove."""
        host = url.raw_host.decode("ascii")
        if url.scheme not in self.schemes or not host:
            raise permanent(str(url), "only http and https URLs with a host can be read")
        secrets = _authorization(url)
        failure: httpx.TransportError | None = None
        for address in await self._addresses(url, host):
            request = httpx.Request(
                method,
                url.copy_with(host=address),
                headers={"Host": url.netloc.decode("ascii"), **_HEADERS, **headers, **secrets},
                extensions={"sni_hostname": host, "timeout": self._timeouts},
            )
            try:
                async with asyncio.timeout(self._patience):
                    return await self._transport.handle_async_request(request)
            except TimeoutError:
                reason = f"it did not begin to answer within {self._patience:g} s"
                raise transient(str(url), reason) from None
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
        raise failure or transient(str(url), f"the host {host} has no address")

    async def _addresses(self, url: httpx.URL, host: str) -> tuple[str, ...]:
        location = str(url)
        try:
            async with asyncio.timeout(self._config.connect_timeout):
                found = await self._resolve(host, url.port or _DEFAULT_PORTS[url.scheme])
        except UnicodeError:
            raise permanent(location, f"{host} is no host name") from None
        except (OSError, TimeoutError):
            raise transient(location, f"the address of {host} could not be found") from None
        addresses = self._permissions.sort(host, found)
        if addresses.refused and not addresses.permitted:
            raise Permanent(
                messages.ADDRESS_REFUSED(
                    location=shown(location),
                    address=addresses.refused[0],
                    remedy="The operator can permit it in transfers.http.allow.",
                )
            )
        return addresses.permitted[:_TRIED_ADDRESSES]

    @contextmanager
    def _explained(self, location: str) -> Iterator[None]:
        """Says in our words what the library raises: its own texts could hold parts of a URL."""
        try:
            yield
        except httpx.InvalidURL:
            raise permanent(location, "it is no URL, or redirects to none") from None
        except httpx.ConnectTimeout:
            reason = f"no connection within {self._config.connect_timeout:g} s"
            raise transient(location, reason) from None
        except httpx.PoolTimeout:
            raise transient(location, "too many transfers at the same time") from None
        except httpx.TimeoutException:
            reason = f"nothing came for {self._config.inactivity_timeout:g} s"
            raise transient(location, reason) from None
        except httpx.ConnectError as error:
            if _distrusted(error):
                raise permanent(
                    location,
                    "its certificate is not trusted; the operator can trust further ones with"
                    " transfers.http.ca_file",
                ) from None
            raise transient(location, "the connection failed") from None
        except (httpx.RequestError, ssl.SSLError):
            raise transient(location, "the connection broke off") from None


@cache
def _trust(ca: str) -> ssl.SSLContext:
    """Whom we believe that a server is who it says: the system's authorities, and these."""
    trust = ssl.create_default_context()
    if ca:
        trust.load_verify_locations(cadata=ca)
    return trust


def _authorization(url: httpx.URL) -> dict[str, str]:
    """User and password of a URL, for this request alone."""
    if not url.userinfo:
        return {}
    pair = f"{url.username}:{url.password}".encode()
    return {"Authorization": "Basic " + b64encode(pair).decode("ascii")}


def _distrusted(error: BaseException) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
