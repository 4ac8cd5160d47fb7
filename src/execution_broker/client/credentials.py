"""How a client says who it is: a user name and a password, or a token that may be renewed."""

import base64
from collections.abc import Awaitable, Callable

from execution_broker.client.peer import Credentials

GetToken = Callable[[], str]
GetTokenSoon = Callable[[], Awaitable[str]]


class Signer:
    """The value for Authorization. A token is asked for when needed, and again when refused.

    It is never shown: neither this nor anything it holds has a representation with a secret.
    """

    def __init__(
        self, given: Credentials | None, token: str | GetToken | GetTokenSoon | None
    ) -> None:
        self._get = token if callable(token) else None
        self._value: str | None = None
        if isinstance(token, str):
            self._value = f"Bearer {token}"
        elif token is None and given is not None:
            plain = f"{given.username}:{given.password}".encode()
            self._value = f"Basic {base64.b64encode(plain).decode()}"

    def __repr__(self) -> str:
        return "Signer(...)"

    def begin(self, *, again: bool) -> GetToken | GetTokenSoon | None:
        """What to call for a token first, if one is needed."""
        return self._get if again or self._value is None else None

    def keep(self, token: str) -> None:
        self._value = f"Bearer {token}"

    @property
    def value(self) -> str | None:
        return self._value
