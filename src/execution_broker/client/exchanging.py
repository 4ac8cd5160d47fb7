"""What both shells tell httpx, and what they make of what it says."""

import ssl
from functools import cache
from typing import Any, Final

import httpx

from execution_broker.client.errors import UnexpectedReply
from execution_broker.client.peer import Peer
from execution_broker.client.speaking import Ask, Lost, NotSent, Reply

_CONNECT: Final = 5.0
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


def options(peer: Peer, timeout: float) -> dict[str, Any]:
    """How a client of httpx is made for this broker; `timeout` in seconds."""
    return {
        "timeout": httpx.Timeout(timeout, connect=min(timeout, _CONNECT)),
        "headers": {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "execution-broker",
        },
        "trust_env": not peer.is_loopback,
        "verify": _trusted(),
        "follow_redirects": False,
    }


def request(http: httpx.Client | httpx.AsyncClient, wanted: Ask) -> httpx.Request:
    """What is asked, as httpx sends it."""
    return http.build_request(
        wanted.method, wanted.url, headers=dict(wanted.headers), content=wanted.content
    )


def reply(response: httpx.Response, body: bytes) -> Reply:
    """What is compressed was not asked for: a few of its bytes may become more than fit."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise UnexpectedReply("The broker compresses its answer, though it was asked not to.")
    return Reply(response.status_code, dict(response.headers), body)


def failure(error: httpx.RequestError) -> NotSent | Lost | UnexpectedReply:
    """What no answer means: whether anything can have arrived, and why, in few words."""
    if isinstance(error, httpx.UnsupportedProtocol) or "location header" in str(error):
        return UnexpectedReply("The broker redirects to what is no http or https URL.")
    kind = NotSent if isinstance(error, _NOT_SENT) else Lost
    return kind(_reason(error))


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities that are trusted. Reading them takes longer than most answers."""
    return httpx.create_ssl_context()


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
