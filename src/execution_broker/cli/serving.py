"""`broker serve`, `broker api`, `broker worker`: the two programs, in one process or apart."""

import asyncio
import gc
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import msgspec
import structlog

from execution_broker import factory
from execution_broker.api.app import create_app
from execution_broker.api.following import leave
from execution_broker.api.metrics import MetricsPage, metrics_app
from execution_broker.cli import logs
from execution_broker.cli.connections.bounds import bounds, descriptors, waits
from execution_broker.cli.connections.server import Server
from execution_broker.cli.context import DEFAULT_URL
from execution_broker.cli.listening import is_loopback, listen, url_of
from execution_broker.cli.memory import give_back_large_blocks, spare_what_is_loaded
from execution_broker.config import Settings
from execution_broker.domain.errors import BrokerError, ConfigurationFaults
from execution_broker.domain.log_events import LogEvent
from execution_broker.domain.spans import Tracer
from execution_broker.factory.tracing import make_tracer
from execution_broker.metering import PrometheusMeter
from execution_broker.models.secrets import Hiding
from execution_broker.ports import registry
from execution_broker.services.booking.calendars import Calendars
from execution_broker.services.metrics import MetricsService
from execution_broker.services.status import StatusService
from execution_broker.storage.database import Database
from execution_broker.worker.claiming import Pool
from execution_broker.worker.worker import Worker

_READY_LOOK: Final = 1.0
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def serve(settings: Settings) -> None:
    """API and worker in one process, until SIGTERM or SIGINT; then drain and return.

    State survives in the database. ConfigurationError when it cannot even begin.
    """
    with _logging(settings), listen(settings.http.listen) as listening:
        _run(settings, lambda program: program.serve(listening))


def serve_api(settings: Settings) -> None:
    """The API alone: as many as one likes, over one database. Workers must run elsewhere."""
    with _logging(settings), listen(settings.http.listen) as listening:
        _run(settings, lambda program: program.serve_api(listening))


def serve_worker(settings: Settings, metrics_port: int | None = None) -> None:
    """A worker alone: as many as one likes, on any machine that reaches the database."""
    with _logging(settings):
        if metrics_port is None:
            _run(settings, lambda program: program.serve_worker())
            return
        host = settings.metrics.host
        address = f"[{host}]:{metrics_port}" if ":" in host else f"{host}:{metrics_port}"
        with listen(address) as listening:
            _run(settings, lambda program: program.serve_worker(listening))


def _run(settings: Settings, body: Callable[["_Program"], Coroutine[Any, Any, None]]) -> None:
    give_back_large_blocks()
    _warn_of_plugins()

    async def run() -> None:
        meter = PrometheusMeter()
        tracer = make_tracer(settings.traces)
        try:
            open_database = await factory.database_opener(settings, meter)
            database = open_database()
            try:
                instance = await factory.open_instance(database, settings)
                gc.freeze()  # what was loaded stays: collections need not look through it
                await body(_Program(settings, open_database, database, instance, meter, tracer))
            finally:
                await database.close()
        finally:
            await asyncio.to_thread(tracer.close)
        logs.say(settings.log, LogEvent.STOPPED, "stopped")

    with asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(run())


@contextmanager
def _logging(settings: Settings) -> Iterator[None]:
    """Logs are set up; what prevents a start is told to machines by a line like all others."""
    logs.configure(settings.log, settings.sealing.parameters)
    try:
        yield
    except BrokerError as error:
        if settings.log.format != "json":
            raise
        from execution_broker.cli.failing import exit_of

        for one in error.faults if isinstance(error, ConfigurationFaults) else (error,):
            fault = {"reason": one.sentence, "remedy": one.remedy}
            structlog.get_logger().error(LogEvent.START_FAILED, **fault)
        raise SystemExit(exit_of(error)) from None


def _warn_of_plugins() -> None:
    """What is installed and cannot be used stops nobody: an operator should know of it."""
    log = structlog.get_logger()
    for group in registry.GROUPS:
        for one in registry.installed(group):
            if one.problem:
                plugin, package = f"{group}.{one.name}", f"{one.package} {one.version}"
                log.warning(
                    LogEvent.PLUGIN_UNUSABLE, plugin=plugin, package=package, why=one.problem
                )


class _Program:
    """What a process hosts, over one database."""

    def __init__(
        self,
        settings: Settings,
        open_database: Callable[[], Database],
        database: Database,
        instance: factory.Instance,
        meter: PrometheusMeter,
        tracer: Tracer,
    ) -> None:
        self._settings = settings
        self._open = open_database
        self._database = database
        self._instance = instance
        self._tracer = tracer
        self._meter = meter
        self._metrics = MetricsService(database, meter)
        self._bounds = bounds(settings.http, descriptors())

    async def serve(self, listening: socket.socket) -> None:
        async with self._server(listening) as server, self._working() as work:
            worker = self._worker(work)
            _on_signals(lambda: _stop(server), worker.stop)
            async with asyncio.TaskGroup() as group:
                telling = group.create_task(self._tell_ready(listening))
                group.create_task(worker.run(self._database))
                group.create_task(_serve_http(server, listening, worker.stop, telling.cancel))

    async def _tell_ready(self, listening: socket.socket) -> None:
        """Say once that requests can be answered, and what to do next."""
        stale = timedelta(seconds=3 * self._settings.upkeep.report)
        status = StatusService(self._database, Calendars(), stale)
        while any(check.fault is not None for check in await status.ready()):
            await self._database.wait(_READY_LOOK, self._database.heard())
        at = url_of(listening)
        given = "" if at == DEFAULT_URL else f" --url {at}"
        self._say(
            LogEvent.READY, f"ready. In another terminal: broker run --notebook fit.ipynb{given}"
        )

    async def serve_api(self, listening: socket.socket) -> None:
        async with self._server(listening) as server:
            _on_signals(lambda: _stop(server))
            await server.serve(sockets=[listening])

    async def serve_worker(self, listening: socket.socket | None = None) -> None:
        async with self._working() as work:
            worker = self._worker(work)
            platforms = ", ".join(self._settings.platforms)
            self._say(LogEvent.WORKING, f"working for {platforms}")
            if listening is None:
                _on_signals(worker.stop)
                await worker.run(self._database)
                return
            section = self._settings.metrics
            page = MetricsPage(self._metrics, is_loopback(section.host), section.token)
            server = Server(
                metrics_app(page), self._settings.http, self._bounds, self._meter, drain=1
            )
            self._say(LogEvent.LISTENING, f"metrics on {url_of(listening)}/metrics")
            _on_signals(worker.stop)
            async with asyncio.TaskGroup() as group:
                serving = group.create_task(server.serve(sockets=[listening]))
                await worker.run(self._database)
                server.should_exit = True
                await serving

    def _say(self, event: LogEvent, text: str) -> None:
        logs.say(self._settings.log, event, text)

    def _working(self) -> AbstractAsyncContextManager[factory.Work]:
        return factory.working(self._database, self._settings, self._instance)

    @asynccontextmanager
    async def _server(self, listening: socket.socket) -> AsyncIterator[Server]:
        url = url_of(listening)
        settings = self._settings
        services = factory.make_services(
            self._database, settings, self._instance, url, self._tracer
        )
        password = await factory.make_administrator(services, settings)
        self._say(LogEvent.LISTENING, f"listening on {url}")
        self._say(
            LogEvent.ADMINISTRATOR, f"the password of {factory.ADMINISTRATOR} is in {password}"
        )
        host = settings.http.listen.rpartition(":")[0]
        public = is_loopback(host) and settings.http.public_url is None
        page = MetricsPage(self._metrics, public, settings.metrics.token, services.identities)
        most = waits(settings.http, self._bounds)
        app = create_app(
            services,
            msgspec.structs.replace(settings.http, waits=most),
            structlog.get_logger(),
            access=logs.access_logger(settings.log),
            metrics=page,
            tracer=self._tracer,
            meter=self._meter,
            hiding=Hiding(settings.sealing.parameters),
        )
        spare_what_is_loaded()
        try:
            yield Server(app, settings.http, self._bounds, self._meter, settings.worker.drain)
        finally:
            await services.identities.close()

    def _worker(self, work: factory.Work) -> Worker:
        spare_what_is_loaded()
        return Worker(
            self._open,
            work.handlers,
            list(work.platforms),
            [Pool(uuid4(), *plan) for plan in work.pools],
            self._settings.worker,
            self._tracer,
        )


async def _serve_http(
    server: Server, listening: socket.socket, *then: Callable[[], object]
) -> None:
    try:
        await server.serve(sockets=[listening])
    finally:
        for one in then:
            one()


def _stop(server: Server) -> None:
    """A server of the API, where some may wait for a change."""
    leave(server.config.app)
    server.should_exit = True


def _on_signals(*stops: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for one in _SIGNALS:
        loop.add_signal_handler(one, lambda: [stop() for stop in stops])


def _new_loop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()
