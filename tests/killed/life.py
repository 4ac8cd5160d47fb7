"""One life of a broker that may be killed anywhere: ask for a session unless there is one, accept
it, and work until it is released.

    python -m tests.killed.life DIRECTORY POINT

It is run in a process of its own. What it is to do stands in DIRECTORY/life.json: `settings`, as in
a configuration file, and the body of the `request`.
"""

import asyncio
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from execution_broker import config, factory
from execution_broker.domain.identity import Caller, Role
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.phases import SessionPhase
from execution_broker.models.reading import read_request
from execution_broker.models.update import EnumUpdate
from execution_broker.services import Services
from execution_broker.storage import identities
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.sqlite import SqliteDatabase
from execution_broker.worker.claiming import Pool
from execution_broker.worker.worker import Worker
from tests.killed.fate import Fate, MortalDatabase, MortalPlatform

_UNBORN = {SessionPhase.OFFERED, SessionPhase.REJECTED, SessionPhase.EXPIRED}


async def live(directory: Path, point: int) -> None:
    told = json.loads((directory / "life.json").read_text())
    settings = config.load_values(told["settings"])
    fate = Fate(directory / f"points-{point}", point)
    opener = await factory.database_opener(settings)
    opened = opener()
    assert isinstance(opened, SqliteDatabase)
    database: Any = MortalDatabase(opened, fate)
    instance = await factory.open_instance(database, settings)
    services = factory.make_services(database, settings, instance, "http://broker.example")
    work = await factory.make_work(database, settings, instance)
    assert isinstance(work.platforms, dict)
    for key, platform in work.platforms.items():
        work.platforms[key] = MortalPlatform(platform, fate)
    pools = [Pool(uuid4(), *plan) for plan in work.pools]
    worker = Worker(opener, work.handlers, list(work.platforms), pools, settings.worker)
    working = asyncio.create_task(worker.run(database))
    caller = await _caller(database)
    uuid = await _accepted(database) or await _ask_and_accept(services, caller, told["request"])
    while not await _released(database, uuid):
        assert not working.done(), working.exception()
        await asyncio.sleep(0.02)
    worker.stop()
    await working
    await work.close()
    await database.close()


async def _ask_and_accept(services: Services, caller: Caller, body: dict[str, Any]) -> str:
    offers: tuple[ExecutionSession, ...] = ()
    while not offers:  # until the platform has reported
        offers = (await services.offers.request(caller, read_request(body))).offers
    assert offers[0].meta is not None
    uuid = offers[0].meta.uuid
    assert uuid is not None
    update = EnumUpdate(path="phase", value="ACCEPTED")
    await services.sessions.update(UUID(uuid), caller, update)
    return uuid


async def _caller(database: Database) -> Caller:
    async def work(connection: Connection) -> Caller:
        await identities.add(
            connection,
            uuid=uuid4(),
            username="alice",
            password_hash="!",
            role=Role.USER,
            now=await connection.clock(),
        )
        stored = await identities.by_name(connection, "alice")
        assert stored is not None
        return stored.caller

    return await database.write(work)


async def _accepted(database: Any) -> str | None:
    """The session that an earlier life has accepted."""
    rows = _look(database, "SELECT uuid FROM session WHERE accepted_at IS NOT NULL")
    return str(rows[0][0]) if rows else None


async def _released(database: Any, uuid: str) -> bool:
    rows = _look(database, "SELECT released_at FROM session WHERE uuid = ?", uuid)
    return rows[0][0] is not None


def _look(database: Any, sql: str, *values: str) -> list[Any]:
    with closing(sqlite3.connect(database.path, timeout=30)) as connection:
        return connection.execute(sql, values).fetchall()


if __name__ == "__main__":
    asyncio.run(live(Path(sys.argv[1]), int(sys.argv[2])))
