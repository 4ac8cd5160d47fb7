"""Who calls, and whether they may: Basic or Bearer, and the access rule of each route."""

import base64
import binascii
import re
from enum import Enum, auto
from typing import Final, assert_never

from starlette.requests import Request

from execution_broker.api.needs import Identities
from execution_broker.domain.errors import Forbidden, Unauthenticated
from execution_broker.domain.identity import Caller

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class Access(Enum):
    """Who may use a route. Every route has one."""

    PUBLIC = auto()
    """Anybody, with or without an identity."""

    PUBLIC_READING = auto()
    """Anybody who knows the uuid, unless `http.public_reading` is off: then an identity is
    needed, and the service keeps each to what is its own."""

    ANY_IDENTITY = auto()

    OWNER = auto()
    """An identity is needed here; the service knows the owner and refuses all others but the
    administrator."""

    ADMINISTRATOR = auto()


async def identify(request: Request, identities: Identities) -> Caller | None:
    """Who the request says it is from; None if it does not say.

    Unauthenticated if what it says is malformed or does not hold, on public routes too: who
    mistypes a password must not be taken for anybody.
    """
    given = request.headers.getlist("authorization")
    if not given:
        return None
    if len(given) > 1:
        raise Unauthenticated(
            "The request has more than one Authorization header.", "Send exactly one."
        )
    scheme, _, credentials = given[0].strip().partition(" ")
    match scheme.lower():
        case "basic":
            username, password = _basic(credentials.strip())
            address = request.client.host if request.client is not None else ""
            return await identities.authenticate(username, password, address)
        case "bearer":
            return await identities.authenticate_bearer(credentials.strip())
        case _:
            raise Unauthenticated(
                "The Authorization header uses a scheme that is not known here.",
                "Use HTTP Basic, or Bearer with a token of an issuer that is trusted here.",
            )


def admit(access: Access, caller: Caller | None, *, public_reading: bool) -> None:
    """Unauthenticated or Forbidden where the rule does not let this caller pass."""
    match access:
        case Access.PUBLIC:
            return
        case Access.PUBLIC_READING:
            if not public_reading:
                _need_identity(caller)
        case Access.ANY_IDENTITY | Access.OWNER:
            _need_identity(caller)
        case Access.ADMINISTRATOR:
            if not _need_identity(caller).is_administrator:
                raise Forbidden(
                    "This is for the administrator alone.",
                    "Use the administrator's account, or ask the administrator.",
                )
        case _:
            assert_never(access)


def _need_identity(caller: Caller | None) -> Caller:
    if caller is None:
        raise Unauthenticated(
            "This needs an identity.",
            "Send a user name and password with HTTP Basic, or a bearer token.",
        )
    return caller


def _basic(encoded: str) -> tuple[str, str]:
    """The user name and password of RFC 7617. Nothing of the header goes into the error."""
    try:
        text = base64.b64decode(encoded, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise _malformed() from None
    username, colon, password = text.partition(":")
    if not colon or _CONTROL.search(text):
        raise _malformed()
    return username, password


def _malformed() -> Unauthenticated:
    return Unauthenticated(
        "The Authorization header is malformed.",
        "Send `Basic` and the base64 of `username:password` in UTF-8.",
    )
