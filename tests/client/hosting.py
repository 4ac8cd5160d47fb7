"""A web server on loopback for fake brokers."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from tests.client.fake_broker import FakeBroker


class Host:
    """A web server on a free loopback port, for one fake broker after the other."""

    def __init__(self) -> None:
        self.url = ""
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)

    def new_broker(self) -> FakeBroker:
        broker = FakeBroker(url=self.url)
        self._app = broker.app()
        return broker


@contextmanager
def hosting() -> Iterator[Host]:
    """The server, until the end of the block."""
    host = Host()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        host.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(host, log_level="critical", lifespan="off", ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 10
        while not server.started:
            assert time.monotonic() < deadline, "the fake broker did not start"
            thread.join(0.005)
        try:
            yield host
        finally:
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive()


def free_address() -> str:
    """An address where nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
