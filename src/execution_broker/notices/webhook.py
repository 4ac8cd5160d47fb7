"""Webhooks as standardwebhooks.com has them: a POST of JSON, signed with HMAC-SHA256."""

import asyncio
import base64
import binascii
import hmac
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from execution_broker.models.extensions import Fault
from execution_broker.notices.ways import Notice, NotSent, Target, of_address, of_secret
from execution_broker.ports.addresses import Permissions, Resolve, system_resolve

if TYPE_CHECKING:
    from execution_broker.notices.posting import Posting

PREFIX: Final = "whsec_"
_LEAST: Final = 24
_MOST: Final = 64
_LONGEST: Final = 2000
_SCHEMES: Final = frozenset({"http", "https"})
_PLAIN: Final = re.compile(r"[!-~]+")
"""A URL has no white space, and what else is not ASCII is written with % or in IDNA."""


class Webhook:
    """Sends to public addresses over https, and to what a site allows besides."""

    def __init__(
        self,
        allow: Sequence[str],
        timeout: float,
        *,
        plain_http: bool,
        resolve: Resolve = system_resolve,
    ) -> None:
        """`allow`: private networks and hosts. `timeout` in seconds, for all of one notice."""
        self._permissions = Permissions(allow)
        self._timeout = timeout
        self._schemes = _SCHEMES if plain_http else frozenset({"https"})
        self._resolve = resolve

    @cached_property
    def _posting(self) -> "Posting":
        """Made, and loaded, with its first use: who only looks at targets needs none."""
        from execution_broker.notices.posting import Posting

        return Posting(self._permissions, self._resolve)

    def fault(self, target: Target) -> Fault | None:
        if target.secret is not None and _key(target.secret) is None:
            return of_secret(f"it is not {PREFIX} and {_LEAST} to {_MOST} bytes in base64")
        try:
            url = urlsplit(target.address)
            host, user, _ = url.hostname, url.username, url.port
        except ValueError:
            host = None
        is_spoiled = len(target.address) > _LONGEST or not _PLAIN.fullmatch(target.address)
        if not host or url.scheme not in _SCHEMES or user or is_spoiled:
            return of_address("it is no URL of a host, without a user in it")
        if url.scheme not in self._schemes:
            return of_address("it is not https; the operator can permit it in notices.plain_http")
        with suppress(ValueError):
            literal = str(ip_address(host))
            if self._permissions.sort(host, [literal]).refused:
                return of_address(refused(literal))
        return None

    async def send(self, target: Target, notice: Notice, now: datetime) -> None:
        fault = self.fault(target)
        if fault is not None:
            raise NotSent(fault.fault, is_final=True)
        body = msgspec.json.encode(
            {"type": notice.type, "timestamp": notice.time, "data": notice.values}
        )
        headers = signed(target.secret or "", notice.id, int(now.timestamp()), body)
        try:
            async with asyncio.timeout(self._timeout):
                status = await self._posting.post(target.address, headers, body)
        except TimeoutError:
            raise NotSent(f"there was no answer within {self._timeout:g} s") from None
        if not 200 <= status < 300:
            raise NotSent(f"it answered {status}", is_final=status == HTTPStatus.GONE)

    async def close(self) -> None:
        if "_posting" in self.__dict__:
            await self._posting.close()


def signed(secret: str, id_: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that prove whom a body is from, and when it was sent."""
    content = f"{id_}.{timestamp}.".encode() + body
    digest = hmac.digest(_key(secret) or b"", content, "sha256")
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode('ascii')}",
    }


def refused(address: str) -> str:
    """Why nothing is sent to an address of a network."""
    return f"its address {address} is not public; the operator can permit it in notices.allow"


def _key(secret: str) -> bytes | None:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if secret.startswith(PREFIX) and _LEAST <= len(key) <= _MOST else None
