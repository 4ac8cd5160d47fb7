"""The asynchronous client: the methods of the blocking one, to be awaited."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self
from uuid import UUID, uuid4

import msgspec

from execution_broker.client import requests
from execution_broker.client.asking import DELAYS
from execution_broker.client.credentials import GetToken, GetTokenSoon
from execution_broker.client.decoding import Notice, log_unknown
from execution_broker.client.fetching import Progress, fetch, untold
from execution_broker.client.logbook import Log
from execution_broker.client.opening import opened
from execution_broker.client.peer import Credentials, Following
from execution_broker.client.requests import EVERY, Request, Which
from execution_broker.client.shells import AsyncShell, SleepSoon
from execution_broker.client.speaking import LARGEST
from execution_broker.client.streams import StreamName, read_from
from execution_broker.client.uploading import Told, bring, unheard, upload
from execution_broker.client.watching import Watch, follow
from execution_broker.models.execution import ExecutionSession, OfferSetResponse
from execution_broker.models.extensions import (
    Account,
    Identity,
    IdentityChange,
    IdentityList,
    PlatformList,
    ResultFile,
    ResultList,
    Subscription,
    SubscriptionList,
    SubscriptionRequest,
    Upload,
)
from execution_broker.models.listing import Event, EventList, OfferSetList, SessionList
from execution_broker.models.phases import SessionPhase
from execution_broker.models.update import Update


class AsyncBrokerClient:
    """As `BrokerClient`, and each method as its namesake there; several may run at once.

    `token` may be a function or a coroutine function.
    """

    def __init__(
        self,
        url: str,
        username: str | None = None,
        password: str | None = None,
        timeout: float = 30.0,
        *,
        token: str | GetToken | GetTokenSoon | None = None,
        notice: Notice | None = None,
        delays: tuple[float, ...] = DELAYS,
        following: Following = Following.ANYWHERE,
        most: int = LARGEST,
        sleep: SleepSoon = asyncio.sleep,
    ) -> None:
        given = Credentials(username, password or "") if username else None
        self._peer, signer = opened(url, given, token, timeout, delays)
        self._peer = msgspec.structs.replace(self._peer, following=following, most=most)
        self._shell = AsyncShell(self._peer, signer, timeout, sleep)
        self._notice = notice or log_unknown

    @property
    def url(self) -> str:
        return self._peer.url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._shell.close()

    async def request(self, request: Request, *, key: str | None = None) -> OfferSetResponse:
        key = key or str(uuid4())
        return await self._shell.hold(requests.offers(self._peer, self._notice, request, key))

    async def bring(self, request: Request, told: Told = unheard) -> Request:
        return await self._shell.hold(bring(self._peer, request, told))

    async def upload(self, path: Path, told: Told = unheard) -> Upload:
        return await self._shell.hold(upload(self._peer, path, told))

    async def offerset(self, uuid: UUID | str) -> OfferSetResponse:
        return await self._shell.hold(requests.offerset(self._peer, self._notice, uuid))

    async def direct(self, request: Request, *, key: str | None = None) -> ExecutionSession:
        key = key or str(uuid4())
        return await self._shell.hold(requests.direct(self._peer, self._notice, request, key))

    async def session(self, uuid: UUID | str) -> ExecutionSession:
        return await self._shell.hold(requests.session(self._peer, self._notice, uuid))

    async def accept(self, uuid: UUID | str) -> ExecutionSession:
        return await self._move(uuid, SessionPhase.ACCEPTED)

    async def reject(self, uuid: UUID | str) -> ExecutionSession:
        return await self._move(uuid, SessionPhase.REJECTED)

    async def cancel(self, uuid: UUID | str) -> ExecutionSession:
        return await self._move(uuid, SessionPhase.CANCELLED)

    async def update(
        self, uuid: UUID | str, update: Update, *, if_match: str | None = None
    ) -> ExecutionSession:
        return await self._shell.hold(
            requests.update(self._peer, self._notice, uuid, update, if_match)
        )

    def watch(self, uuid: UUID | str, interval: float = 0.5) -> AsyncIterator[ExecutionSession]:
        return self._shell.walk(Watch(self._peer, self._notice, uuid, interval).course())

    async def results(self, uuid: UUID | str) -> ResultList:
        return await self._shell.hold(requests.results(self._peer, uuid))

    async def fetch(
        self,
        uuid: UUID | str,
        path: str | ResultFile,
        target: Path,
        progress: Progress = untold,
    ) -> Path:
        file = path
        if isinstance(file, str):
            file = await self._shell.hold(requests.result(self._peer, uuid, file))
        return await self._shell.hold(fetch(self._peer, file, target, progress))

    async def stream(self, uuid: UUID | str, name: StreamName, offset: int = 0) -> bytes:
        return (await self._shell.hold(read_from(self._peer, uuid, name, offset))).data

    def follow(
        self, uuid: UUID | str, name: StreamName, interval: float = 0.5
    ) -> AsyncIterator[bytes]:
        return self._shell.walk(follow(self._peer, self._notice, uuid, name, interval))

    async def sessions(self, which: Which = EVERY, page: str | None = None) -> SessionList:
        return await self._shell.hold(requests.sessions(self._peer, which, page))

    async def offersets(self, which: Which = EVERY, page: str | None = None) -> OfferSetList:
        return await self._shell.hold(requests.offersets(self._peer, which, page))

    async def events(self, uuid: UUID | str, page: str | None = None) -> EventList:
        return await self._shell.hold(requests.events(self._peer, uuid, page))

    def follow_events(self, uuid: UUID | str, interval: float = 0.5) -> AsyncIterator[Event]:
        return self._shell.walk(Log(self._peer, uuid, interval).course())

    async def platforms(self) -> PlatformList:
        return await self._shell.hold(requests.platforms(self._peer))

    async def identity(self) -> Identity:
        return await self._shell.hold(requests.identity(self._peer))

    async def change_password(self, password: str) -> Identity:
        return await self._shell.hold(requests.change_password(self._peer, password))

    async def create_identity(self, username: str, password: str) -> Account:
        return await self._shell.hold(requests.create_identity(self._peer, username, password))

    async def identities(self, after: str | None = None) -> IdentityList:
        return await self._shell.hold(requests.identities(self._peer, after))

    async def change_identity(self, uuid: UUID | str, change: IdentityChange) -> Identity:
        return await self._shell.hold(requests.change_identity(self._peer, uuid, change))

    async def subscribe(self, wanted: SubscriptionRequest) -> Subscription:
        return await self._shell.hold(requests.subscribe(self._peer, wanted))

    async def subscriptions(self) -> SubscriptionList:
        return await self._shell.hold(requests.subscriptions(self._peer))

    async def unsubscribe(self, uuid: UUID | str) -> None:
        await self._shell.hold(requests.unsubscribe(self._peer, uuid))

    async def ready(self) -> bool:
        return await self._shell.hold(requests.ready(self._peer))

    async def _move(self, uuid: UUID | str, phase: SessionPhase) -> ExecutionSession:
        return await self._shell.hold(requests.move(self._peer, self._notice, uuid, phase))
