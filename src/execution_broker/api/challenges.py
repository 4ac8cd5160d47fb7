"""What a 401 offers, and how an answer says whom it took its reader for."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from starlette.types import Scope

from execution_broker.domain.errors import InvalidToken, Unauthenticated
from execution_broker.domain.identity import Caller

AUTHENTICATED: Final = "X-VO-Authenticated"
"""The header in which IVOA services name the identity that a request was made with."""

_REALM: Final = 'realm="execution-broker"'
_OPENID: Final = "ivo://ivoa.net/sso#OpenID"
_KEY: Final = "execution_broker.caller"


def challenges(error: Unauthenticated, discovery_urls: Iterable[str]) -> list[str]:
    """The values of WWW-Authenticate, each for a header of its own.

    RFC 7617 for passwords; RFC 6750 and IVOA's `ivoa_bearer` for each issuer that is trusted.
    """
    found = [f'Basic {_REALM}, charset="UTF-8"']
    urls = [quote(url, safe=":/?&=%@+~!$,;[]") for url in discovery_urls]
    if urls:
        wrong = ', error="invalid_token"' if isinstance(error, InvalidToken) else ""
        found.append(f"Bearer {_REALM}{wrong}")
    found += [f'ivoa_bearer standard_id="{_OPENID}", discovery_url="{url}"' for url in urls]
    return found


def remember(scope: Scope, caller: Caller | None) -> None:
    """Have the answer to this request name its caller, whatever the answer becomes."""
    if caller is not None:
        scope[_KEY] = _field(caller.username)


def of_caller(scope: Scope) -> list[tuple[bytes, bytes]]:
    """The header that names the caller, if there is one. What is not ASCII is %-encoded."""
    return [scope[_KEY]] if _KEY in scope else []


@lru_cache(maxsize=1000)
def _field(username: str) -> tuple[bytes, bytes]:
    said = quote(username, safe=" !#$&'()*+,-./:;<=>?@[]^_`{|}~")
    return AUTHENTICATED.lower().encode(), said.encode()
