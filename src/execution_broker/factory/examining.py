"""What operators look at and put right, without serving: the database, and what platforms say."""

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from execution_broker.config import Settings
from execution_broker.domain.capability import Capability
from execution_broker.factory.keys import check, given_keys, known_keys
from execution_broker.factory.parts import (
    close_transfers,
    directory_of,
    make_directory,
    make_platform,
    make_plugins,
)
from execution_broker.services.booking.calendars import Calendars
from execution_broker.services.status import PlatformStatus, StatusService
from execution_broker.storage import auditing, health, opening
from execution_broker.storage.health import Late, PostgresHealth, Queue, SqliteHealth


async def database_state(settings: Settings) -> opening.State:
    """Where the tables of the configured database are. Changes nothing."""
    return await opening.state(settings.database.url, settings.data_directory)


async def database_health(settings: Settings) -> SqliteHealth | PostgresHealth | None:
    """How the configured database is beside its tables; None where its first start is to come."""
    return await opening.health(settings.database.url, settings.data_directory)


async def database_queue(settings: Settings) -> Queue:
    """What waits for workers in the configured database, whose tables are current."""
    database = (await opening.opener(settings.database.url, settings.data_directory))()
    try:
        return await database.read(health.queue)
    finally:
        await database.close()


async def capacity(settings: Settings) -> tuple[list[Late], tuple[PlatformStatus, ...]]:
    """Who is late to go, and how the platforms are, by the configured database, whose tables are
    current."""
    database = (await opening.opener(settings.database.url, settings.data_directory))()
    try:
        status = StatusService(database, Calendars(), timedelta())
        return await database.read(health.late), await status.platforms()
    finally:
        await database.close()


async def sealing_keys(settings: Settings) -> tuple[str, ...]:
    """The names of the keys that secrets are sealed with, the newest last; none where the first
    start is still to make one. Changes nothing. ConfigurationError where one is missing."""
    known: dict[str, str] = {}
    if (await database_state(settings)).is_current:
        database = (await opening.opener(settings.database.url, settings.data_directory))()
        try:
            known = await database.read(known_keys)
        finally:
            await database.close()
    given = given_keys(settings)
    if given or known:
        check(given, known, settings)
    return tuple(given)


async def platform_report(settings: Settings, name: str) -> Capability:
    """Make one platform and ask what it can do, as a worker does. Nothing is left behind."""
    data_kinds, transfers = make_plugins(settings)
    own = directory_of(settings, name)
    with TemporaryDirectory() as scratch:
        platform = make_platform(
            settings,
            name,
            uuid4(),
            own if own.is_dir() else Path(scratch),
            data_kinds=data_kinds,
            transfers=transfers,
        )
        try:
            return await platform.report()
        finally:
            await platform.close()
            await close_transfers(transfers)


async def upgrade_database(settings: Settings) -> opening.State:
    """Make or upgrade the tables; where they were before. Repeatable."""
    make_directory(settings.data_directory)
    before = await database_state(settings)
    await opening.upgrade(settings.database.url, settings.data_directory)
    return before


async def database_drift(settings: Settings) -> list[str]:
    """How the tables differ from what this version expects: nothing, if all is well."""
    return await opening.drift(settings.database.url, settings.data_directory)


async def audit(settings: Settings) -> auditing.Audit:
    """Check every decision about capacity in the configured database. Changes nothing."""
    database = (await opening.opener(settings.database.url, settings.data_directory))()
    try:
        return await auditing.audit(database)
    finally:
        await database.close()
