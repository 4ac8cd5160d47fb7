"""What an operator does by hand, on the database and the platforms of a configuration.

Each function opens what it needs and closes it again; servers and workers may run beside.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from uuid import UUID

from execution_broker import factory
from execution_broker.config import Settings
from execution_broker.domain import messages
from execution_broker.domain.errors import Conflict, NotFound
from execution_broker.factory import keys
from execution_broker.models.phases import SessionPhase
from execution_broker.models.told import Told
from execution_broker.steps import orphans as reconciling
from execution_broker.steps.orphans import Orphan
from execution_broker.storage import outside, remains, sessions, steps, subscriptions
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.remains import Unreleased
from execution_broker.storage.subscriptions import Occasion
from execution_broker.transitions import ending, replaying
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


async def unreleased(settings: Settings) -> list[Unreleased]:
    """Ended sessions that could not be released so far. Changes nothing."""
    async with _opened(settings) as database:
        return await database.read(remains.unreleased)


async def give_up(settings: Settings, session: UUID) -> list[str]:
    """Take an ended session as released though its platform never said so; the keys of the
    components that may be left. NotFound; Conflict while it has not ended, or once it is released.
    """
    async with _opened(settings) as database:
        return await database.write(partial(_give_up, uuid=session))


async def orphans(settings: Settings) -> list[Orphan]:
    """What platforms hold and no live session owns, and the other way round. Changes nothing."""
    async with _opened(settings) as database, _outside(database, settings) as places:
        return await _orphans(database, settings, places)


async def mend(settings: Settings) -> list[Orphan]:
    """Destroy what no live session owns, release what was abandoned; what is left then."""
    async with _opened(settings) as database, _outside(database, settings) as places:
        for key, platform in places.platforms.items():
            await reconciling.mend(database, platform)
            held = {one.session for one in await platform.holdings()}
            await database.write(partial(_finish, key, held))
        return await _orphans(database, settings, places)


async def _orphans(database: Database, settings: Settings, places: factory.Outside) -> list[Orphan]:
    found: list[Orphan] = []
    for name, (key, platform) in zip(settings.platforms, places.platforms.items(), strict=True):
        found += await reconciling.orphans(database, key, name, platform)
    return found


async def _give_up(connection: Connection, uuid: UUID) -> list[str]:
    found = await sessions.locate(connection, uuid)
    session = None if found is None else await sessions.locked(connection, found.id)
    if session is None:
        raise NotFound(f"There is no session {uuid}.", "broker admin give-up lists them.")
    if session.ended is None:
        raise Conflict(f"Session {uuid} is {session.phase}.", "Cancel it first.")
    if session.released is not None:
        raise Conflict(f"Session {uuid} is released already.", "There is nothing to give up.")
    now = await connection.clock()
    left = [
        one.component for one in await outside.receipts(connection, session.id) if one.gone is None
    ]
    told = messages.GIVEN_UP(components=", ".join(left) or "nothing")
    has_failed = session.phase is SessionPhase.RELEASING
    await ending.give_up(connection, session, told, now)
    if has_failed:
        failed = Occasion(session.identity, session.uuid, Told.FAILED)
        await subscriptions.tell(connection, [failed], now)
    await reconciling.end_bookings(connection, session)
    await sessions.save(connection, session, now)
    return left


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
