"""The only place where objects are wired."""

import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID, uuid4

import structlog

from execution_broker.config import Identity, Negotiation, Settings, Worker
from execution_broker.config import Issuer as IssuerSection
from execution_broker.domain.identity import Role
from execution_broker.domain.measures import Meter
from execution_broker.domain.negotiation import Rules
from execution_broker.domain.plan import StepKind
from execution_broker.domain.resolve import Defaults
from execution_broker.domain.spans import NoTracer, Tracer
from execution_broker.factory.parts import (
    close_transfers,
    directory_of,
    make_directory,
    make_platform,
    make_plugins,
    results_of,
)
from execution_broker.ports.data import DataKind, Transfer
from execution_broker.ports.platform import Platform
from execution_broker.services import Services
from execution_broker.services.booking.answering import Answering
from execution_broker.services.booking.calendars import Calendars
from execution_broker.services.booking.desk import Desk
from execution_broker.services.identities import AccountExists, IdentitiesService
from execution_broker.services.limits import RequestRate
from execution_broker.services.listing import ListingService
from execution_broker.services.logbook import LogbookService
from execution_broker.services.negotiating import Negotiator
from execution_broker.services.offers import OffersService
from execution_broker.services.oidc import Bearers, Issuer, Timing
from execution_broker.services.passwords import Passwords
from execution_broker.services.probes import Probes
from execution_broker.services.sessions import SessionsService
from execution_broker.services.sign_ins import SignIns
from execution_broker.services.status import StatusService
from execution_broker.services.views import Viewing
from execution_broker.steps.base import Handler, World
from execution_broker.steps.handlers import handlers
from execution_broker.steps.staging import Staging
from execution_broker.storage import bookings, identities, opening, steps
from execution_broker.storage.database import Connection, Database

ADMINISTRATOR: Final = "admin"
PASSWORD_FILE: Final = "admin-password"  # noqa: S105 - the name of the file

_BRIEF: Final = frozenset({StepKind.BEGIN, StepKind.END, StepKind.FINISH})
"""Kinds of a session's steps that do nothing outside: many are done in one transaction (S3)."""


@dataclass(frozen=True)
class Instance:
    """What the database says of itself: the label of everything it makes, and its secret."""

    uuid: UUID
    secret: bytes


class PoolPlan(NamedTuple):
    """What one pool takes; with `batch` its kinds are brief, and so many are done together."""

    kinds: frozenset[StepKind]
    concurrency: int
    batch: int = 0


@dataclass(frozen=True)
class Work:
    """What a worker serves: handlers, the platforms by key, and the pools (S8)."""

    handlers: Mapping[StepKind, Handler]
    outside: "Outside"
    pools: tuple[PoolPlan, ...]

    @property
    def platforms(self) -> Mapping[int, Platform]:
        return self.outside.platforms

    async def close(self) -> None:
        await self.outside.close()


_FOR_ALL: Final = (StepKind.SWEEP, StepKind.PROLONG, StepKind.PURGE)
_FOR_EACH: Final = (StepKind.REPORT, StepKind.RECONCILE)


async def database_opener(settings: Settings, meter: Meter | None = None) -> Callable[[], Database]:
    """Opens the configured database as often as it is called.

    The data directory is made first. ConfigurationError says what cannot be had.
    """
    make_directory(settings.data_directory)
    return await opening.opener(settings.database.url, settings.data_directory, meter)


async def open_instance(database: Database, settings: Settings) -> Instance:
    """The identity of this database, made at its first use, and rows for its platforms."""

    async def work(connection: Connection) -> Instance:
        uuid = await identities.setting(connection, "instance", str(uuid4()))
        secret = await identities.setting(connection, "secret", secrets.token_hex(32))
        for name in settings.platforms:
            await bookings.add_platform(connection, name)
        return Instance(UUID(uuid), bytes.fromhex(secret))

    return await database.write(work)


def make_services(
    database: Database,
    settings: Settings,
    instance: Instance,
    base_url: str,
    tracer: Tracer | None = None,
) -> Services:
    """Everything that answers. `base_url` begins the addresses in answers."""
    tracer = tracer or NoTracer()
    negotiation = settings.negotiation
    probes = Probes(database, negotiation.probe_wait, uuid4)
    stale = timedelta(seconds=3 * settings.upkeep.report)
    calendars = Calendars()
    negotiator = Negotiator(
        database, calendars, probes, _rules(negotiation), _defaults(negotiation), stale
    )
    desk = Desk(database, calendars)
    answering = Answering(desk, negotiator, uuid4, negotiation.budget, tracer)
    rate = RequestRate(negotiation.requests_per_minute, time.monotonic)
    viewing = Viewing(settings.http.public_url or base_url, settings.http.public_reading)
    return Services(
        offers=OffersService(database, answering, rate, viewing),
        sessions=SessionsService(
            database, desk, answering, rate, viewing, results_of(settings), tracer
        ),
        identities=_identities(database, settings.identity, instance.secret),
        status=StatusService(database, stale),
        listing=ListingService(database, viewing.base_url),
        logbook=LogbookService(database),
    )


@dataclass(frozen=True)
class Outside:
    """The plugins that touch the outside world, platforms by key."""

    platforms: Mapping[int, Platform]
    transfers: Mapping[str, Transfer]
    data_kinds: Mapping[str, DataKind]

    async def close(self) -> None:
        """Give back what platforms and transfers hold."""
        for platform in self.platforms.values():
            await platform.close()
        await close_transfers(self.transfers)


async def make_outside(database: Database, settings: Settings, instance: Instance) -> Outside:
    """The configured plugins, made. Whoever makes them closes them."""
    data_kinds, transfers = make_plugins(settings)
    keys = {one.name: one.id for one in await database.read(bookings.platforms)}
    platforms: dict[int, Platform] = {}
    for name in settings.platforms:
        directory = directory_of(settings, name)
        make_directory(directory)
        platforms[keys[name]] = make_platform(
            settings, name, instance.uuid, directory, data_kinds=data_kinds, transfers=transfers
        )
    return Outside(platforms, transfers, data_kinds)


async def make_work(database: Database, settings: Settings, instance: Instance) -> Work:
    """Everything that works, with the upkeep steps in place."""
    outside = await make_outside(database, settings, instance)
    limit = settings.cache.size << 20
    stage = Staging(outside.transfers, settings.data_directory / "cache", limit=limit)
    names = dict(zip(outside.platforms, settings.platforms, strict=True))
    sites = {key: settings.sites[name] for key, name in names.items()}
    world = World(database, outside.platforms, sites, stage, instance.uuid, settings.retention)
    table = handlers(world, _intervals(settings), outside.data_kinds, outside.transfers)
    await database.write(partial(_add_upkeep, names))
    return Work(table, outside, plan_pools(settings.worker, frozenset(table)))


def plan_pools(section: Worker, kinds: frozenset[StepKind]) -> tuple[PoolPlan, ...]:
    """The configured pools, one of what is brief, and one of all other kinds."""
    words = {kind.word: kind for kind in kinds if not section.kinds or kind.word in section.kinds}
    pools = [
        PoolPlan(frozenset(words[word] for word in pool.kinds if word in words), pool.concurrency)
        for pool in section.pools.values()
    ]
    rest = frozenset(words.values()).difference(*(pool.kinds for pool in pools))
    pools.append(PoolPlan(rest & _BRIEF, section.concurrency, section.batch))
    pools.append(PoolPlan(rest - _BRIEF, section.concurrency))
    return tuple(pool for pool in pools if pool.kinds)


@asynccontextmanager
async def working(
    database: Database, settings: Settings, instance: Instance
) -> AsyncIterator[Work]:
    """Everything that works, closed at the end."""
    work = await make_work(database, settings, instance)
    try:
        yield work
    finally:
        await work.close()


async def make_administrator(services: Services, settings: Settings) -> Path:
    """At the first start: an administrator, whose password is in a file only the owner reads.

    Returns the file. Repeatable; a password that was changed stays.
    """
    file = settings.data_directory / PASSWORD_FILE
    password = secrets.token_urlsafe(24)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        password = file.read_text("utf-8").strip()
    else:
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(password + "\n")
    with suppress(AccountExists):
        await services.identities.add(ADMINISTRATOR, password, Role.ADMINISTRATOR)
    return file


async def _add_upkeep(platforms: Mapping[int, str], connection: Connection) -> None:
    now = await connection.clock()
    for_all = [(kind, None, kind.word) for kind in _FOR_ALL]
    for_each = [
        (kind, key, f"{kind.word}:{name}") for key, name in platforms.items() for kind in _FOR_EACH
    ]
    for kind, platform, key in (*for_all, *for_each):
        await steps.add_unique(
            connection,
            uuid=uuid4(),
            kind=kind,
            key=key,
            platform=platform,
            payload={},
            due=now,
            now=now,
        )


def _identities(database: Database, section: Identity, secret: bytes) -> IdentitiesService:
    issuers = [_issuer(name, one) for name, one in section.issuers.items()]
    timing = Timing(fresh=section.keys_fresh, kept=section.keys_kept)
    bearers = Bearers(
        issuers, time.time, time.monotonic, structlog.get_logger(), timing, section.issuer_timeout
    )
    passwords = Passwords(time.monotonic, secret)
    return IdentitiesService(database, passwords, SignIns(database, secret), bearers, uuid4)


def _issuer(name: str, section: IssuerSection) -> Issuer:
    return Issuer(
        name=name,
        url=section.url,
        audiences=frozenset(section.audiences),
        algorithms=frozenset(section.algorithms),
        skew=section.skew,
        username_claim=section.username_claim,
        groups_claim=section.groups_claim,
        user_groups=frozenset(section.user_groups),
        administrator_groups=frozenset(section.administrator_groups),
    )


def _rules(section: Negotiation) -> Rules:
    return Rules(
        hold=section.hold,
        least_hold=section.least_hold,
        offers=section.offers,
        patience=section.patience,
    )


def _defaults(section: Negotiation) -> Defaults:
    return Defaults(
        default_cores=section.default_cores,
        default_memory=section.default_memory,
        duration=section.duration,
        look_ahead=section.look_ahead,
    )


def _intervals(settings: Settings) -> dict[StepKind, int]:
    upkeep = settings.upkeep
    return {
        StepKind.SWEEP: upkeep.sweep,
        StepKind.REPORT: upkeep.report,
        StepKind.RECONCILE: upkeep.reconcile,
        StepKind.PROLONG: upkeep.prolong,
        StepKind.PURGE: upkeep.purge,
    }
