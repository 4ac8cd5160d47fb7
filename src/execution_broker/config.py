"""Everything an operator may set: one TOML file and the environment, unknown keys refused.

`BROKER__SECTION__KEY` in the environment goes over the file. A value whose key ends in `_file`
is read from that file, so that secrets need not stand here. Only this module reads the
environment.
"""

import os
import tomllib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

import msgspec

from execution_broker.domain.capability import SiteRules
from execution_broker.domain.errors import ConfigurationError
from execution_broker.domain.plan import StepKind
from execution_broker.ports import registry

_PREFIX: Final = "BROKER__"
_SITE_KEYS: Final = frozenset(SiteRules.__struct_fields__)

_ISSUER_URL: Final = (
    r"^(https://[^/@?#\s]+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?)(/[^?#\s]*)?$"
)
"""https; plain http on this machine alone: keys that anybody could swap prove nothing."""

_COLLECTOR_URL: Final = r"^https?://[^/@?#\s]+(/[^@?#\s]*)?$"

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"
]
Positive = Annotated[int, msgspec.Meta(gt=0)]
Natural = Annotated[int, msgspec.Meta(ge=0)]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the configuration: a key that is not listed is refused."""


class Http(Section, frozen=True):
    """`listen` is host:port (port 0 takes a free one). `body_limit` in bytes."""

    listen: str = "127.0.0.1:8080"
    public_url: str | None = None
    body_limit: Positive = 1 << 20
    trusted_proxies: tuple[str, ...] = ()
    public_reading: bool = True


class DatabaseSection(Section, frozen=True):
    """`url`: `sqlite` (in the data directory), `sqlite:///path`, or `postgresql://...`."""

    url: str = "sqlite"


class Negotiation(Section, frozen=True):
    """Durations in seconds. What a NO suggests helps for `patience`, so that there is time to read
    it. `budget` is the most of each amount that one identity may hold in unanswered offers;
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


class PoolSection(Section, frozen=True):
    """`kinds`: the kinds of step it takes, by their words; `concurrency`: so many at a time."""

    kinds: tuple[str, ...]
    concurrency: Positive = 8


_POOLS: Final = {
    "staging": PoolSection(kinds=("prepare-data", "prepare-executable", "collect")),
    "probes": PoolSection(kinds=("probe",)),
    "upkeep": PoolSection(kinds=("report", "reconcile", "purge"), concurrency=4),
}


class Worker(Section, frozen=True):
    """Seconds. `attempts`: failures in a row until a step is FAILED; `lapses`: lost leases.

    `kinds`: all that it serves (none named: every kind). `pools`: kinds of step with places of
    their own, so that nothing waits for them. What no pool takes shares `concurrency` places; of
    what only writes to the database up to `batch` steps are done at a time. The words of the
    kinds are in the explanation of steps.
    """

    lease: Positive = 30
    renewal: Positive = 10
    poll: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    attempts: Positive = 5
    lapses: Positive = 10
    kinds: tuple[str, ...] = ()
    concurrency: Positive = 8
    batch: Positive = 100
    pools: dict[str, PoolSection] = msgspec.field(default_factory=lambda: dict(_POOLS))
    drain: Natural = 20


class Upkeep(Section, frozen=True):
    """How often, in seconds, and how long what has ended is kept."""

    sweep: Positive = 10
    report: Positive = 60
    reconcile: Positive = 300
    prolong: Positive = 10
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
    `/v1/traces` there), to which `token` goes as a bearer token. Needs the extra `otel`. `ratio` of
    the traces that begin here are sent; one that a client began is, if the client says so."""

    endpoint: (
        Annotated[str, msgspec.Meta(pattern=_COLLECTOR_URL, examples=["http://127.0.0.1:4318"])]
        | None
    ) = None
    service: Annotated[str, msgspec.Meta(min_length=1)] = "execution-broker"
    ratio: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    token: str | None = None


class Cache(Section, frozen=True):
    """`size`: MiB of verified content that is kept for other sessions. What was used least recently
    goes first, but nothing that a session is still to be given."""

    size: Natural = 20480


class Log(Section, frozen=True):
    """`format` is `text` for people or `json` for machines."""

    level: str = "INFO"
    format: str = "text"


class Issuer(Section, frozen=True):
    """An OIDC issuer whose bearer tokens are trusted, if they are for one of `audiences`. `url` is
    what its tokens have as `iss`. `skew` in seconds. With `user_groups` only who is in one of them
    may use the broker; who is in one of `administrator_groups` is an administrator."""

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


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The whole configuration, checked. Plugin sections are converted to the plugin's struct:
    `platforms` by the operator's name, as (entry point, config); the others by entry point.
    `sites`: by the platform's name, what every platform can be told."""

    data_directory: Path
    http: Http
    identity: Identity
    database: DatabaseSection
    negotiation: Negotiation
    worker: Worker
    upkeep: Upkeep
    metrics: Metrics
    traces: Traces
    cache: Cache
    log: Log
    platforms: dict[str, tuple[str, Any]]
    sites: dict[str, SiteRules]
    data_kinds: dict[str, Any]
    transfers: dict[str, Any]

    @property
    def retention(self) -> timedelta:
        return timedelta(seconds=self.upkeep.retention)


class _File(Section, frozen=True):
    data_directory: str
    http: Http = Http()
    identity: Identity = Identity()
    database: DatabaseSection = DatabaseSection()
    negotiation: Negotiation = Negotiation()
    worker: Worker = Worker()
    upkeep: Upkeep = Upkeep()
    metrics: Metrics = Metrics()
    traces: Traces = Traces()
    cache: Cache = Cache()
    log: Log = Log()
    platforms: dict[str, dict[str, Any]] = msgspec.field(
        default_factory=lambda: {"local": {}, "simulated": {}}
    )
    data_kinds: dict[str, dict[str, Any]] = {}
    transfers: dict[str, dict[str, Any]] = {}


def load(file: Path | None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of a file (or none) and the environment.

    ConfigurationError names the key and the remedy, whatever is wrong.
    """
    environment = os.environ if environment is None else environment
    values = _read_file(file) if file else {}
    _overlay(values, environment)
    values.setdefault("data_directory", _default_directory(environment))
    return load_values(values)


def load_values(values: dict[str, Any]) -> Settings:
    """The settings of plain values, as a file would have them. `data_directory` is needed."""
    _read_secrets(values, "")
    parsed = _convert(values, _File, "")
    if parsed.worker.renewal * 2 >= parsed.worker.lease:
        raise ConfigurationError(
            f"worker.renewal is {parsed.worker.renewal} s, too long for a lease of "
            f"{parsed.worker.lease} s.",
            "Make it less than half of worker.lease.",
        )
    check_kinds("worker.kinds", parsed.worker.kinds)
    _check_pools(parsed.worker.pools)
    return Settings(
        data_directory=Path(parsed.data_directory).absolute(),
        http=parsed.http,
        identity=parsed.identity,
        database=parsed.database,
        negotiation=parsed.negotiation,
        worker=parsed.worker,
        upkeep=parsed.upkeep,
        metrics=parsed.metrics,
        traces=parsed.traces,
        cache=parsed.cache,
        log=parsed.log,
        platforms={name: _platform(name, part) for name, part in parsed.platforms.items()},
        sites={name: _site(name, part) for name, part in parsed.platforms.items()},
        data_kinds=_plugin_sections("data_kinds", parsed.data_kinds),
        transfers=_plugin_sections("transfers", parsed.transfers),
    )


def check_kinds(place: str, words: Sequence[str]) -> None:
    """ConfigurationError for a word that is no kind of step."""
    known = {kind.word for kind in StepKind}
    for word in words:
        if word not in known:
            raise ConfigurationError(
                f"{place}: {word} is no kind of step.", f"Known are: {', '.join(sorted(known))}."
            )


def _check_pools(pools: Mapping[str, PoolSection]) -> None:
    taken: dict[str, str] = {}
    for name, pool in pools.items():
        check_kinds(f"worker.pools.{name}.kinds", pool.kinds)
        for word in pool.kinds:
            if taken.setdefault(word, name) != name:
                raise ConfigurationError(
                    f"worker.pools.{name}.kinds: {word} is taken by the pool {taken[word]}.",
                    "Name it in one pool.",
                )


def _read_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"The configuration {file} cannot be read: {error.strerror}.",
            "Give the path of a TOML file that you may read.",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The configuration {file} is not TOML: {error}.", "Correct that place."
        ) from None


def _overlay(values: dict[str, Any], environment: Mapping[str, str]) -> None:
    for name, text in sorted(environment.items()):
        if not name.startswith(_PREFIX):
            continue
        *sections, key = (part.lower() for part in name.removeprefix(_PREFIX).split("__"))
        target = values
        for section in sections:
            target = target.setdefault(section, {})
            if not isinstance(target, dict):
                raise ConfigurationError(
                    f"{name} goes below {section}, which is no section.", "Remove one of the two."
                )
        target[key] = _environment_value(text)


def _environment_value(text: str) -> Any:
    """TOML where it is TOML (numbers, lists, quoted text), else the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _read_secrets(values: dict[str, Any], place: str) -> None:
    for key, value in list(values.items()):
        if isinstance(value, dict):
            _read_secrets(value, f"{place}{key}.")
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, dict):
                    _read_secrets(item, f"{place}{key}[{index}].")
        elif key.endswith("_file") and isinstance(value, str):
            try:
                values[key.removesuffix("_file")] = Path(value).read_text("utf-8").strip()
            except OSError as error:
                raise ConfigurationError(
                    f"{place}{key}: {value} cannot be read: {error.strerror}.",
                    "Give the path of a file that the broker may read.",
                ) from None
            del values[key]


def _convert(values: object, type_: Any, place: str) -> Any:
    try:
        return msgspec.convert(values, type=type_, strict=False)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `$")
        key = (place + path.rstrip("`")).strip(".")
        if text.startswith("Object contains unknown field"):
            unknown = text.split("`")[1]
            raise ConfigurationError(
                f"{key}.{unknown}".strip(".") + " is not a key of the configuration.",
                f"Known here are: {', '.join(_known_keys(type_, path))}.",
            ) from None
        raise ConfigurationError(f"{key or 'configuration'}: {text}.", "Correct it.") from None


def _known_keys(type_: Any, path: str) -> list[str]:
    for part in path.rstrip("`").strip(".").split("."):
        name, _, item = part.partition("[")
        fields = {f.name: f.type for f in msgspec.structs.fields(type_)}
        if name not in fields:
            break
        type_ = get_args(fields[name])[-1] if item else fields[name]
    return sorted(f.name for f in msgspec.structs.fields(type_))


def _platform(name: str, section: Mapping[str, Any]) -> tuple[str, Any]:
    """`plugin` names the entry point; without it the platform's name does."""
    options = {key: value for key, value in section.items() if key not in _SITE_KEYS}
    entry = str(options.pop("plugin", name))
    place = f"platforms.{name}"
    return entry, _convert(options, _plugin("platforms", entry, place).Config, place)


def _plugin(group: registry.Group, name: str, place: str) -> type[Any]:
    try:
        return registry.plugin(group, name)
    except ConfigurationError as error:
        raise ConfigurationError(f"{place}: {error.sentence}", error.remedy) from None


def _site(name: str, section: Mapping[str, Any]) -> SiteRules:
    """The keys that every platform has. Factors by the hour may stand in a file, as text."""
    found = {key: value for key, value in section.items() if key in _SITE_KEYS}
    for price in found.get("prices", ()):
        if isinstance(price, dict) and isinstance(price.get("by_hour"), str):
            price["by_hour"] = price["by_hour"].replace(",", " ").split()
    rules: SiteRules = _convert(found, SiteRules, f"platforms.{name}")
    return rules


def _plugin_sections(
    group: registry.Group, sections: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    installed = registry.plugins(group)
    for name in sections:
        if name not in installed:
            _plugin(group, name, f"{group}.{name}")
    return {
        name: _convert(sections.get(name, {}), loaded.Config, f"{group}.{name}")
        for name, loaded in installed.items()
    }


def _default_directory(environment: Mapping[str, str]) -> str:
    home = environment.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return f"{home}/execution-broker"
