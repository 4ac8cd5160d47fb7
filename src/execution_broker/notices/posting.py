"""One POST to an address that a user has named.

httpx is used without its client, as the http transfer does: no cookies, no proxies, no redirects,
nothing from the environment, and no line in a log that has a whole URL.
"""

import ssl
from collections.abc import Mapping, Sequence
from typing import Final

import httpx

from execution_broker import __version__
from execution_broker.notices.ways import NotSent
from execution_broker.notices.webhook import refused
from execution_broker.ports.addresses import Permissions, Resolve

_TRIED: Final = 4
_PORTS: Final = {"http": 80, "https": 443}


class Posting:
    """A connection is made to the very address that was checked, and used once: no answer of a
    name server in between can lead elsewhere."""

    def __init__(self, permissions: Permissions, resolve: Resolve) -> None:
        self._permissions = permissions
        self._resolve = resolve
        self._transport = httpx.AsyncHTTPTransport(
            verify=ssl.create_default_context(),
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def post(self, address: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the answer. NotSent if there is none. It takes as long as it is let."""
        try:
            return await self._post(httpx.URL(address), headers, body)
        except httpx.InvalidURL:
            raise NotSent("its address is no URL", is_final=True) from None
        except (httpx.HTTPError, ssl.SSLError, OSError) as error:
            raise NotSent(f"the connection failed ({type(error).__name__})") from None

    async def close(self) -> None:
        await self._transport.aclose()

    async def _post(self, url: httpx.URL, headers: Mapping[str, str], body: bytes) -> int:
        host = url.raw_host.decode("ascii")
        failure: httpx.TransportError | None = None
        for address in await self._addresses(url, host):
            request = httpx.Request(
                "POST",
                url.copy_with(host=address),
                headers={
                    "Host": url.netloc.decode("ascii"),
                    "User-Agent": f"execution-broker/{__version__}",
                    "Content-Type": "application/json",
                    "Connection": "close",
                    **headers,
                },
                content=body,
                extensions={"sni_hostname": host},
            )
            try:
                answer = await self._transport.handle_async_request(request)
            except httpx.ConnectError as error:
                failure = error
                continue
            await answer.aclose()
            return answer.status_code
        raise failure or NotSent("its host has no address")

    async def _addresses(self, url: httpx.URL, host: str) -> Sequence[str]:
        try:
            found = await self._resolve(host, url.port or _PORTS[url.scheme])
        except (OSError, UnicodeError):
            raise NotSent("the address of its host could not be found") from None
        addresses = self._permissions.sort(host, found)
        if addresses.refused and not addresses.permitted:
            raise NotSent(refused(addresses.refused[0]))
        return addresses.permitted[:_TRIED]
