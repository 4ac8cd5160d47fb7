"""`broker serve`: API and worker in one process."""

import asyncio
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import uuid4

import structlog
import uvicorn

from execution_broker import factory
from execution_broker.api.app import create_app
from execution_broker.cli import logs
from execution_broker.config import Settings
from execution_broker.domain.errors import ConfigurationError
from execution_broker.worker.worker import Pool, Worker

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then drain and return. State survives in the database.

    ConfigurationError when it cannot even begin.
    """
    logs.configure(settings.log)
    listening = _listen(settings.http.listen)
    try:
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            runner.run(_serve(settings, listening))
    finally:
        listening.close()


async def _serve(settings: Settings, listening: socket.socket) -> None:
    open_database = await factory.database_opener(settings)
    database = open_database()
    host, port = listening.getsockname()[:2]
    base_url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    try:
        instance = await factory.open_instance(database, settings)
        services = factory.make_services(database, settings, instance, base_url)
        password = await factory.make_administrator(services, settings)
        work = await factory.make_work(database, settings, instance)
        concurrency = settings.worker.concurrency
        worker = Worker(
            open_database,
            work.handlers,
            list(work.platforms),
            [Pool(uuid4(), work.quick, concurrency), Pool(uuid4(), work.slow, concurrency)],
            settings.worker,
        )
        server = _server(create_app(services, settings.http, structlog.get_logger()), settings)
        _on_signals(server, worker)
        sys.stderr.write(f"broker: listening on {base_url}\n")
        sys.stderr.write(f"broker: the password of {factory.ADMINISTRATOR} is in {password}\n")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(worker.run(database))
                group.create_task(_serve_http(server, worker, listening))
        finally:
            await work.close()
    finally:
        await database.close()
    sys.stderr.write("broker: stopped\n")


async def _serve_http(server: uvicorn.Server, worker: Worker, listening: socket.socket) -> None:
    try:
        await server.serve(sockets=[listening])
    finally:
        worker.stop()


class _Server(uvicorn.Server):
    """A server that leaves signals alone: ours stop the worker too."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(app: object, settings: Settings) -> uvicorn.Server:
    config = uvicorn.Config(
        app,  # type: ignore[arg-type] # uvicorn's own protocol type is narrower than Starlette
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.http.trusted_proxies),
        forwarded_allow_ips=list(settings.http.trusted_proxies) or None,
        timeout_graceful_shutdown=max(1, settings.worker.drain),
        lifespan="off",
    )
    return _Server(config)


def _on_signals(server: uvicorn.Server, worker: Worker) -> None:
    def stop() -> None:
        server.should_exit = True
        worker.stop()

    loop = asyncio.get_running_loop()
    for one in _SIGNALS:
        loop.add_signal_handler(one, stop)


def _listen(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _cannot_listen(address, error) from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, int(port)))
        listening.listen(2048)
    except (OSError, ValueError, OverflowError) as error:
        listening.close()
        raise _cannot_listen(address, error) from None
    return listening


def _cannot_listen(address: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"http.listen: cannot listen on {address}: {error}.",
        "Give host:port with a free port, for example 127.0.0.1:8080.",
    )


def _new_loop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()
