"""Requests that a client may repeat under a key: done once, answered as often as asked.

The key is taken in the transaction that stores the outcome, so that neither exists without the
other: whoever comes second waits for that transaction, and a crash leaves the key free.
"""

from datetime import datetime
from typing import NamedTuple

from execution_broker.domain.errors import KeyReused
from execution_broker.domain.once import Once
from execution_broker.models.execution import ExecutionSession
from execution_broker.sealing import KeyRing
from execution_broker.storage import repetitions
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.repetitions import Outcome, Repetition


class Key(NamedTuple):
    """A key of an identity, and the digests of what it sent with it: one for each key of the ring,
    the first of which is stored. A request may have secrets: nobody is to guess them by it."""

    identity: int
    name: str
    digests: tuple[str, ...]


class Repeating:
    """The repetitions of one identity. Without a key, everything is done anew."""

    def __init__(self, database: Database, ring: KeyRing, identity: int, once: Once | None) -> None:
        self._database = database
        self.key = once and Key(identity, once.key, ring.digests(once.digest.encode()))
        """What the desk takes in the transaction that stores the outcome."""

    async def known(self) -> Outcome | None:
        """What came of the request before. KeyReused if the key stood for another."""
        key = self.key
        if key is None:
            return None
        found = await self._database.read(
            lambda connection: repetitions.find(connection, key.identity, key.name)
        )
        return _outcome(found, key)

    async def refuse(self, refusal: ExecutionSession) -> Outcome:
        """Remember a refusal; or what somebody else came to under this key in the meantime."""
        key = self.key
        if key is None:
            return refusal

        async def work(connection: Connection) -> Outcome:
            known = await take_key(connection, key, await connection.clock())
            if known is None:
                await repetitions.settle(connection, key.identity, key.name, refusal)
            return known or refusal

        return await self._database.write(work)


async def take_key(connection: Connection, key: Key, now: datetime) -> Outcome | None:
    """Take a key for this transaction; what it stands for already, if it does."""
    found = await repetitions.take(connection, key.identity, key.name, key.digests[0], now)
    return _outcome(found, key)


def _outcome(found: Repetition | None, key: Key) -> Outcome | None:
    if found is None:
        return None
    if found.digest not in key.digests:
        raise KeyReused(
            "The Idempotency-Key stood for another request before.",
            "Use a new key for each thing that is to be done.",
        )
    return found.outcome
