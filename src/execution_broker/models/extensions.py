"""Objects of our own beside the standard: identities, results, platforms, health, problems."""

from datetime import datetime
from typing import Literal

from execution_broker.models.base import Wire
from execution_broker.models.told import Told


class AccountRequest(Wire, frozen=True):
    username: str
    password: str


class Account(Wire, frozen=True):
    uuid: str
    username: str


class Identity(Wire, frozen=True):
    """Somebody: a local account, or a person that `issuer` vouches for. `disabled`: since when."""

    uuid: str
    username: str
    role: Literal["user", "administrator"]
    issuer: str | None = None
    created: datetime | None = None
    disabled: datetime | None = None


class IdentityList(Wire, frozen=True):
    """A page. `next`, where there are more, is what to send as `after` to get them."""

    identities: tuple[Identity, ...] = ()
    next: str | None = None


class IdentityChange(Wire, frozen=True):
    """What is to be changed of an identity; what is absent stays."""

    password: str | None = None
    role: Literal["user", "administrator"] | None = None
    disabled: bool | None = None


class PasswordChange(Wire, frozen=True):
    """The password to use from now on."""

    password: str


class ResultFile(Wire, frozen=True):
    """One kept output. `size` in bytes; `url` is relative to the service."""

    path: str
    size: int
    sha256: str
    url: str


ResultState = Literal["PENDING", "COLLECTING", "COLLECTED"]


class ResultList(Wire, frozen=True):
    """What is kept of a session's outputs. `state`: PENDING until the session ends, COLLECTING
    until its outputs are kept, COLLECTED once this is all that there will be."""

    results: tuple[ResultFile, ...] = ()
    state: ResultState | None = None


class Upload(Wire, frozen=True):
    """A small file that an identity has sent: `location` is what to write in a request.

    `size` in bytes. It is kept until `expires`, and longer where an offer or a session needs it.
    """

    uuid: str
    location: str
    name: str
    size: int
    sha256: str
    created: datetime
    expires: datetime


class UploadList(Wire, frozen=True):
    """One's uploads, the newest first."""

    uploads: tuple[Upload, ...] = ()


Way = Literal["webhook", "email"]


class SubscriptionRequest(Wire, frozen=True):
    """Where one wants to be told of one's sessions. `about`: what; without it everything.

    `secret` signs what is sent to a webhook: `whsec_` and 24 to 64 bytes in base64. It is never
    shown again; without it one is made, and shown once."""

    way: Way
    address: str
    about: tuple[Told, ...] = ()
    secret: str | None = None


class Subscription(Wire, frozen=True):
    """Where somebody is told. `sent`: when a notice arrived last; `failed`: when one did not, and
    `fault` why. `secret`: in the answer that it was made for alone."""

    uuid: str
    way: str
    address: str
    about: tuple[Told, ...] = ()
    secret: str | None = None
    created: datetime | None = None
    sent: datetime | None = None
    failed: datetime | None = None
    fault: str | None = None


class SubscriptionList(Wire, frozen=True):
    """One's subscriptions, the oldest first."""

    subscriptions: tuple[Subscription, ...] = ()


class Overcommitment(Wire, frozen=True):
    """More of an amount is booked than there is, by `excess` at the most, from `start` to `end`:
    something was taken away, or a session is late to be released. Nothing more of it is offered
    for that time."""

    amount: str
    excess: int
    start: datetime
    end: datetime


class PlatformSummary(Wire, frozen=True):
    """A place that can run sessions: the kind URIs it takes and its amounts in all, by name."""

    name: str
    description: str | None = None
    reported: datetime | None = None
    kinds: tuple[str, ...] = ()
    amounts: dict[str, int] = {}
    overcommitted: tuple[Overcommitment, ...] = ()


class PlatformList(Wire, frozen=True):
    platforms: tuple[PlatformSummary, ...] = ()


class Poked(Wire, frozen=True):
    """How many steps were told to look now whether they have something to do."""

    steps: int


class Welcome(Wire, frozen=True):
    """What is here, for who comes to the root: `links` by what they lead to, relative."""

    service: str
    version: str
    links: dict[str, str]


class Liveness(Wire, frozen=True):
    """The process answers; whether it can do anything is said by `Readiness`."""

    alive: bool


class ReadinessCheck(Wire, frozen=True):
    """One thing that the broker needs. `fault` is told to the administrator alone."""

    name: str
    passed: bool
    fault: str | None = None


class Readiness(Wire, frozen=True):
    ready: bool
    checks: tuple[ReadinessCheck, ...] = ()


class Problem(Wire, frozen=True):
    """An RFC 9457 problem document. `remedy` says what to do; `faults` names each place."""

    type: str
    title: str
    status: int
    detail: str | None = None
    remedy: str | None = None
    faults: tuple["Fault", ...] = ()


class Fault(Wire, frozen=True):
    """`place` is a JSON path in the body, like `$.compute.cores.min`."""

    place: str
    fault: str
