"""The services, in memory: they keep the promises the API relies on, and nothing more."""

import asyncio
import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID

import msgspec

from execution_broker.domain.errors import (
    AlreadyExists,
    BrokerError,
    Conflict,
    InvalidToken,
    NotFound,
    PreconditionFailed,
    Unauthenticated,
)
from execution_broker.domain.identity import Caller, Role
from execution_broker.domain.once import Once
from execution_broker.domain.paging import Page, SessionFilter
from execution_broker.formats import Format
from execution_broker.models.component import Metadata
from execution_broker.models.execution import Connector, ExecutionSession, OfferSetResponse
from execution_broker.models.extensions import (
    Account,
    AccountRequest,
    Identity,
    IdentityChange,
    IdentityList,
    ResultFile,
    ResultList,
)
from execution_broker.models.listing import Event, OfferSetSummary, SessionSummary
from execution_broker.models.message import EnumOption, Message
from execution_broker.models.phases import SessionPhase
from execution_broker.models.reading import Reading
from execution_broker.models.update import EnumUpdate, Update
from tests.api.fake_world import (
    NOW,
    Check,
    KeptFile,
    PlatformStatus,
    Shown,
    StreamView,
    View,
    World,
)

__all__ = [
    "NOW",
    "Check",
    "KeptFile",
    "PlatformStatus",
    "Services",
    "Shown",
    "StreamView",
    "View",
    "World",
    "services",
    "unexpected",
]


@dataclass(frozen=True)
class Offers:
    world: World

    async def request(
        self, caller: Caller, reading: Reading, once: Once | None
    ) -> OfferSetResponse:
        self.world.enter()
        if once is not None and (known := self.world.repeated(caller, once)):
            return self.world.offers[known]
        uuid = self.world.new_uuid()
        if once is not None:
            self.world.once[caller.key, once.key] = once, uuid
        if reading.unknown:
            offers = OfferSetResponse(
                meta=Metadata(
                    uuid=str(uuid),
                    messages=tuple(_unknown(item.kind) for item in reading.unknown),
                ),
                result="NO",
            )
        else:
            session = _session(self.world, caller, reading, SessionPhase.OFFERED)
            offers = OfferSetResponse(
                meta=Metadata(uuid=str(uuid), created=NOW), result="YES", offers=(session,)
            )
        self.world.offers[uuid] = offers
        return offers

    async def show(
        self, uuid: UUID, caller: Caller | None, format_: Format, knows: Callable[[str], bool]
    ) -> Shown:
        self.world.enter()
        if uuid not in self.world.offers:
            raise NotFound(f"There is no offer set {uuid}.", "Send the request again.")
        body = format_.write(self.world.offers[uuid])
        etag = hashlib.sha256(body).hexdigest()[:8]
        return Shown(etag, None if knows(etag) else body)


@dataclass(frozen=True)
class Sessions:
    world: World

    async def direct(self, caller: Caller, reading: Reading, once: Once | None) -> ExecutionSession:
        self.world.enter()
        if reading.unknown:
            messages = tuple(_unknown(item.kind) for item in reading.unknown)
            return ExecutionSession(meta=Metadata(messages=messages), phase=SessionPhase.FAILED)
        return _session(self.world, caller, reading, SessionPhase.ACCEPTED)

    async def show(
        self, uuid: UUID, caller: Caller | None, format_: Format, knows: Callable[[str], bool]
    ) -> Shown:
        self.world.enter()
        if uuid not in self.world.sessions:
            raise NotFound(f"There is no session {uuid}.")
        view = self._view(uuid, caller)
        return Shown(view.etag, None if knows(view.etag) else format_.write(view.session))

    async def update(
        self, uuid: UUID, caller: Caller, update: Update, expected: Collection[str]
    ) -> View:
        session = self.world.owned(uuid, caller)
        if expected and self._view(uuid, caller).etag not in expected:
            raise PreconditionFailed("The session has changed.")
        if not isinstance(update, EnumUpdate) or update.path.strip("/") != "phase":
            raise Conflict("Only the phase can change.", "Set `phase`.")
        if session.phase is not SessionPhase.OFFERED:
            raise Conflict(f"The session is {session.phase}.", "Nothing can change any more.")
        phase = SessionPhase(update.value)
        self.world.sessions[uuid] = msgspec.structs.replace(session, phase=phase, expires=None)
        return self._view(uuid, caller)

    async def results(self, uuid: UUID, caller: Caller) -> ResultList:
        self.world.owned(uuid, caller)
        return ResultList(
            results=tuple(
                ResultFile(
                    path=path,
                    size=kept.size,
                    sha256=kept.sha256,
                    url=f"/sessions/{uuid}/results/{quote(path)}",
                )
                for path, kept in self.world.files.get(uuid, {}).items()
            )
        )

    async def result(self, uuid: UUID, path: str, caller: Caller) -> KeptFile:
        self.world.owned(uuid, caller)
        if path not in self.world.files.get(uuid, {}):
            raise NotFound(f"The session {uuid} has no result {path}.")
        return self.world.files[uuid][path]

    async def stream(self, uuid: UUID, name: str, caller: Caller, offset: int) -> StreamView:
        self.world.owned(uuid, caller)
        view = self.world.streams.get((uuid, name), StreamView(b"", 0))
        return StreamView(view.data[offset:], view.total)

    def _view(self, uuid: UUID, caller: Caller | None) -> View:
        session = self.world.sessions[uuid]
        if caller is None or caller != self.world.owners[uuid]:
            session = msgspec.structs.replace(session, connectors=())
        etag = hashlib.sha256(msgspec.json.encode(session)).hexdigest()[:16]
        return View(session, etag)


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


@dataclass(frozen=True)
class Services:
    offers: Offers
    sessions: Sessions
    identities: Identities
    status: Status
    listing: Listing
    logbook: Logbook


def services(world: World) -> Services:
    return Services(
        Offers(world),
        Sessions(world),
        Identities(world),
        Status(world),
        Listing(world),
        Logbook(world),
    )


def _session(
    world: World, caller: Caller, reading: Reading, phase: SessionPhase
) -> ExecutionSession:
    uuid = world.new_uuid()
    request = reading.request
    session = ExecutionSession(
        meta=Metadata(
            uuid=str(uuid),
            created=NOW,
            options=(EnumOption(path="phase", values=("ACCEPTED", "CANCELLED", "REJECTED")),),
        ),
        phase=phase,
        expires=NOW if phase is SessionPhase.OFFERED else None,
        executable=request.executable,
        compute=request.compute,
        storage=request.storage,
        data=request.data,
        connectors=(Connector(location="https://example.org/?token=secret"),),
    )
    world.sessions[uuid] = session
    world.owners[uuid] = caller
    return session


def _shown(caller: Caller) -> Identity:
    return Identity(uuid=str(caller.uuid), username=caller.username, role=caller.role.value)


def _unknown(kind: str) -> Message:
    return Message(kind="urn:test:unknown-kind", level="ERROR", message=f"{kind} is not known.")


def unexpected() -> BrokerError:
    """An error that no route is meant to answer with."""
    return BrokerError("The password of the database is hunter2.")
