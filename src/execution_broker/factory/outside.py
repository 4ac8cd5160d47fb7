"""The plugins that touch the outside world."""

from collections.abc import Mapping
from dataclasses import dataclass

from execution_broker.config import Settings
from execution_broker.factory.opening import Instance
from execution_broker.factory.parts import (
    close_transfers,
    directory_of,
    make_directory,
    make_platform,
    make_plugins,
)
from execution_broker.ports.data import DataKind, Transfer
from execution_broker.ports.platform import Platform
from execution_broker.steps.uploads import UploadTransfer
from execution_broker.storage import bookings
from execution_broker.storage.database import Database


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
    data_kinds, configured = make_plugins(settings)
    transfers = configured | dict.fromkeys(UploadTransfer.schemes, UploadTransfer(database))
    keys = {one.name: one.id for one in await database.read(bookings.platforms)}
    platforms: dict[int, Platform] = {}
    for name in settings.platforms:
        directory = directory_of(settings, name)
        make_directory(directory)
        platforms[keys[name]] = make_platform(
            settings, name, instance.uuid, directory, data_kinds=data_kinds, transfers=transfers
        )
    return Outside(platforms, transfers, data_kinds)
