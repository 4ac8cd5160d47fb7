"""Requests that a client may repeat under a key: done once, answered as often as asked.

The key is taken in the transaction that stores the outcome, so that neither exists without the
other: whoever comes second waits for that transaction, and a crash leaves the key free.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from execution_broker.domain.errors import KeyReused
from execution_broker.domain.once import Once
from execution_broker.models.execution import ExecutionSession
from execution_broker.services.negotiating import Negotiated
from execution_broker.storage import repetitions
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.repetitions import Outcome, Repetition

T = TypeVar("T", bound=Outcome)


class Repeating:
    """The repetitions of one identity. Without a key, everything is done anew."""

    def __init__(self, database: Database, identity: int, once: Once | None) -> None:
        self._database = database
        self._identity = identity
        self._once = once

    async def known(self) -> Outcome | None:
        """What came of the request before. KeyReused if the key stood for another."""
        once = self._once
        if once is None:
            return None
        found = await self._database.read(
            lambda connection: repetitions.find(connection, self._identity, once.key)
        )
        return _outcome(found, once)

    def storing(
        self, store: Callable[[Connection, Negotiated], Awaitable[T | None]]
    ) -> Callable[[Connection, Negotiated], Awaitable[Outcome | None]]:
        """`store` with the key taken first, in the same transaction."""
        once = self._once
        if once is None:
            return store

        async def store_once(connection: Connection, found: Negotiated) -> Outcome | None:
            known = await self._take(connection, once)
            if known is not None:
                return known
            stored = await store(connection, found)
            if stored is None:
                await repetitions.drop(connection, self._identity, once.key)
            else:
                await repetitions.settle(connection, self._identity, once.key, stored)
            return stored

        return store_once

    async def refuse(self, refusal: ExecutionSession) -> Outcome:
        """Remember a refusal; or what somebody else came to under this key in the meantime."""
        once = self._once
        if once is None:
            return refusal

        async def work(connection: Connection) -> Outcome:
            known = await self._take(connection, once)
            if known is None:
                await repetitions.settle(connection, self._identity, once.key, refusal)
            return known or refusal

        return await self._database.write(work)

    async def _take(self, connection: Connection, once: Once) -> Outcome | None:
        now = await connection.clock()
        found = await repetitions.take(connection, self._identity, once.key, once.digest, now)
        return _outcome(found, once)


def _outcome(found: Repetition | None, once: Once) -> Outcome | None:
    if found is None:
        return None
    if found.digest != once.digest:
        raise KeyReused(
            "The Idempotency-Key stood for another request before.",
            "Use a new key for each thing that is to be done.",
        )
    return found.outcome
