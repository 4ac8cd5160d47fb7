"""The sections of a configuration: every key there is, with what it may be and its default."""

from typing import Annotated, Any, Final, Literal

import msgspec

from execution_broker.models.secrets import PARAMETERS

_ISSUER_URL: Final = (
    r"^(https://[^/@?#\s]+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?)(/[^?#\s]*)?$"
)
"""https; plain http on this machine alone: keys that anybody could swap prove nothing."""

_COLLECTOR_URL: Final = r"^https?://[^/@?#\s]+(/[^@?#\s]*)?$"

_EXAMPLE_KEY: Final = "2027-01-15:YW4gZXhhbXBsZTogbWFrZSBhIGtleSB5b3Vyc2VsZiE="

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"
]
Positive = Annotated[int, msgspec.Meta(gt=0)]
Natural = Annotated[int, msgspec.Meta(ge=0)]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the configuration: a key that is not listed is refused."""


class Http(Section, frozen=True):
    """`listen` is host:port (port 0 takes a free one). `public_url` is how clients reach it, where
    that is by another address: it begins the addresses in answers. `body_limit` in bytes.
    `trusted_proxies`: addresses whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    `public_reading`: whether who has not signed in may look at sessions, without their connectors
    and results.

    `connections`: the most at a time, as far as the limit of open files allows (`broker doctor`
    tells), and `connections_per_address`, to which a trusted proxy is not held; behind one it is
    the most requests at a time of one forwarded address. Where there are as many, the one that has
    kept nobody busy for longest is closed for a new one. `waits`: how many may wait for a change,
    follow events or be sending a body at a time, and `waits_per_identity`. Seconds: within
    `header_timeout` the head of a request arrives, for `idle_timeout` a connection is kept for the
    next one, and within `send_timeout` a client takes something of what it is sent."""

    listen: str = "127.0.0.1:8080"
    public_url: str | None = None
    body_limit: Positive = 1 << 20
    trusted_proxies: tuple[str, ...] = ()
    public_reading: bool = True
    connections: Positive = 1024
    connections_per_address: Positive = 256
    waits: Positive = 500
    waits_per_identity: Positive = 100
    header_timeout: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    idle_timeout: Annotated[float, msgspec.Meta(gt=0)] = 75.0
    send_timeout: Annotated[float, msgspec.Meta(gt=0)] = 30.0


class Database(Section, frozen=True):
    """`url`: `sqlite` (in the data directory), `sqlite:///path`, or `postgresql://...`."""

    url: str = "sqlite"


class Negotiation(Section, frozen=True):
    """Durations in seconds. An offer is held for `hold`; where that is not possible, for
    `least_hold` at least. `offers`: the most in one answer. What a NO suggests helps for
    `patience`, so that there is time to read it.

    A request that does not say gets `duration`, a start within `look_ahead`, `default_cores` and
    `default_memory` (GiB). An answer waits `probe_wait` for the size of data that is not known.

    `budget` is the most of each amount that one identity may hold in unanswered offers;
    `requests_per_minute` the most it may ask."""

    hold: Positive = 300
    least_hold: Positive = 30
    offers: Annotated[int, msgspec.Meta(ge=1, le=4)] = 4
    patience: Natural = 60
    duration: Positive = 7200
    look_ahead: Positive = 86400
    default_cores: Positive = 1
    default_memory: Positive = 1
    probe_wait: Annotated[float, msgspec.Meta(ge=0, le=2)] = 2.0
    requests_per_minute: Positive = 600
    budget: dict[str, Natural] = {}


class Pool(Section, frozen=True):
    """`kinds`: the kinds of step it takes, by their words; `concurrency`: so many at a time."""

    kinds: tuple[str, ...]
    concurrency: Positive = 8


_POOLS: Final = {
    "staging": Pool(kinds=("prepare-data", "prepare-executable", "collect"), concurrency=32),
    "probes": Pool(kinds=("probe",)),
    "notices": Pool(kinds=("notify",), concurrency=16),
    "upkeep": Pool(kinds=("report", "reconcile", "purge"), concurrency=4),
}


class Worker(Section, frozen=True):
    """Seconds. A step belongs to a worker for `lease`, renewed each `renewal`; another one takes it
    when that has lapsed. `poll`: how often it looks for work though nobody rings. `attempts`:
    failures in a row until a step is FAILED; `lapses`: lost leases. A session does not fail of a
    place that is away: what prepares and starts it is tried until `grace` after its latest start,
    too; watching goes on until its end, and of a batch until `grace` after that; outputs are asked
    for until `collecting` after its end; what is to be released is tried until it is gone.
    `act_limit`: what one act of a step may take outside before it is cut off and counts as a
    failure; `long_act_limit`, where much is moved, installed or removed (`prepare-data`,
    `prepare-executable`, `collect`, `release-storage`). `drain`: how long what is being done may
    take when the worker is to stop.

    `kinds`: all that it serves (none named: every kind). `pools`: kinds of step with places of
    their own, so that nothing waits for them. What no pool takes shares `concurrency` places; of
    what only writes to the database up to `batch` steps are done at a time. The words of the
    kinds are in the explanation of steps.
    """

    lease: Positive = 30
    renewal: Positive = 10
    poll: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    attempts: Positive = 5
    grace: Natural = 600
    collecting: Natural = 86400
    lapses: Positive = 10
    act_limit: Positive = 300
    long_act_limit: Positive = 86400
    kinds: tuple[str, ...] = ()
    concurrency: Positive = 48
    batch: Positive = 100
    pools: dict[str, Pool] = msgspec.field(default_factory=lambda: dict(_POOLS))
    drain: Natural = 20


class Upkeep(Section, frozen=True):
    """How often, in seconds: `sweep` stores that offers have expired, `report` asks platforms what
    they can do (one silent for three times that makes no offers), `reconcile` looks for what nobody
    owns, and `purge` deletes what ended `retention` ago."""

    sweep: Positive = 10
    report: Positive = 60
    reconcile: Positive = 300
    purge: Positive = 3600
    retention: Positive = 7 * 86400


class Metrics(Section, frozen=True):
    """`/metrics` is for everybody where `http.listen` is an address of this machine alone and no
    `http.public_url` is set; else for the administrator, and for whoever sends `token` as a bearer
    token. `host` is where `broker worker --metrics-port` listens; there is no administrator."""

    token: str | None = None
    host: str = "127.0.0.1"


class Traces(Section, frozen=True):
    """Off without `endpoint`, the address of a collector that takes OTLP over HTTP (it is sent to
    `/v1/traces` there), to which `token` goes as a bearer token. Needs the extra `otel`. `service`:
    what this broker is called there. `ratio` of the traces that begin here are sent; one that a
    client began is, if the client says so."""

    endpoint: (
        Annotated[str, msgspec.Meta(pattern=_COLLECTOR_URL, examples=["http://127.0.0.1:4318"])]
        | None
    ) = None
    service: Annotated[str, msgspec.Meta(min_length=1)] = "execution-broker"
    ratio: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    token: str | None = None


class Cache(Section, frozen=True):
    """`size`: the most MiB of verified content that are kept for other sessions. Each report of a
    platform makes room for an eighth of it: what was used least recently goes first, but nothing
    that a session is still to be given. Nobody gets what is kept unless
    the source that was named lets them read it."""

    size: Natural = 20480


class Staging(Section, frozen=True):
    """`least_rate`: bytes per second that a source must send, as a mean of any `rate_window`
    seconds in which it is waited for; 0: it may be as slow as it likes. One that is slower has
    failed, and is tried again. Data may be as large as the storage that is booked for it; an
    executable's own file, for which none is, `executable_size` MiB."""

    least_rate: Natural = 1024
    rate_window: Positive = 60
    executable_size: Positive = 256


class Uploads(Section, frozen=True):
    """What users may send to the broker itself, for their own requests. MiB: `limit` of one file,
    `budget` of all of one identity. Seconds: `keep`, after which an upload that nothing needs is
    deleted. The content is in the database."""

    limit: Natural = 64
    budget: Natural = 256
    keep: Positive = 86400


class Notices(Section, frozen=True):
    """What owners are told of their sessions where they ask for it (`broker notify`). Webhooks are
    https, unless `plain_http`, and lead to public addresses and besides them to the networks and
    hosts in `allow` (`10.1.0.0/16`, `hooks.site.org`). Seconds: whoever is told answers within
    `timeout`; a notice that does not arrive is tried again for `keep_trying`; a session ends soon
    `ends_soon` before its end, or when half of its time is over. `most`: subscriptions of one
    identity. Mail needs the section `smtp`."""

    allow: tuple[str, ...] = ()
    plain_http: bool = False
    timeout: Annotated[float, msgspec.Meta(gt=0, le=60)] = 10.0
    keep_trying: Natural = 86400
    ends_soon: Positive = 600
    most: Positive = 10


class Smtp(Section, frozen=True):
    """The server that takes mail for owners, at `host` and `port`; without `host` there is none.
    `security` of the connection: `starttls`, `tls`, or `none` for a server on this machine.
    `username` and `password`: who signs in there, if anybody. `sender` is the address that it comes
    from. `recipients`: patterns of the addresses that it may go to (`*@example.org`);
    none unless they are named."""

    host: str | None = None
    port: Annotated[int, msgspec.Meta(gt=0, lt=65536)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: str | None = None
    sender: str = "execution-broker@localhost"
    recipients: tuple[str, ...] = ()


class Sealing(Section, frozen=True):
    """`keys`: what secrets in the database are sealed with, as `NAME:KEY` for each, between white
    space; a KEY is 32 random bytes in base64. The newest stands last, and seals; all open. Without
    it they are read from the file `sealing-keys` beside the SQLite file, which the first start
    makes; with PostgreSQL they have to be given, the same to every process.

    `parameters` of URLs whose values are secret, as patterns (`*` is anything, `[-_]` one of
    these); case does not matter. What is given replaces the list."""

    keys: Annotated[str, msgspec.Meta(examples=[_EXAMPLE_KEY])] | None = None
    parameters: tuple[str, ...] = PARAMETERS


class Log(Section, frozen=True):
    """`level` is the least that is written: `DEBUG`, `INFO`, `WARNING` or `ERROR`. `format` is
    `text` for people or `json` for machines: then every line of the standard error is an object.
    `access`: whether every request that was answered has a line."""

    level: str = "INFO"
    format: str = "text"
    access: bool = True


class Issuer(Section, frozen=True):
    """An OIDC issuer whose bearer tokens are trusted, if they are for one of `audiences`. `url` is
    what its tokens have as `iss`. `algorithms`: those that its keys may sign with. `skew` in
    seconds. `username_claim` and `groups_claim`: where a token has a name for its owner, and groups
    (`a.b` is b in a). With `user_groups` only who is in one of them may use the broker; who is in
    one of `administrator_groups` is an administrator."""

    url: Annotated[str, msgspec.Meta(pattern=_ISSUER_URL)]
    audiences: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    algorithms: tuple[Algorithm, ...] = ("RS256", "PS256", "ES256", "RS512", "PS512", "ES512")
    skew: Annotated[float, msgspec.Meta(ge=0, le=600)] = 60.0
    username_claim: str = "preferred_username"
    groups_claim: str = "groups"
    user_groups: tuple[str, ...] = ()
    administrator_groups: tuple[str, ...] = ()


class Identity(Section, frozen=True):
    """`issuers` by a name of yours. Seconds: an issuer answers within `issuer_timeout`, its keys
    are asked for again after `keys_fresh`, and used for `keys_kept` while it is down."""

    issuers: dict[Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]+$")], Issuer] = {}
    issuer_timeout: Annotated[float, msgspec.Meta(gt=0, le=30)] = 5.0
    keys_fresh: Positive = 3600
    keys_kept: Positive = 86400


class Plugins(Section, frozen=True):
    """`serves`: which plugin serves a URL scheme or a kind of data that several could, by the
    scheme or the URI of the kind: `{ https = "grid" }`. Without it they are refused."""

    serves: dict[str, str] = {}


class File(Section, frozen=True):
    """What a file may hold. Plugins say themselves what is in their sections."""

    data_directory: str
    http: Http = Http()
    identity: Identity = Identity()
    database: Database = Database()
    negotiation: Negotiation = Negotiation()
    worker: Worker = Worker()
    upkeep: Upkeep = Upkeep()
    metrics: Metrics = Metrics()
    traces: Traces = Traces()
    cache: Cache = Cache()
    staging: Staging = Staging()
    uploads: Uploads = Uploads()
    notices: Notices = Notices()
    smtp: Smtp = Smtp()
    sealing: Sealing = Sealing()
    log: Log = Log()
    plugins: Plugins = Plugins()
    platforms: dict[str, dict[str, Any]] = msgspec.field(
        default_factory=lambda: {"local": {}, "simulated": {}}
    )
    data_kinds: dict[str, dict[str, Any]] = {}
    transfers: dict[str, dict[str, Any]] = {}
