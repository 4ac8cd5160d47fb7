"""What an operator does by hand, on the database and the platforms of a configuration.

Each function opens what it needs and closes it again; servers and workers may run beside.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from uuid import UUID

from execution_broker import factory
from execution_broker.config import Settings
from execution_broker.factory import keys
from execution_broker.steps import orphans as reconciling
from execution_broker.steps.orphans import Orphan
from execution_broker.storage import steps
from execution_broker.storage.database import Connection, Database
from execution_broker.transitions import replaying
from execution_broker.transitions.replaying import Replayed


async def poke(settings: Settings) -> int:
    """Let every READY step look now whether it has something to do; how many there were."""
    async with _opened(settings) as database:
        return await database.write(steps.poke)


async def replay(settings: Settings, session: UUID) -> Replayed:
    """Derive a session from its event log, and compare. Changes nothing."""
    async with _opened(settings) as database:
        return await database.read(lambda connection: replaying.replay(connection, session))


async def forget_key(settings: Settings, name: str) -> int | None:
    """Give up what is sealed with a key that is lost; how many values those were. None where
    nothing knows this key. Servers and workers are to be stopped."""
    async with _opened(settings) as database:
        return await database.write(partial(keys.forget, name=name))


async def orphans(settings: Settings) -> list[Orphan]:
    """What platforms hold and no live session owns, and the other way round. Changes nothing."""
    async with _opened(settings) as database, _outside(database, settings) as outside:
        return await _orphans(database, settings, outside)


async def mend(settings: Settings) -> list[Orphan]:
    """Destroy what no live session owns, release what was abandoned; what is left then."""
    async with _opened(settings) as database, _outside(database, settings) as outside:
        for key, platform in outside.platforms.items():
            await reconciling.mend(database, platform)
            held = {one.session for one in await platform.holdings()}
            await database.write(partial(_finish, key, held))
        return await _orphans(database, settings, outside)


async def _orphans(
    database: Database, settings: Settings, outside: factory.Outside
) -> list[Orphan]:
    found: list[Orphan] = []
    for name, (key, platform) in zip(settings.platforms, outside.platforms.items(), strict=True):
        found += await reconciling.orphans(database, key, name, platform)
    return found


async def _finish(platform: int, held: set[UUID], connection: Connection) -> None:
    now = await connection.clock()
    await reconciling.finish_abandoned(connection, platform, held, now)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Database]:
    database = (await factory.database_opener(settings))()
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def _outside(database: Database, settings: Settings) -> AsyncIterator[factory.Outside]:
    instance = await factory.open_instance(database, settings)
    made = await factory.make_outside(database, settings, instance)
    try:
        yield made
    finally:
        await made.close()
