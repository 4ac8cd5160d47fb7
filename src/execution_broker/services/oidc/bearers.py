"""Whose a bearer token is."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from structlog.typing import FilteringBoundLogger

from execution_broker.domain.identity import Role
from execution_broker.services.oidc import tokens
from execution_broker.services.oidc.fetching import Fetcher
from execution_broker.services.oidc.keys import KeyRing, Timing
from execution_broker.services.oidc.rules import Issuer, name_of, role_of


class Claimed(NamedTuple):
    """Somebody an issuer vouches for: known by `issuer` and `subject`, called `username`."""

    issuer: Issuer
    subject: str
    username: str
    role: Role


class Bearers:
    """Checks tokens of the configured issuers. `now` is epoch seconds, `clock` seconds.

    An issuer is asked for its keys when the first token of it comes, never at a start: one that
    is down keeps nobody else out.
    """

    def __init__(
        self,
        issuers: Iterable[Issuer],
        now: Callable[[], float],
        clock: Callable[[], float],
        log: FilteringBoundLogger,
        timing: Timing = Timing(),  # noqa: B008 - a frozen value
        seconds: float = 5.0,
    ) -> None:
        self._issuers = {issuer.url: issuer for issuer in issuers}
        self._now = now
        self._fetcher = Fetcher(seconds)
        self._rings = {
            url: KeyRing(issuer, self._fetcher.document, clock, timing, log)
            for url, issuer in self._issuers.items()
        }

    @property
    def issuers(self) -> tuple[Issuer, ...]:
        return tuple(self._issuers.values())

    async def whose(self, text: str) -> Claimed:
        """Who the token is of.

        InvalidToken with the reason; Forbidden for a good one of somebody who may not use us;
        Unavailable if the issuer cannot be asked for keys that are needed.
        """
        token = tokens.read(text)
        issuer = self._issuers.get(token.claims.iss)
        if issuer is None:
            raise tokens.refused("its issuer is not trusted here")
        tokens.allow(token, issuer)
        tokens.judge(token.claims, issuer, self._now())
        keys = await self._rings[issuer.url].find(token.header.kid)
        tokens.verify(token, issuer, keys)
        subject = token.claims.sub
        return Claimed(
            issuer, subject, name_of(issuer, token.values, subject), role_of(issuer, token.values)
        )

    async def close(self) -> None:
        """Give back the connections."""
        for ring in self._rings.values():
            await ring.close()
        await self._fetcher.close()
