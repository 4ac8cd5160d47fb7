"""The services, in memory: they keep the promises the API relies on, and nothing more."""

import hashlib
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass
from urllib.parse import quote
from uuid import UUID

import msgspec

from execution_broker.domain.errors import (
    BrokerError,
    Conflict,
    NotFound,
    PreconditionFailed,
)
from execution_broker.domain.identity import Caller
from execution_broker.domain.once import Once
from execution_broker.formats import Format
from execution_broker.models.component import Metadata
from execution_broker.models.execution import Connector, ExecutionSession, OfferSetResponse
from execution_broker.models.extensions import (
    ResultFile,
    ResultList,
    Subscription,
    SubscriptionList,
    SubscriptionRequest,
    Upload,
    UploadList,
)
from execution_broker.models.message import EnumOption, Message
from execution_broker.models.phases import SessionPhase
from execution_broker.models.reading import Reading
from execution_broker.models.update import EnumUpdate, Update
from tests.api.fake_lists import Identities, Listing, Logbook, Status
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
            ),
            state=self.world.result_states.get(uuid, "COLLECTED"),
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


class Uploads:
    """Keeps names and sizes, and no content."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def store(
        self,
        caller: Caller,
        name: str,
        size: int,
        sha256: str | None,
        content: AsyncIterator[bytes],
    ) -> Upload:
        data = b"".join([part async for part in content])
        uuid = self.world.new_uuid()
        return Upload(
            uuid=str(uuid),
            location=f"upload:/{uuid}/{name}",
            name=name,
            size=len(data),
            sha256=sha256 or hashlib.sha256(data).hexdigest(),
            created=NOW,
            expires=NOW,
        )

    async def list(self, caller: Caller) -> UploadList:
        return UploadList()

    async def remove(self, caller: Caller, uuid: UUID) -> None:
        assert uuid in self.world.sessions, "the tests delete what they know"


@dataclass(frozen=True)
class Subscriptions:
    world: World

    async def add(self, caller: Caller, wanted: SubscriptionRequest) -> Subscription:
        return Subscription(
            uuid=str(self.world.new_uuid()),
            way=wanted.way,
            address=wanted.address,
            about=wanted.about,
            secret="whsec_once" if wanted.secret is None else None,
            created=NOW,
        )

    async def list(self, caller: Caller) -> SubscriptionList:
        return SubscriptionList()

    async def remove(self, caller: Caller, uuid: UUID) -> None:
        assert uuid in self.world.sessions, "the tests delete what they know"


@dataclass(frozen=True)
class Services:
    offers: Offers
    sessions: Sessions
    identities: Identities
    status: Status
    listing: Listing
    logbook: Logbook
    uploads: Uploads
    subscriptions: Subscriptions


def services(world: World) -> Services:
    return Services(
        Offers(world),
        Sessions(world),
        Identities(world),
        Status(world),
        Listing(world),
        Logbook(world),
        Uploads(world),
        Subscriptions(world),
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


def _unknown(kind: str) -> Message:
    return Message(kind="urn:test:unknown-kind", level="ERROR", message=f"{kind} is not known.")


def unexpected() -> BrokerError:
    """An error that no route is meant to answer with."""
    return BrokerError("The password of the database is hunter2.")
