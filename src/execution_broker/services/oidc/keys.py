"""The keys that an issuer publishes: fetched when needed, kept while it is down, rotated."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from math import ceil
from typing import Any, Final, NamedTuple

from joserfc import errors
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key
from structlog.typing import FilteringBoundLogger

from execution_broker.domain.errors import Unavailable
from execution_broker.domain.log_events import LogEvent
from execution_broker.services.oidc.fetching import Unfetched
from execution_broker.services.oidc.rules import Issuer, Timing
from execution_broker.services.oidc.tokens import PublicKey, refused

_MOST_KEYS: Final = 64
_SMALLEST_RSA: Final = 2048

GetDocument = Callable[[str], Awaitable[dict[str, Any]]]
"""The JSON object at a URL; Unfetched says why not."""


class _Published(NamedTuple):
    """Keys with their kid, and when they were fetched."""

    keys: tuple[tuple[str | None, PublicKey], ...]
    at: float


class KeyRing:
    """The keys of one issuer. `clock` counts seconds and never goes back."""

    def __init__(
        self,
        issuer: Issuer,
        get: GetDocument,
        clock: Callable[[], float],
        timing: Timing,
        log: FilteringBoundLogger,
    ) -> None:
        self._issuer = issuer
        self._get = get
        self._clock = clock
        self._timing = timing
        self._log = log
        self._published: _Published | None = None
        self._tried: float | None = None
        self._failure = ""
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, kid: str | None) -> list[PublicKey]:
        """The keys that may have signed what names this kid (all of them for None).

        InvalidToken if the issuer publishes none; Unavailable if it cannot be asked.
        """
        published = await self._usable()
        found = _matching(published, kid)
        if found:
            return found
        if self._may_ask():
            await self._ask()
            if self._failure:
                raise self._unavailable()
        found = _matching(self._published, kid)
        if not found:
            raise refused("it is signed with a key that its issuer does not publish")
        return found

    async def again(self, kid: str | None) -> list[PublicKey]:
        """The same after a signature did not hold: an issuer may have put another key in the place
        of one, under its kid. It is asked if that was not done just now; nothing if it cannot be.
        """
        if not self._may_ask():
            return []
        await self._ask()
        return [] if self._failure else _matching(self._published, kid)

    async def close(self) -> None:
        """Stop asking."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    async def _usable(self) -> _Published:
        """What is published, as far as it is known; asked for where it must be."""
        age = self._age()
        if age is None or age > self._timing.kept:
            if self._may_ask():
                await self._ask()
            age = self._age()
        elif age > self._timing.fresh and self._may_ask():
            self._start()
        if self._published is None or age is None or age > self._timing.kept:
            raise self._unavailable()
        return self._published

    def _age(self) -> float | None:
        return None if self._published is None else self._clock() - self._published.at

    def _may_ask(self) -> bool:
        if self._is_fetching():
            return True
        return self._tried is None or self._clock() - self._tried >= self._timing.pause

    async def _ask(self) -> None:
        """Wait for the one fetch that all wait for. One that leaves does not end it."""
        await asyncio.shield(self._start())

    def _start(self) -> "asyncio.Task[None]":
        if self._fetching is None or self._fetching.done():
            self._tried = self._clock()
            self._fetching = asyncio.get_running_loop().create_task(
                self._fetch(), context=Context()
            )
        return self._fetching

    def _is_fetching(self) -> bool:
        return self._fetching is not None and not self._fetching.done()

    async def _fetch(self) -> None:
        try:
            found = await self._discover()
        except Unfetched as error:
            self._failure = str(error)
            self._log.warning(
                LogEvent.ISSUER_UNREACHABLE, issuer=self._issuer.url, reason=self._failure
            )
            return
        self._failure = ""
        self._published = _Published(found, self._clock())

    async def _discover(self) -> tuple[tuple[str | None, PublicKey], ...]:
        about = await self._get(self._issuer.discovery_url)
        if about.get("issuer") != self._issuer.url:
            raise Unfetched(f"{self._issuer.discovery_url} speaks for another issuer")
        place = about.get("jwks_uri")
        if not isinstance(place, str):
            raise Unfetched(f"{self._issuer.discovery_url} names no jwks_uri")
        listed = (await self._get(place)).get("keys")
        if not isinstance(listed, list):
            raise Unfetched(f"{place} lists no keys")
        return tuple(key for value in listed[:_MOST_KEYS] for key in _public(value))

    def _unavailable(self) -> Unavailable:
        waited = 0.0 if self._tried is None else self._clock() - self._tried
        reason = self._failure or "its keys are being fetched"
        return Unavailable(
            f"The token cannot be checked: {reason}.",
            "Try again in a moment; tell the operator if it stays so.",
            retry_after=max(1, ceil(self._timing.pause - waited)),
        )


def _public(value: Any) -> list[tuple[str | None, PublicKey]]:
    """One published key, if it is a public key for signatures that can be trusted."""
    if not isinstance(value, dict) or value.get("use", "sig") != "sig":
        return []
    kid = value.get("kid")
    try:
        key = import_key(value)
    except (errors.JoseError, ValueError, TypeError, KeyError):
        return []
    if not isinstance(key, RSAKey | ECKey | OKPKey):
        return []
    if isinstance(key, RSAKey) and key.public_key.key_size < _SMALLEST_RSA:
        return []
    return [(kid if isinstance(kid, str) else None, key)]


def _matching(published: _Published | None, kid: str | None) -> list[PublicKey]:
    if published is None:
        return []
    return [key for named, key in published.keys if kid is None or named == kid]
