"""Everything that works."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import uuid4

from execution_broker.config import Settings
from execution_broker.domain.plan import StepKind
from execution_broker.factory.opening import Instance
from execution_broker.factory.outside import Outside, make_outside
from execution_broker.factory.parts import make_ways
from execution_broker.factory.pools import PoolPlan, plan_pools
from execution_broker.models.secrets import Hiding
from execution_broker.notices.ways import Way
from execution_broker.ports.platform import Platform
from execution_broker.steps.base import Handler, World
from execution_broker.steps.handlers import handlers
from execution_broker.steps.notify import Telling
from execution_broker.steps.secrets import Opening
from execution_broker.steps.sources import Pace
from execution_broker.steps.staging import Staging
from execution_broker.storage import steps
from execution_broker.storage.database import Connection, Database


@dataclass(frozen=True)
class Work:
    """What a worker serves: handlers, the platforms by key, and the pools (S8)."""

    handlers: Mapping[StepKind, Handler]
    outside: Outside
    ways: Mapping[str, Way]
    pools: tuple[PoolPlan, ...]

    @property
    def platforms(self) -> Mapping[int, Platform]:
        return self.outside.platforms

    async def close(self) -> None:
        await self.outside.close()
        for way in self.ways.values():
            await way.close()


_FOR_ALL: Final = (StepKind.SWEEP, StepKind.PURGE)
_FOR_EACH: Final = (StepKind.REPORT, StepKind.RECONCILE)


async def make_work(database: Database, settings: Settings, instance: Instance) -> Work:
    """Everything that works, with the upkeep steps in place."""
    outside = await make_outside(database, settings, instance)
    limit = settings.cache.size << 20
    pace = Pace(settings.staging.least_rate, settings.staging.rate_window)
    hiding = Hiding(settings.sealing.parameters)
    cache = settings.data_directory / "cache"
    stage = Staging(outside.transfers, cache, limit=limit, pace=pace, hiding=hiding)
    names = dict(zip(outside.platforms, settings.platforms, strict=True))
    sites = {key: settings.sites[name] for key, name in names.items()}
    world = World(
        database=database,
        platforms=outside.platforms,
        sites=sites,
        stage=stage,
        instance=instance.uuid,
        retention=settings.retention,
        executable_size=settings.staging.executable_size,
        opening=Opening(instance.ring, hiding),
        grace=timedelta(seconds=settings.worker.grace),
    )
    ways = make_ways(settings)
    telling = Telling(
        ways=ways,
        ring=instance.ring,
        lead=timedelta(seconds=settings.notices.ends_soon),
        keep_trying=timedelta(seconds=settings.notices.keep_trying),
        base_url=settings.http.public_url or "",
    )
    table = handlers(world, _intervals(settings), outside.data_kinds, outside.transfers, telling)
    await database.write(partial(_add_upkeep, names))
    return Work(table, outside, ways, plan_pools(settings.worker, frozenset(table)))


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


def _intervals(settings: Settings) -> dict[StepKind, int]:
    upkeep = settings.upkeep
    return {
        StepKind.SWEEP: upkeep.sweep,
        StepKind.REPORT: upkeep.report,
        StepKind.RECONCILE: upkeep.reconcile,
        StepKind.PURGE: upkeep.purge,
    }
