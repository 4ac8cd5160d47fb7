"""What the API needs of the services, as protocols, and nothing of how they do it.

Every method is one short transaction. What can't be done is raised as a BrokerError.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar
from uuid import UUID

from execution_broker.domain.amounts import Stretch
from execution_broker.domain.identity import Caller
from execution_broker.domain.once import Once
from execution_broker.domain.paging import Page, SessionFilter
from execution_broker.formats import Format
from execution_broker.models.execution import ExecutionSession, OfferSetResponse
from execution_broker.models.extensions import (
    Account,
    AccountRequest,
    Identity,
    IdentityChange,
    IdentityList,
    ResultList,
    Subscription,
    SubscriptionList,
    SubscriptionRequest,
    Upload,
    UploadList,
)
from execution_broker.models.listing import Event, OfferSetSummary, SessionSummary
from execution_broker.models.reading import Reading
from execution_broker.models.update import Update

S = TypeVar("S", covariant=True)


class View(Protocol):
    """A session as one reader may see it. `etag` changes with everything in it, unquoted."""

    @property
    def session(self) -> ExecutionSession: ...
    @property
    def etag(self) -> str: ...


class Shown(Protocol):
    """What one reader may see, written in one format, or None where the reader has it already.
    `etag` changes with everything in it but the bounds of what can be changed, unquoted."""

    @property
    def body(self) -> bytes | None: ...
    @property
    def etag(self) -> str: ...


class KeptFile(Protocol):
    """A kept output on disk. `name` is what to save it as; `sha256` in hexadecimal."""

    @property
    def path(self) -> Path: ...
    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def sha256(self) -> str: ...


class StreamView(Protocol):
    """What is kept of a stream, and how many bytes it had in `total`."""

    @property
    def data(self) -> bytes: ...
    @property
    def total(self) -> int: ...


class Check(Protocol):
    """One thing that the broker needs to be ready; `fault` says what is wrong with it."""

    @property
    def name(self) -> str: ...
    @property
    def fault(self) -> str | None: ...


class PlatformStatus(Protocol):
    """`kinds`: URIs of what it can run and hold. `capacity`: amounts in all, by name.
    `overcommitted`: by how much more is booked, and when."""

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def reported_at(self) -> datetime | None: ...
    @property
    def kinds(self) -> Collection[str]: ...
    @property
    def capacity(self) -> Mapping[str, int]: ...
    @property
    def overcommitted(self) -> Sequence[Stretch]: ...


class Offers(Protocol):
    async def request(
        self, caller: Caller, reading: Reading, once: Once | None
    ) -> OfferSetResponse:
        """With `once`, a repetition gets the answer of the first time."""
        ...

    async def show(
        self, uuid: UUID, caller: Caller | None, format_: Format, knows: Callable[[str], bool]
    ) -> Shown: ...


class Sessions(Protocol):
    async def direct(self, caller: Caller, reading: Reading, once: Once | None) -> ExecutionSession:
        """An ACCEPTED session, or a FAILED one that is not stored and says why."""
        ...

    async def show(
        self, uuid: UUID, caller: Caller | None, format_: Format, knows: Callable[[str], bool]
    ) -> Shown:
        """`knows`: whether the reader has what an ETag stands for."""
        ...

    async def update(
        self, uuid: UUID, caller: Caller, update: Update, expected: Collection[str]
    ) -> View:
        """PreconditionFailed unless the caller's view has one of the `expected` tags, if any."""
        ...

    async def results(self, uuid: UUID, caller: Caller) -> ResultList: ...
    async def result(self, uuid: UUID, path: str, caller: Caller) -> KeptFile: ...
    async def stream(self, uuid: UUID, name: str, caller: Caller, offset: int) -> StreamView:
        """What is kept of it from an offset on."""
        ...


class Identities(Protocol):
    @property
    def discovery_urls(self) -> tuple[str, ...]:
        """Where clients learn how to get a token, one for each issuer that is trusted."""
        ...

    async def authenticate(self, username: str, password: str, address: str) -> Caller:
        """Who this is; Unauthenticated if the two do not hold, TooMany after too many tries."""
        ...

    async def authenticate_bearer(self, token: str) -> Caller:
        """Who the token is of; InvalidToken, Forbidden or Unavailable says why not."""
        ...

    async def create(self, caller: Caller, request: AccountRequest) -> Account:
        """A new account; AlreadyExists, with the account, if the name is taken."""
        ...

    async def list(self, caller: Caller, after: int = 0) -> IdentityList: ...
    async def read_own(self, caller: Caller) -> Identity: ...
    async def change(self, caller: Caller, uuid: UUID, change: IdentityChange) -> Identity: ...
    async def change_password(self, caller: Caller, password: str) -> Identity: ...


class Status(Protocol):
    async def ready(self) -> tuple[Check, ...]: ...
    async def platforms(self) -> tuple[PlatformStatus, ...]: ...
    async def poke(self) -> int:
        """Let every READY step look now whether it has something to do; how many there were."""
        ...


class Summaries(Protocol[S]):
    """`cursor`: where the next page begins, if there may be one."""

    @property
    def summaries(self) -> tuple[S, ...]: ...
    @property
    def cursor(self) -> UUID | None: ...


class Listing(Protocol):
    async def sessions(
        self, caller: Caller, page: Page, wanted: SessionFilter
    ) -> Summaries[SessionSummary]: ...
    async def offersets(self, caller: Caller, page: Page) -> Summaries[OfferSetSummary]: ...


class LogPage(Protocol):
    """`is_over`: nothing can follow any more."""

    @property
    def events(self) -> tuple[Event, ...]: ...
    @property
    def is_over(self) -> bool: ...


class Logbook(Protocol):
    async def events(self, uuid: UUID, caller: Caller, after: int, limit: int) -> LogPage: ...
    async def pulse(self, uuid: UUID) -> str: ...
    async def changed(self, uuid: UUID, pulse: str, seconds: float) -> None:
        """Return as soon as a session is not what it was, or after so many seconds."""
        ...


class Uploads(Protocol):
    async def store(
        self,
        caller: Caller,
        name: str,
        size: int,
        sha256: str | None,
        content: AsyncIterator[bytes],
    ) -> Upload:
        """Not one transaction: a short one for each piece of the content."""
        ...

    async def list(self, caller: Caller) -> UploadList: ...
    async def remove(self, caller: Caller, uuid: UUID) -> None: ...


class Subscriptions(Protocol):
    async def add(self, caller: Caller, wanted: SubscriptionRequest) -> Subscription: ...
    async def list(self, caller: Caller) -> SubscriptionList: ...
    async def remove(self, caller: Caller, uuid: UUID) -> None: ...


class Services(Protocol):
    @property
    def offers(self) -> Offers: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def identities(self) -> Identities: ...
    @property
    def status(self) -> Status: ...
    @property
    def listing(self) -> Listing: ...
    @property
    def logbook(self) -> Logbook: ...
    @property
    def uploads(self) -> Uploads: ...
    @property
    def subscriptions(self) -> Subscriptions: ...
