"""What is trusted of an issuer, and what its claims make of somebody."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from execution_broker.domain.errors import Forbidden
from execution_broker.domain.identity import Role

ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"}
)
"""Signatures with a public key. `none` and those with a shared secret can never be allowed."""

_LONGEST_NAME: Final = 200


class Timing(NamedTuple):
    """Seconds. Keys are `fresh` for so long, then fetched again while they go on being used;
    `kept` is how long they are used while the issuer cannot be asked. It is asked at most once
    in `pause`, whatever is asked of us."""

    fresh: float = 3600.0
    kept: float = 86400.0
    pause: float = 10.0


class Issuer(NamedTuple):
    """An issuer whose tokens are trusted. `url` is compared with the claim `iss` as it is.

    `skew` in seconds, for clocks that disagree. An empty `user_groups` lets in everybody who has
    a valid token; `name` is the operator's, without a colon.
    """

    name: str
    url: str
    audiences: frozenset[str]
    algorithms: frozenset[str] = ALGORITHMS - {"Ed25519"}
    skew: float = 60.0
    username_claim: str = "preferred_username"
    groups_claim: str = "groups"
    user_groups: frozenset[str] = frozenset()
    administrator_groups: frozenset[str] = frozenset()

    @property
    def discovery_url(self) -> str:
        return self.url.rstrip("/") + "/.well-known/openid-configuration"


def role_of(issuer: Issuer, claims: Mapping[str, Any]) -> Role:
    """What the groups in the claims make of somebody; Forbidden if in none that may use us."""
    groups = _texts(_claim(claims, issuer.groups_claim))
    if groups & issuer.administrator_groups:
        return Role.ADMINISTRATOR
    if issuer.user_groups and not groups & issuer.user_groups:
        raise Forbidden(
            f"The token of {issuer.name} is good, but none of its groups may use this broker.",
            "Ask the operator which group you need.",
        )
    return Role.USER


def name_of(issuer: Issuer, claims: Mapping[str, Any], subject: str) -> str:
    """What to call somebody: the username claim where it can be shown, else the subject."""
    named = _claim(claims, issuer.username_claim)
    if isinstance(named, str) and named.isprintable() and 0 < len(named) <= _LONGEST_NAME:
        return named
    return subject


def _claim(claims: Mapping[str, Any], path: str) -> Any:
    """A claim by its name, which may have dots in it, or by a dotted path into objects."""
    if path in claims:
        return claims[path]
    value: Any = claims
    for part in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def _texts(value: Any) -> frozenset[str]:
    """A list of texts, or one text with blanks between them."""
    if isinstance(value, str):
        return frozenset(value.split())
    if isinstance(value, list):
        return frozenset(item for item in value if isinstance(item, str))
    return frozenset()
