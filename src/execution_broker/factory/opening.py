"""The database, and what it says of itself."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

from execution_broker.config import Settings
from execution_broker.domain.measures import Meter
from execution_broker.factory.keys import open_ring
from execution_broker.factory.parts import (
    make_directory,
)
from execution_broker.sealing import KeyRing
from execution_broker.storage import bookings, identities, opening
from execution_broker.storage.database import Connection, Database


@dataclass(frozen=True)
class Instance:
    """What the database says of itself: the label of everything it makes, and its secret. And the
    keys that it is sealed with."""

    uuid: UUID
    secret: bytes
    ring: KeyRing


async def database_opener(settings: Settings, meter: Meter | None = None) -> Callable[[], Database]:
    """Opens the configured database as often as it is called.

    The data directory is made first. ConfigurationError says what cannot be had.
    """
    make_directory(settings.data_directory)
    return await opening.opener(settings.database.url, settings.data_directory, meter)


async def open_instance(database: Database, settings: Settings) -> Instance:
    """The identity of this database, made at its first use, and rows for its platforms.

    ConfigurationError where its keys are missing."""
    ring = await open_ring(database, settings)

    async def work(connection: Connection) -> Instance:
        uuid = await identities.setting(connection, "instance", str(uuid4()))
        secret = await identities.setting(connection, "secret", secrets.token_hex(32))
        for name in settings.platforms:
            await bookings.add_platform(connection, name)
        return Instance(UUID(uuid), bytes.fromhex(secret), ring)

    return await database.write(work)
