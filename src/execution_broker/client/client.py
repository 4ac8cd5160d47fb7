"""The blocking client: one typed method for each thing that a broker can be asked."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from uuid import UUID, uuid4

from execution_broker.client import requests
from execution_broker.client.asking import DELAYS
from execution_broker.client.credentials import GetToken
from execution_broker.client.decoding import Notice, log_unknown
from execution_broker.client.fetching import Progress, fetch, untold
from execution_broker.client.logbook import Log
from execution_broker.client.opening import opened
from execution_broker.client.peer import Credentials
from execution_broker.client.requests import EVERY, Request, Which
from execution_broker.client.shells import Shell, Sleep
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


class BrokerClient:
    """A broker at `url`, asked as `username`, or by a bearer `token`, or as nobody.

    `token` may be a function: it is called when a token is needed, and again when one is refused.

    Every method raises a BrokerError with a sentence and a next action: Unreachable, Unanswered
    (a change whose answer was lost), BrokerRefused (with the broker's problem document) or
    UnexpectedReply. What can be repeated without harm is, `delays` seconds apart: what reads,
    what the broker says it has not done, and what says how something shall be. A request carries
    an Idempotency-Key, under which brokers that honour it do a thing once however often it is
    sent; give your own `key` to repeat a request later.

    `timeout` in seconds for each wait on the network. `notice` is told of each component that
    was left out of an answer because its kind is not known here; without it they are logged.
    Not for use by several threads at once.
    """

    def __init__(
        self,
        url: str,
        username: str | None = None,
        password: str | None = None,
        timeout: float = 30.0,
        *,
        token: str | GetToken | None = None,
        notice: Notice | None = None,
        delays: tuple[float, ...] = DELAYS,
        sleep: Sleep = time.sleep,
    ) -> None:
        given = Credentials(username, password or "") if username else None
        self._peer, signer = opened(url, given, token, timeout, delays)
        self._shell = Shell(self._peer, signer, timeout, sleep)
        self._notice = notice or log_unknown

    @property
    def url(self) -> str:
        """The address of the broker, without credentials."""
        return self._peer.url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back the connections. Idempotent."""
        self._shell.close()

    def request(self, request: Request, *, key: str | None = None) -> OfferSetResponse:
        """Ask for offers: YES with sessions in phase OFFERED, or NO with messages that say why."""
        key = key or str(uuid4())
        return self._shell.hold(requests.offers(self._peer, self._notice, request, key))

    def bring(self, request: Request, told: Told = unheard) -> Request:
        """The request with each file of this machine that it names (a location that is a path)
        uploaded, and named as the broker knows it; see `uploading.bring`. Repeatable."""
        return self._shell.hold(bring(self._peer, request, told))

    def upload(self, path: Path, told: Told = unheard) -> Upload:
        """Send a small file to the broker: its `location` can then stand in one's own requests."""
        return self._shell.hold(upload(self._peer, path, told))

    def offerset(self, uuid: UUID | str) -> OfferSetResponse:
        """An offer set as it is now."""
        return self._shell.hold(requests.offerset(self._peer, self._notice, uuid))

    def direct(self, request: Request, *, key: str | None = None) -> ExecutionSession:
        """Ask for a session without choosing among offers.

        It is ACCEPTED, or FAILED with messages that say why; then nothing was stored.
        """
        key = key or str(uuid4())
        return self._shell.hold(requests.direct(self._peer, self._notice, request, key))

    def session(self, uuid: UUID | str) -> ExecutionSession:
        """A session as it is now."""
        return self._shell.hold(requests.session(self._peer, self._notice, uuid))

    def accept(self, uuid: UUID | str) -> ExecutionSession:
        """Accept an offer. Repeatable: what is accepted stays so."""
        return self._move(uuid, SessionPhase.ACCEPTED)

    def reject(self, uuid: UUID | str) -> ExecutionSession:
        """Give an offer back, with what it holds. Repeatable."""
        return self._move(uuid, SessionPhase.REJECTED)

    def cancel(self, uuid: UUID | str) -> ExecutionSession:
        """End a session or an offer now; what it used is released afterwards. Repeatable."""
        return self._move(uuid, SessionPhase.CANCELLED)

    def update(
        self, uuid: UUID | str, update: Update, *, if_match: str | None = None
    ) -> ExecutionSession:
        """Change one value of a session: one of those that `meta.options` lists.

        With `if_match` (an ETag) only if nobody else has changed it since.
        """
        return self._shell.hold(requests.update(self._peer, self._notice, uuid, update, if_match))

    def watch(self, uuid: UUID | str, interval: float = 0.5) -> Iterator[ExecutionSession]:
        """The session now and at every change, until it has ended; see `watching.Watch`."""
        return self._shell.walk(Watch(self._peer, self._notice, uuid, interval).course())

    def results(self, uuid: UUID | str) -> ResultList:
        """What is kept of the outputs of a session: of one that has ended, once it is collected."""
        return self._shell.hold(requests.results(self._peer, uuid))

    def fetch(
        self,
        uuid: UUID | str,
        path: str | ResultFile,
        target: Path,
        progress: Progress = untold,
    ) -> Path:
        """Fetch one result to the file `target`, verified; see `fetching.fetch`.

        A ResultFile out of `results` spares looking its path up. NotFound if there is no such.
        """
        file = path
        if isinstance(file, str):
            file = self._shell.hold(requests.result(self._peer, uuid, file))
        return self._shell.hold(fetch(self._peer, file, target, progress))

    def stream(self, uuid: UUID | str, name: StreamName, offset: int = 0) -> bytes:
        """What a session wrote to `stdout` or `stderr`, from a byte on."""
        return self._shell.hold(read_from(self._peer, uuid, name, offset)).data

    def follow(self, uuid: UUID | str, name: StreamName, interval: float = 0.5) -> Iterator[bytes]:
        """What a session writes, as it comes, until it has ended."""
        return self._shell.walk(follow(self._peer, self._notice, uuid, name, interval))

    def sessions(self, which: Which = EVERY, page: str | None = None) -> SessionList:
        """One's sessions, the newest first, a page at a time: its `next` is the `page` to give."""
        return self._shell.hold(requests.sessions(self._peer, which, page))

    def offersets(self, which: Which = EVERY, page: str | None = None) -> OfferSetList:
        """One's offer sets, in the same way. They have neither phase nor name."""
        return self._shell.hold(requests.offersets(self._peer, which, page))

    def events(self, uuid: UUID | str, page: str | None = None) -> EventList:
        """What has happened to a session, the oldest first, in the same way."""
        return self._shell.hold(requests.events(self._peer, uuid, page))

    def follow_events(self, uuid: UUID | str, interval: float = 0.5) -> Iterator[Event]:
        """What has happened to a session, then each event as it comes, until nothing can follow."""
        return self._shell.walk(Log(self._peer, uuid, interval).course())

    def platforms(self) -> PlatformList:
        """The places that can run sessions."""
        return self._shell.hold(requests.platforms(self._peer))

    def identity(self) -> Identity:
        """Who one is here."""
        return self._shell.hold(requests.identity(self._peer))

    def change_password(self, password: str) -> Identity:
        """Change one's own password. This client goes on with the old one: make another."""
        return self._shell.hold(requests.change_password(self._peer, password))

    def create_identity(self, username: str, password: str) -> Account:
        """Add somebody who may use the broker. For its administrator alone."""
        return self._shell.hold(requests.create_identity(self._peer, username, password))

    def identities(self, after: str | None = None) -> IdentityList:
        """A page of identities; its `next` is the `after` of the next. For the administrator."""
        return self._shell.hold(requests.identities(self._peer, after))

    def change_identity(self, uuid: UUID | str, change: IdentityChange) -> Identity:
        """Disable or enable an identity, change its password or role. For the administrator."""
        return self._shell.hold(requests.change_identity(self._peer, uuid, change))

    def subscribe(self, wanted: SubscriptionRequest) -> Subscription:
        """Be told of one's sessions by a webhook or by mail. The answer has the secret that signs
        what is sent, if none was given: it is not told again."""
        return self._shell.hold(requests.subscribe(self._peer, wanted))

    def subscriptions(self) -> SubscriptionList:
        """Where one is told of one's sessions."""
        return self._shell.hold(requests.subscriptions(self._peer))

    def unsubscribe(self, uuid: UUID | str) -> None:
        """Be told there no more."""
        self._shell.hold(requests.unsubscribe(self._peer, uuid))

    def ready(self) -> bool:
        """Whether the broker answers and can take requests now. Asked once, never repeated."""
        return self._shell.hold(requests.ready(self._peer))

    def _move(self, uuid: UUID | str, phase: SessionPhase) -> ExecutionSession:
        return self._shell.hold(requests.move(self._peer, self._notice, uuid, phase))
