"""The connections of one process to a server: opened when needed, kept open, and taken and given
back without asking the server, a clock or a timer, as that costs as much as a statement does."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any


class Connections:
    """At most so many. Belongs to the event loop that first uses it.

    Nothing is put in order between two users: a transaction leaves nothing in a session that the
    next one could notice, and before a statement the driver waits for what was cancelled.
    """

    def __init__(self, connect: Callable[[], Awaitable[Any]], most: int) -> None:
        self._connect = connect
        self._most = most
        self._places = asyncio.Semaphore(most)
        self._idle: list[Any] = []

    def taken(self) -> "Taken":
        """One that nobody else has while the body runs, as soon as there is one."""
        return Taken(self)

    async def close(self) -> None:
        """All of them, once nobody uses them any more."""
        for _ in range(self._most):
            await self._places.acquire()
        while self._idle:
            await self._idle.pop().close()
        for _ in range(self._most):
            self._places.release()

    async def take(self) -> Any:
        """The one that was used last. One that was cut meanwhile is forgotten."""
        await self._places.acquire()
        try:
            while self._idle:
                if not (one := self._idle.pop()).is_closed():
                    return one
            return await self._connect()
        except BaseException:
            self._places.release()
            raise

    def give(self, one: Any) -> None:
        self._idle.append(one)
        self._places.release()


class Taken:
    """A connection for the body of an `async with`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._one: Any = None

    async def __aenter__(self) -> Any:
        self._one = await self._connections.take()
        return self._one

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connections.give(self._one)
