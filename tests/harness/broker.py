"""A whole broker in this process: the factory's own objects, a database of a test's own."""

import asyncio
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import asyncpg

from execution_broker import config, factory
from execution_broker.domain.identity import Caller, Role
from execution_broker.domain.plan import StepKind
from execution_broker.domain.spans import NoTracer, Tracer
from execution_broker.metering import PrometheusMeter
from execution_broker.models.execution import ExecutionSession, OfferSetResponse
from execution_broker.models.phases import SessionPhase
from execution_broker.models.reading import read_request
from execution_broker.models.update import EnumUpdate
from execution_broker.services import Services
from execution_broker.storage import identities
from execution_broker.storage.database import Database
from execution_broker.storage.sqlite import SqliteDatabase
from execution_broker.worker.claiming import Pool
from execution_broker.worker.worker import Worker
from tests.harness.asking import uuid_of
from tests.harness.keys import KEYS
from tests.harness.sqlite import with_tables
from tests.harness.waiting import until

T = TypeVar("T")

ENDS = frozenset(
    {
        SessionPhase.COMPLETED,
        SessionPhase.FAILED,
        SessionPhase.CANCELLED,
        SessionPhase.REJECTED,
        SessionPhase.EXPIRED,
    }
)


@dataclass
class Used:
    """The database that the brokers of the test at hand use, and how another one of its kind is
    made and dropped, where that takes more than a directory."""

    url: str = "sqlite"
    new: Callable[[], Awaitable[str]] | None = None
    drop: Callable[[str], Awaitable[None]] | None = None


USED = Used()


@dataclass(kw_only=True)
class Replica:
    """A process that answers and touches nothing outside. `shift` moves the clock of every
    database that it opened."""

    settings: config.Settings
    database: Database
    services: Services
    open_database: Callable[[], Database]
    opened: list[Any] = field(default_factory=list)

    def shift(self, by: timedelta) -> None:
        for database in self.opened:
            database.shift += by

    async def now(self) -> datetime:
        """What time it is for its databases."""
        return await self.database.read(lambda connection: connection.clock())

    async def caller(self, name: str, role: Role = Role.USER) -> Caller:
        """An account, made at its first use. No hashing: its password cannot be used."""

        async def work(connection: Any) -> Caller:
            await identities.add(
                connection,
                uuid=uuid4(),
                username=name,
                password_hash="!",
                role=role,
                now=await connection.clock(),
            )
            stored = await identities.by_name(connection, name)
            assert stored is not None
            return stored.caller

        return await self.database.write(work)

    async def ask(self, caller: Caller, body: Mapping[str, Any]) -> OfferSetResponse:
        return await self.services.offers.request(caller, read_request(body))

    async def set_phase(self, caller: Caller, uuid: str, phase: str) -> ExecutionSession:
        update = EnumUpdate(path="phase", value=phase)
        return (await self.services.sessions.update(UUID(uuid), caller, update)).session

    async def session(self, caller: Caller | None, uuid: str) -> ExecutionSession:
        return (await self.services.sessions.read(UUID(uuid), caller)).session

    async def run(self, caller: Caller, body: Mapping[str, Any]) -> str:
        """Ask, accept the first offer; the session's uuid."""
        offers = (await self.ask(caller, body)).offers
        assert offers, "a YES was expected"
        uuid = uuid_of(offers[0])
        await self.set_phase(caller, uuid, "ACCEPTED")
        return uuid

    def is_embedded(self) -> bool:
        """Whether it uses SQLite."""
        return isinstance(self.opened[0], SqliteDatabase)

    def instant(self, value: Any) -> datetime:
        """What a row says of an instant."""
        return datetime.fromtimestamp(value / 1e6, UTC) if self.is_embedded() else value

    async def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database says, for looking behind the scenes. Parameters are `?`."""
        opened = self.opened[0]
        if isinstance(opened, SqliteDatabase):
            with closing(sqlite3.connect(opened.path)) as connection:
                return connection.execute(sql, values).fetchall()
        numbers = iter(range(1, len(values) + 1))
        connection = await asyncpg.connect(self.settings.database.url)
        try:
            found = await connection.fetch(
                re.sub(r"\?", lambda _: f"${next(numbers)}", sql), *values
            )
        finally:
            await connection.close()
        return [tuple(row) for row in found]

    async def rows_changed(self, sql: str, *values: Any) -> None:
        """Change rows behind the broker's back. Parameters are `?`."""
        opened = self.opened[0]
        if isinstance(opened, SqliteDatabase):
            with closing(sqlite3.connect(opened.path)) as connection, connection:
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute(sql, values)
            return
        await self.rows(sql, *values)


@dataclass(kw_only=True)
class Broker(Replica):
    """All of a broker, with its platforms."""

    work: factory.Work
    tracer: Tracer = field(default_factory=NoTracer)

    async def later(self, **by: int) -> None:
        """So much later, with every platform having reported again."""
        self.shift(timedelta(**by))
        await self.report()

    async def report(self) -> None:
        """Have every platform report, without a worker."""
        report = self.work.handlers[StepKind.REPORT]
        for key in self.work.platforms:
            capability = await report.act(key)

            async def store(connection: Any, key: int = key, capability: Any = capability) -> None:
                from execution_broker.steps.upkeep import store_report

                await store_report(connection, key, capability)

            await self.database.write(store)

    async def ended(self, caller: Caller, uuid: str, seconds: float = 60) -> ExecutionSession:
        """The session once it has ended and everything of it is released."""

        async def is_released() -> bool:
            rows = await self.rows("SELECT released_at FROM session WHERE uuid = ?", uuid)
            return rows[0][0] is not None

        await until(is_released, seconds)
        return await self.session(caller, uuid)

    def is_marked(self, uuid: str, call: str) -> bool:
        """Whether a scripted platform has reached this call of the session."""
        return bool(list(self.settings.data_directory.glob(f"platforms/*/mark-{uuid}-*-{call}")))

    def unmark(self, uuid: str, call: str) -> None:
        """Let a call that is held go on, and all that another holder of its step repeats."""
        for mark in self.settings.data_directory.glob(f"platforms/*/mark-{uuid}-*-{call}"):
            mark.rename(mark.with_name(f"{mark.name}-gone-on"))

    def holdings(self) -> list[Path]:
        """What the scripted platforms still hold."""
        return list(self.settings.data_directory.glob("platforms/*/world/*/*"))

    def creations(self) -> list[tuple[str, str, str]]:
        """What the scripted platforms made and removed, in order: (what, session, key)."""
        found: list[tuple[str, str, str]] = []
        for log in sorted(self.settings.data_directory.glob("platforms/*/log")):
            found += [tuple(json.loads(line)) for line in log.read_text().splitlines()]
        return found


@asynccontextmanager
async def broker(directory: Path, tracer: Any = None, **sections: Any) -> AsyncIterator[Broker]:
    """A broker with one scripted platform, unless `platforms` says otherwise. No worker yet.

    `tracer` is a Tracer, or None."""
    tracer = tracer or NoTracer()
    async with replica(directory, tracer, **sections) as half:
        instance = await factory.open_instance(half.database, half.settings)
        work = await factory.make_work(half.database, half.settings, instance)
        made = Broker(**vars(half), work=work, tracer=tracer)
        try:
            await made.report()
            yield made
        finally:
            await work.close()


@asynccontextmanager
async def replica(directory: Path, tracer: Any = None, **sections: Any) -> AsyncIterator[Replica]:
    """The half of a broker that answers."""
    values: dict[str, Any] = {
        "platforms": {"here": {"plugin": "scripted"}},
        "database": {"url": USED.url},
        **sections,
    }
    values["data_directory"] = str(directory)
    if values["database"]["url"].startswith("postgres"):
        values.setdefault("sealing", {"keys": KEYS})
    settings = config.load_values(values)
    if settings.database.url == "sqlite":
        with_tables(directory / "broker.sqlite")
    plain = await factory.database_opener(settings, PrometheusMeter())
    opened: list[Any] = []

    def open_database() -> Database:
        made: Any = plain()
        made.shift = opened[0].shift if opened else timedelta()
        opened.append(made)
        database: Database = made
        return database

    database = open_database()
    try:
        instance = await factory.open_instance(database, settings)
        services = factory.make_services(
            database, settings, instance, "http://broker.example", tracer or NoTracer()
        )
        yield Replica(
            settings=settings,
            database=database,
            services=services,
            open_database=open_database,
            opened=opened,
        )
    finally:
        await database.close()


@asynccontextmanager
async def working(made: Broker) -> AsyncIterator[Worker]:
    """A worker that serves while the body runs."""
    worker = Worker(
        made.open_database,
        made.work.handlers,
        list(made.work.platforms),
        [Pool(uuid4(), *plan) for plan in made.work.pools],
        made.settings.worker,
        made.tracer,
    )
    running = asyncio.create_task(worker.run(made.database))
    try:
        yield worker
    finally:
        worker.stop()
        await running
