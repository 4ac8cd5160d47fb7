"""Asking an issuer for its documents: small, soon, and from nowhere else."""

import asyncio
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msgspec

LARGEST: Final = 1 << 18
"""Bytes of a document of an issuer; more are not read."""

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class Unfetched(Exception):
    """A document of an issuer could not be had. The text says why, for operators and users."""


class Fetcher:
    """Gets JSON documents. Each is in within `seconds`, whatever the other side does.

    Redirections are refused: where keys come from is what the operator wrote, and nothing else.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._clients: dict[bool, httpx.AsyncClient] = {}

    async def document(self, url: str) -> dict[str, Any]:
        """The object at `url`. Unfetched with the reason, never another error of the network."""
        if not is_safe(url):
            raise Unfetched(f"{url} is not an https address")
        try:
            async with asyncio.timeout(self._seconds):
                body = await self._read(url)
            return msgspec.json.decode(body, type=dict[str, Any])
        except TimeoutError:
            raise Unfetched(f"{url} did not answer within {self._seconds:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unfetched(f"{url} cannot be read ({type(error).__name__})") from None
        except (msgspec.DecodeError, RecursionError, ValueError):
            raise Unfetched(f"{url} does not hold a JSON object") from None

    async def close(self) -> None:
        """Give back the connections."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    async def _read(self, url: str) -> bytes:
        body = bytearray()
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with self._client(url).stream("GET", url, headers=headers) as response:
            if response.status_code != httpx.codes.OK:
                raise Unfetched(f"{url} answers {response.status_code}")
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > LARGEST:
                    raise Unfetched(f"{url} answers with more than {LARGEST >> 10} KiB")
        return bytes(body)

    def _client(self, url: str) -> httpx.AsyncClient:
        """No proxy of the environment for what is on this machine."""
        is_here = urlsplit(url).hostname in _LOOPBACK
        if is_here not in self._clients:
            self._clients[is_here] = httpx.AsyncClient(
                timeout=self._seconds, trust_env=not is_here, follow_redirects=False
            )
        return self._clients[is_here]


def is_safe(url: str) -> bool:
    """Whether keys may come from there: https, or plain http on this machine alone."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.username is not None or not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
