"""Questions that are asked one by one and answered together."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from contextvars import Context
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Gathering(Generic[K, V]):
    """Whoever asks while one read is under way is answered by the next, with all others who do.

    So every read begins after it was asked for: it sees what was committed before. What a read
    raises, all raise who asked for it; a key that it does not answer is None. A caller who goes
    away harms nobody. At most `most` keys are read at once.
    """

    def __init__(self, read: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]], most: int) -> None:
        self._read = read
        self._most = most
        self._waiting: dict[K, list[asyncio.Future[V | None]]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def ask(self, key: K) -> V | None:
        future: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(future)
        if self._reading is None or self._reading.done():
            self._begin()
        return await future

    def _begin(self) -> None:
        """In a context of its own: what is read for many is nobody's request."""
        taken: dict[K, list[asyncio.Future[V | None]]] = {}
        reading = asyncio.get_running_loop().create_task(self._answer(taken), context=Context())
        reading.add_done_callback(lambda done: self._end(taken, done))
        self._reading = reading

    async def _answer(self, taken: dict[K, list[asyncio.Future[V | None]]]) -> None:
        for key in list(self._waiting)[: self._most]:
            taken[key] = self._waiting.pop(key)
        found = await self._read(list(taken))
        for key, futures in taken.items():
            for future in futures:
                if not future.done():
                    future.set_result(found.get(key))

    def _end(
        self, taken: dict[K, list[asyncio.Future[V | None]]], done: asyncio.Task[None]
    ) -> None:
        """Pass on what the read has raised. It is cancelled only with the whole loop."""
        if done.cancelled():
            for future in _all(taken) + _all(self._waiting):
                future.cancel()
            self._waiting.clear()
            return
        error = done.exception()
        if error is not None:
            for future in _all(taken):
                if not future.done():
                    future.set_exception(error)
        if self._waiting:
            self._begin()


def _all(waiting: Mapping[K, list[asyncio.Future[V | None]]]) -> list[asyncio.Future[V | None]]:
    return [future for futures in waiting.values() for future in futures]
