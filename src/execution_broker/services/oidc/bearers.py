"""Whose a bearer token is.

What knows of signatures and fetches keys is loaded where there are issuers or tokens come: a
server without any is smaller by megabytes.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from structlog.typing import FilteringBoundLogger

from execution_broker.domain.identity import Role
from execution_broker.services.oidc.rules import Issuer, Timing, name_of, role_of

if TYPE_CHECKING:
    from execution_broker.services.oidc.fetching import Fetcher
    from execution_broker.services.oidc.keys import KeyRing


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
        self._rings: dict[str, KeyRing] = {}
        self._fetcher: Fetcher | None = None
        if self._issuers:
            from execution_broker.services.oidc import fetching, keys

            fetcher = self._fetcher = fetching.Fetcher(seconds)
            for url, issuer in self._issuers.items():
                self._rings[url] = keys.KeyRing(issuer, fetcher.document, clock, timing, log)

    @property
    def issuers(self) -> tuple[Issuer, ...]:
        return tuple(self._issuers.values())

    async def whose(self, text: str) -> Claimed:
        """Who the token is of.

        InvalidToken with the reason; Forbidden for a good one of somebody who may not use us;
        Unavailable if the issuer cannot be asked for keys that are needed.
        """
        from execution_broker.services.oidc import tokens

        token = tokens.read(text)
        issuer = self._issuers.get(token.claims.iss)
        if issuer is None:
            raise tokens.refused("its issuer is not trusted here")
        tokens.allow(token, issuer)
        tokens.judge(token.claims, issuer, self._now())
        ring, kid = self._rings[issuer.url], token.header.kid
        if not tokens.holds(token, await ring.find(kid)) and not tokens.holds(
            token, await ring.again(kid)
        ):
            raise tokens.refused("its signature does not hold")
        subject = token.claims.sub
        return Claimed(
            issuer, subject, name_of(issuer, token.values, subject), role_of(issuer, token.values)
        )

    async def close(self) -> None:
        """Give back the connections."""
        for ring in self._rings.values():
            await ring.close()
        if self._fetcher is not None:
            await self._fetcher.close()
