"""Who may use the fake broker, and how its accounts are made and changed."""

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal
from uuid import NAMESPACE_URL, uuid4, uuid5

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from execution_broker.models.extensions import Account, Identity, IdentityChange, IdentityList
from tests.client.fake_answers import not_found, problem, unauthenticated, wire


@dataclass
class FakeAccounts:
    """Names with their passwords. `tokens`: whose a bearer token is."""

    accounts: dict[str, str] = field(default_factory=lambda: {"admin": "secret", "ada": "lovelace"})
    disabled: set[str] = field(default_factory=set)
    tokens: dict[str, str] = field(default_factory=dict)

    def caller(self, request: Request) -> str | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.tokens.get(token)
        if scheme.lower() != "basic":
            return None
        name, _, password = base64.b64decode(token).decode().partition(":")
        return name if self.accounts.get(name) == password else None

    async def identity(self, request: Request) -> Response:
        if self.caller(request) != "admin":
            return unauthenticated() if self.caller(request) is None else problem(403, "Not you.")
        wanted = msgspec.json.decode(await request.body())
        account = Account(uuid=str(uuid4()), username=wanted["username"])
        if account.username in self.accounts:
            return wire(account, 409)
        self.accounts[account.username] = wanted["password"]
        return wire(account, 201)

    def _someone(self, name: str) -> Identity:
        role: Literal["user", "administrator"] = "administrator" if name == "admin" else "user"
        disabled = datetime.now(UTC) if name in self.disabled else None
        uuid = str(uuid5(NAMESPACE_URL, name))
        return Identity(uuid=uuid, username=name, role=role, disabled=disabled)

    async def identities(self, request: Request) -> Response:
        """One on a page."""
        if self.caller(request) != "admin":
            return problem(403, "Not you.")
        names = list(self.accounts)
        at = int(request.query_params.get("after", "0"))
        more = str(at + 1) if at + 1 < len(names) else None
        return wire(IdentityList(identities=(self._someone(names[at]),), next=more))

    async def change_identity(self, request: Request) -> Response:
        if self.caller(request) != "admin":
            return problem(403, "Not you.")
        change = msgspec.json.decode(await request.body(), type=IdentityChange)
        for name in self.accounts:
            if self._someone(name).uuid == request.path_params["uuid"]:
                if change.disabled is not None:
                    (self.disabled.add if change.disabled else self.disabled.discard)(name)
                self.accounts[name] = change.password or self.accounts[name]
                return wire(self._someone(name))
        return not_found("identity")

    async def own_identity(self, request: Request) -> Response:
        name = self.caller(request)
        return unauthenticated() if name is None else wire(self._someone(name))

    async def own_password(self, request: Request) -> Response:
        name = self.caller(request)
        if name is None:
            return unauthenticated()
        self.accounts[name] = msgspec.json.decode(await request.body())["password"]
        return wire(self._someone(name))
