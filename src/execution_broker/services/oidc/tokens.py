"""Reading a token before it is believed, and believing it: pure functions of bytes and keys."""

import base64
import binascii
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from joserfc import errors, jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from execution_broker.domain.errors import InvalidToken
from execution_broker.services.oidc.rules import Issuer

PublicKey = RSAKey | ECKey | OKPKey

LONGEST: Final = 16_384
"""Characters of a token; more are not looked at."""

_HEADER: Final = 4096
_LONGEST_SUBJECT: Final = 255
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})

_SAID_OF_ACCESS: Final = {"typ": "bearer", "token_use": "access"}
"""Claims by which issuers tell access tokens from others (Keycloak's `typ`, Cognito's `token_use`),
and what they are in an access token."""
_OF_ID_TOKENS: Final = frozenset({"at_hash", "c_hash"})
"""Claims that OpenID Connect Core has for ID tokens alone. Some put a nonce in access tokens."""


class Header(msgspec.Struct, frozen=True):
    """What a token says of its signature. Keys that it brings along are never looked at."""

    alg: str
    kid: str | None = None
    typ: str | None = None
    crit: Any = None
    b64: Any = None


class Claims(msgspec.Struct, frozen=True):
    """The claims that every token needs. Times in epoch seconds. `rest` holds all."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: float
    nbf: float | None = None
    iat: float | None = None

    @property
    def audiences(self) -> frozenset[str]:
        return frozenset({self.aud} if isinstance(self.aud, str) else self.aud)


class Unverified(msgspec.Struct, frozen=True):
    """A token that was read and not yet believed: good for choosing a key, nothing else."""

    text: str
    header: Header
    claims: Claims
    values: dict[str, Any]


def read(text: str) -> Unverified:
    """The parts of a token. InvalidToken if it is none, or lacks a claim that is needed."""
    parts = text.split(".")
    if len(text) > LONGEST or len(parts) != 3 or not parts[2]:
        raise refused("it is not a signed JSON Web Token")
    try:
        header = msgspec.convert(_part(parts[0]), Header)
        values = _part(parts[1])
        claims = msgspec.convert(values, Claims)
    except msgspec.ValidationError as error:
        raise refused(f"a part or a claim of it is missing or wrong ({error})") from None
    if header.crit is not None or header.b64 is not None:
        raise refused("its header demands an extension that is not known here")
    if header.typ is not None and header.typ.lower() not in _TYPES:
        raise refused("its type is not that of an access token")
    if any(_is_other(values.get(name), said) for name, said in _SAID_OF_ACCESS.items()):
        raise refused("it says that it is no access token; send that, not the ID token")
    if not _OF_ID_TOKENS.isdisjoint(values):
        raise refused("it is an ID token; send the access token")
    return Unverified(text, header, claims, values)


def holds(token: Unverified, keys: Iterable[PublicKey]) -> bool:
    """Whether one of the keys has signed it, by the algorithm that it names (see `allow`)."""
    registry = jws.JWSRegistry(algorithms=[token.header.alg], strict_check_header=False)
    registry.max_header_length = _HEADER
    for key in keys:
        try:
            jws.deserialize_compact(token.text, key, registry=registry)
        except (errors.JoseError, ValueError):
            continue
        return True
    return False


def allow(token: Unverified, issuer: Issuer) -> None:
    """InvalidToken if its algorithm is not one of those that are allowed."""
    if token.header.alg not in issuer.algorithms:
        raise refused("it is not signed by an algorithm that is allowed")


def judge(claims: Claims, issuer: Issuer, now: float) -> None:
    """InvalidToken unless it is for us and holds now (epoch seconds)."""
    if claims.iss != issuer.url:
        raise refused("its issuer is not the one whose keys it names")
    if not claims.audiences & issuer.audiences:
        raise refused("it is meant for another audience")
    if not claims.exp > now - issuer.skew:
        raise refused("it has expired")
    if any(
        start is not None and not start <= now + issuer.skew for start in (claims.nbf, claims.iat)
    ):
        raise refused("it does not hold yet")
    if not claims.sub or len(claims.sub) > _LONGEST_SUBJECT or not claims.sub.isprintable():
        raise refused("its subject cannot be used")


def refused(reason: str) -> InvalidToken:
    return InvalidToken(
        f"The bearer token is refused: {reason}.", "Get a new one from its issuer and try again."
    )


def _is_other(value: object, wanted: str) -> bool:
    return isinstance(value, str) and value.lower() not in (wanted, *_TYPES)


def _part(text: str) -> dict[str, Any]:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
        raise refused("it is not a signed JSON Web Token") from None
