"""Who may use the fake broker, and how its accounts are made and changed."""

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal
from uuid import NAMESPACE_URL, uuid4, uuid5

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from execution_broker.models.extensions import (
    Account,
    Identity,
    IdentityChange,
    IdentityList,
    Subscription,
    SubscriptionList,
    SubscriptionRequest,
)
from tests.client.fake_answers import not_found, problem, unauthenticated, wire


@dataclass
class FakeAccounts:
    """Names with their passwords. `tokens`: whose a bearer token is."""

    accounts: dict[str, str] = field(default_factory=lambda: {"admin": "secret", "ada": "lovelace"})
    disabled: set[str] = field(default_factory=set)
    tokens: dict[str, str] = field(default_factory=dict)
    subscriptions: list[Subscription] = field(default_factory=list)

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

    async def subscribe(self, request: Request) -> Response:
        if self.caller(request) is None:
            return unauthenticated()
        wanted = msgspec.json.decode(await request.body(), type=SubscriptionRequest)
        added = Subscription(
            uuid=str(uuid4()), way=wanted.way, address=wanted.address, about=wanted.about
        )
        self.subscriptions.append(added)
        made = wanted.way == "webhook" and wanted.secret is None
        return wire(msgspec.structs.replace(added, secret="whsec_made" if made else None), 201)

    async def list_subscriptions(self, request: Request) -> Response:
        return wire(SubscriptionList(subscriptions=tuple(self.subscriptions)))

    async def unsubscribe(self, request: Request) -> Response:
        uuid = request.path_params["uuid"]
        if uuid not in [one.uuid for one in self.subscriptions]:
            return problem(404, "You have no such subscription.")
        self.subscriptions = [one for one in self.subscriptions if one.uuid != uuid]
        return Response(None, 204)

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
