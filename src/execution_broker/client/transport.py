"""HTTP as a broker is spoken to: what may be repeated is, and every failure has a name.

A GET is repeated a few times when nobody answers or the broker says it is busy; a POST never is.
Credentials go to the broker's own origin alone, whatever a Location or a link says.
"""

import ssl
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Final, Self, TypeVar

import httpx
import msgspec

from execution_broker.client.errors import (
    BadAddress,
    BrokerRefused,
    Unanswered,
    UnexpectedReply,
    Unreachable,
)
from execution_broker.domain.errors import BrokerError
from execution_broker.models.extensions import Problem

DELAYS: Final = (0.2, 0.6)
"""Seconds to wait before a GET is repeated, once for each."""

_LONGEST_WAIT: Final = 10
_BLANK: Final = "about:blank"
_LARGEST_REPLY: Final = 32 << 20
_CONNECT: Final = 5.0
_BUSY: Final = frozenset({429, 502, 503, 504})
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)

Sleep = Callable[[float], None]
T = TypeVar("T")


class Reply(msgspec.Struct, frozen=True):
    """An answer, read to its end. `headers` by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def values(self) -> object:
        """The JSON body as plain values."""
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError as error:
            kind = self.headers.get("content-type", "no type")
            raise UnexpectedReply(
                f"The broker answered {self.status} with {kind}, which is not JSON: {error}.",
                "Check that the address is that of an Execution Broker.",
            ) from None


class Transport:
    """A connection to one broker. `timeout` in seconds, for each read and write."""

    def __init__(
        self,
        url: str,
        username: str | None,
        password: str | None,
        *,
        timeout: float,
        sleep: Sleep = time.sleep,
    ) -> None:
        address = _address(url)
        name, secret = username or address.username, password or address.password
        self._auth = httpx.BasicAuth(name, secret) if name else None
        self._base = address.copy_with(
            username="", password="", path=address.path.rstrip("/") + "/"
        )
        self.url = str(self._base).rstrip("/")
        self.sleep = sleep
        self._http = httpx.Client(
            timeout=httpx.Timeout(timeout, connect=min(timeout, _CONNECT)),
            headers={"Accept": "application/json", "User-Agent": "execution-broker"},
            trust_env=self._base.host not in _LOOPBACK,
            verify=_trusted(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def get(
        self,
        place: str,
        headers: Mapping[str, str] | None = None,
        expect: Collection[int] = (200,),
    ) -> Reply:
        """The answer, if its status is one of `expect`. Repeated while that can help."""
        return self.repeat(lambda: self.get_once(place, headers, expect))

    def get_once(
        self,
        place: str,
        headers: Mapping[str, str] | None = None,
        expect: Collection[int] = (200,),
    ) -> Reply:
        with self.open(place, headers) as response:
            return _expected(_read(response), expect)

    @contextmanager
    def open(
        self, place: str, headers: Mapping[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        """One GET whose body is read by the caller. Redirections are followed."""
        target = self.resolve(place)
        try:
            with self._http.stream(
                "GET", target, headers=headers, auth=self._for(target), follow_redirects=True
            ) as response:
                yield response
        except httpx.TransportError as error:
            raise self._unreachable(error) from None
        except httpx.RequestError as error:
            raise UnexpectedReply(f"The broker at {self.url} cannot be read: {error}.") from None

    def post(self, place: str, body: object, expect: Collection[int]) -> Reply:
        """Send a JSON body once. Unanswered when it may have arrived and nobody said so."""
        target = self.resolve(place)
        headers = {"Content-Type": "application/json"}
        content = msgspec.json.encode(body)
        try:
            with self._http.stream(
                "POST", target, headers=headers, content=content, auth=self._for(target)
            ) as response:
                return _expected(_read(response), expect)
        except _NOT_SENT as error:
            raise self._unreachable(error) from None
        except httpx.RequestError as error:
            raise Unanswered(
                f"The answer of the broker at {self.url} was lost ({_reason(error)}), "
                "so it is not known whether it did what was asked.",
                "Look at the session before you ask again; unanswered offers expire by themselves.",
            ) from None

    def repeat(self, attempt: Callable[[], T]) -> T:
        """What `attempt` returns, trying again while nobody answers or the broker is busy."""
        for delay in DELAYS:
            try:
                return attempt()
            except Unreachable:
                self.sleep(delay)
            except BrokerRefused as error:
                if error.problem.status not in _BUSY:
                    raise
                if (wait := error.retry_after or delay) > _LONGEST_WAIT:
                    raise
                self.sleep(wait)
        return attempt()

    def resolve(self, place: str) -> httpx.URL:
        """The absolute URL of a path, a Location or a link of this broker.

        A path that does not begin with that of the base URL is taken to be below it: a broker
        behind a proxy does not know the prefix that its clients see.
        """
        try:
            target = httpx.URL(place)
        except httpx.InvalidURL:
            raise UnexpectedReply(f"The broker refers to {place!r}, which is no URL.") from None
        if target.is_absolute_url:
            return target
        if target.path.startswith(self._base.path):
            return self._base.join(place)
        return self._base.join(place.lstrip("/"))

    def _for(self, target: httpx.URL) -> httpx.Auth | None:
        return self._auth if _origin(target) == _origin(self._base) else None

    def _unreachable(self, error: httpx.TransportError) -> Unreachable:
        return Unreachable(
            f"No broker answers at {self.url}: {_reason(error)}.",
            "Start one with `broker serve`, or give the address of one that runs.",
        )


def busy(error: BrokerError) -> bool:
    """Whether asking again later may help."""
    if isinstance(error, BrokerRefused):
        return error.problem.status in _BUSY
    return isinstance(error, Unreachable)


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities that are trusted. Reading them takes longer than most answers."""
    return httpx.create_ssl_context()


def _address(url: str) -> httpx.URL:
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        address = httpx.URL()
    if address.scheme not in ("http", "https") or not address.host:
        raise BadAddress(
            "The address of the broker is not an http or https URL.",
            "Give one like http://127.0.0.1:8080.",
        )
    return address.copy_with(query=None, fragment=None)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _read(response: httpx.Response) -> Reply:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > _LARGEST_REPLY:
            raise UnexpectedReply(
                f"The broker answers with more than {_LARGEST_REPLY >> 20} MiB.",
                "Check that the address is that of an Execution Broker.",
            )
    return Reply(response.status_code, dict(response.headers), bytes(body))


def _expected(reply: Reply, expect: Collection[int]) -> Reply:
    if reply.status in expect:
        return reply
    raise refusal(reply)


def refusal(reply: Reply) -> BrokerRefused:
    """The error that an answer with an unexpected status is."""
    after = reply.headers.get("retry-after", "")
    return BrokerRefused(_problem(reply), int(after) if after.isdecimal() else None)


def _problem(reply: Reply) -> Problem:
    """The problem document of an answer, or what its status alone says."""
    given = _document(reply.body)
    if given is not None:
        return given
    title = httpx.codes.get_reason_phrase(reply.status) or "an unknown status"
    place = reply.headers.get("location")
    points = f" and points to {place}" if place else ""
    detail = f"The broker answered {reply.status} ({title}){points}."
    return Problem(type=_BLANK, title=title, status=reply.status, detail=detail)


def _document(body: bytes) -> Problem | None:
    try:
        values = msgspec.json.decode(body)
        if not isinstance(values, dict) or not {"title", "detail"} & set(values):
            return None
        given = {name: value for name, value in values.items() if value is not None}
        return msgspec.convert({"type": _BLANK, "title": "", "status": 0} | given, Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _reason(error: httpx.RequestError) -> str:
    match error:
        case httpx.ConnectTimeout():
            return "connecting took too long"
        case httpx.TimeoutException():
            return "it took too long"
        case httpx.ConnectError() if "refused" in str(error):
            return "nothing listens there"
        case _:
            return str(error).rstrip(".") or type(error).__name__
