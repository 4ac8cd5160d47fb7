"""The services of identities, lists, status and events, in memory."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from execution_broker.domain.errors import AlreadyExists, InvalidToken, NotFound, Unauthenticated
from execution_broker.domain.identity import Caller, Role
from execution_broker.domain.paging import Page, SessionFilter
from execution_broker.models.extensions import (
    Account,
    AccountRequest,
    Identity,
    IdentityChange,
    IdentityList,
)
from execution_broker.models.listing import Event, OfferSetSummary, SessionSummary
from execution_broker.models.phases import SessionPhase
from tests.api.fake_world import NOW, Check, PlatformStatus, World


@dataclass(frozen=True)
class Identities:
    """`tokens` of the world are bearer tokens by what they are; each is somebody's."""

    world: World

    @property
    def discovery_urls(self) -> tuple[str, ...]:
        return self.world.discovery_urls

    async def authenticate(self, username: str, password: str, address: str) -> Caller:
        self.world.addresses.append(address)
        if self.world.passwords.get(username) != password:
            raise Unauthenticated("The user name and password do not hold.")
        return self.world.callers[username]

    async def authenticate_bearer(self, token: str) -> Caller:
        if token not in self.world.tokens:
            raise InvalidToken("The bearer token is refused: it has expired.")
        return self.world.callers[self.world.tokens[token]]

    async def create(self, caller: Caller, request: AccountRequest) -> Account:
        self.world.enter()
        known = self.world.callers.get(request.username)
        if known is not None:
            account = Account(uuid=str(known.uuid), username=known.username)
            raise AlreadyExists(f"There is an account {known.username}.", account=account)
        made = self.world.add_account(request.username, request.password, Role.USER)
        return Account(uuid=str(made.uuid), username=made.username)

    async def list(self, caller: Caller, after: int = 0) -> IdentityList:
        self.world.enter()
        found = [one for one in self.world.callers.values() if one.key > after]
        more = str(found[1].key) if len(found) > 2 else None
        return IdentityList(identities=tuple(_shown(one) for one in found[:2]), next=more)

    async def read_own(self, caller: Caller) -> Identity:
        return _shown(caller)

    async def change(self, caller: Caller, uuid: UUID, change: IdentityChange) -> Identity:
        for one in self.world.callers.values():
            if one.uuid == uuid:
                return _shown(one)
        raise NotFound(f"There is no identity {uuid}.")

    async def change_password(self, caller: Caller, password: str) -> Identity:
        self.world.passwords[caller.username] = password
        return _shown(caller)


@dataclass(frozen=True)
class Status:
    world: World

    async def ready(self) -> tuple[Check, ...]:
        self.world.enter()
        return self.world.checks

    async def platforms(self) -> tuple[PlatformStatus, ...]:
        self.world.enter()
        return self.world.statuses

    async def poke(self) -> int:
        self.world.enter()
        return 3


@dataclass(frozen=True)
class Found:
    summaries: tuple[Any, ...]
    cursor: UUID | None


@dataclass(frozen=True)
class Listing:
    """Pages of what there is; the filters are those of the services, and tested there."""

    world: World

    async def sessions(self, caller: Caller, page: Page, wanted: SessionFilter) -> Found:
        self.world.enter()
        self.world.asked.append((page, wanted))
        mine = [
            SessionSummary(
                uuid=str(uuid),
                url=f"http://broker.test/sessions/{uuid}",
                phase=session.phase or SessionPhase.INITIAL,
                platform="here",
                owner=self.world.owners[uuid].username,
                created=NOW,
                modified=NOW,
            )
            for uuid, session in self.world.sessions.items()
            if caller.is_administrator or self.world.owners[uuid] == caller
        ]
        return _page(mine, page)

    async def offersets(self, caller: Caller, page: Page) -> Found:
        self.world.enter()
        self.world.asked.append((page, None))
        all_ = [
            OfferSetSummary(
                uuid=str(uuid), url="http://x/", result="YES", owner=caller.username, created=NOW
            )
            for uuid in self.world.offers
        ]
        return _page(all_, page)


def _page(found: list[Any], page: Page) -> Found:
    uuids = [one.uuid for one in found]
    start = uuids.index(str(page.cursor)) + 1 if page.cursor else 0
    shown = found[start : start + page.limit]
    more = start + page.limit < len(found)
    return Found(tuple(shown), UUID(shown[-1].uuid) if more else None)


@dataclass(frozen=True)
class LogPage:
    events: tuple[Event, ...]
    is_over: bool


@dataclass(frozen=True)
class Logbook:
    world: World

    async def events(self, uuid: UUID, caller: Caller, after: int, limit: int) -> LogPage:
        self.world.owned(uuid, caller)
        events = self.world.events.get(uuid, [])
        shown = tuple(event for event in events if event.number > after)[:limit]
        reached = shown[-1].number if shown else after
        return LogPage(shown, uuid in self.world.over and reached >= len(events))

    async def pulse(self, uuid: UUID) -> str:
        self.world.enter()
        return f"{len(self.world.events.get(uuid, []))} {self.world.sessions.get(uuid)}"

    async def changed(self, uuid: UUID, pulse: str, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while await self.pulse(uuid) == pulse and loop.time() < deadline:  # noqa: ASYNC110 - a fake
            await asyncio.sleep(0.005)


def _shown(caller: Caller) -> Identity:
    return Identity(uuid=str(caller.uuid), username=caller.username, role=caller.role.value)
