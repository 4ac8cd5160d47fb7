"""The HTTP server, as all our programs have it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import uvicorn

from execution_broker.cli.connections.bounds import Bounds
from execution_broker.cli.connections.keeping import Connections
from execution_broker.cli.connections.protocol import Connection
from execution_broker.config import Http
from execution_broker.domain.measures import Meter


class Server(uvicorn.Server):
    """Our own logs, nothing that tells what runs here, and connections that are bounded.

    It leaves signals alone: ours stop the worker, too. To stop, it is given `drain` seconds.
    """

    def __init__(self, app: Any, http: Http, bounds: Bounds, meter: Meter, drain: int) -> None:
        self._connections = Connections(http, bounds, meter)
        protocol: Any = partial(Connection, self._connections)
        config = uvicorn.Config(
            app,
            http=protocol,
            interface="asgi3",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            proxy_headers=bool(http.trusted_proxies),
            forwarded_allow_ips=list(http.trusted_proxies) or None,
            timeout_keep_alive=http.idle_timeout,  # type: ignore[arg-type]  # seconds of a timer
            timeout_graceful_shutdown=max(1, drain),
        )
        super().__init__(config)

    async def on_tick(self, counter: int) -> bool:
        self._connections.sweep(asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
