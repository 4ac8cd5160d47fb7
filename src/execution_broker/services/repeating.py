"""Requests that a client may repeat under a key: done once, answered as often as asked.

The key is taken in the transaction that stores the outcome, so that neither exists without the
other: whoever comes second waits for that transaction, and a crash leaves the key free.
"""

from datetime import datetime
from typing import NamedTuple

from execution_broker.domain.errors import KeyReused
from execution_broker.domain.once import Once
from execution_broker.models.execution import ExecutionSession
from execution_broker.storage import repetitions
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.repetitions import Outcome, Repetition


class Key(NamedTuple):
    """A key of an identity, and the digest of what it sent with it."""

    identity: int
    name: str
    digest: str


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
        return _outcome(found, once.digest)

    @property
    def key(self) -> Key | None:
        """What the desk takes in the transaction that stores the outcome."""
        return self._once and Key(self._identity, self._once.key, self._once.digest)

    async def refuse(self, refusal: ExecutionSession) -> Outcome:
        """Remember a refusal; or what somebody else came to under this key in the meantime."""
        once = self._once
        if once is None:
            return refusal

        key = Key(self._identity, once.key, once.digest)

        async def work(connection: Connection) -> Outcome:
            known = await take_key(connection, key, await connection.clock())
            if known is None:
                await repetitions.settle(connection, key.identity, key.name, refusal)
            return known or refusal

        return await self._database.write(work)


async def take_key(connection: Connection, key: Key, now: datetime) -> Outcome | None:
    """Take a key for this transaction; what it stands for already, if it does."""
    found = await repetitions.take(connection, key.identity, key.name, key.digest, now)
    return _outcome(found, key.digest)


def _outcome(found: Repetition | None, digest: str) -> Outcome | None:
    if found is None:
        return None
    if found.digest != digest:
        raise KeyReused(
            "The Idempotency-Key stood for another request before.",
            "Use a new key for each thing that is to be done.",
        )
    return found.outcome
