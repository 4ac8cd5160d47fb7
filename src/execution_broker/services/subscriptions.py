"""Subscriptions: where identities want to be told of their sessions. Nothing is sent here."""

import base64
import secrets
from collections.abc import Callable, Mapping
from typing import Final
from uuid import UUID

from execution_broker.domain.errors import Conflict, InvalidBody, NotFound
from execution_broker.domain.identity import Caller
from execution_broker.models.extensions import (
    Subscription,
    SubscriptionList,
    SubscriptionRequest,
)
from execution_broker.models.told import Told
from execution_broker.notices.ways import WEBHOOK, Target, Way
from execution_broker.notices.webhook import PREFIX
from execution_broker.sealing import KeyRing
from execution_broker.storage import identities, subscriptions
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.subscriptions import StoredSubscription
from execution_broker.transitions.sealed import open_target, seal_target

_BYTES: Final = 32


class SubscriptionsService:
    """Adds, lists and removes them. A secret is told once, if it is made here, and never again."""

    def __init__(
        self,
        database: Database,
        ways: Mapping[str, Way],
        ring: KeyRing,
        most: int,
        new_uuid: Callable[[], UUID],
    ) -> None:
        """`most`: those of one identity."""
        self._database = database
        self._ways = ways
        self._ring = ring
        self._most = most
        self._new_uuid = new_uuid

    async def add(self, caller: Caller, wanted: SubscriptionRequest) -> Subscription:
        """Subscribe. The answer has the secret, if it was made here."""
        target = Target(wanted.address, wanted.secret or _made(wanted.way))
        fault = self._ways[wanted.way].fault(target)
        if fault is not None:
            raise InvalidBody((fault,))
        uuid = self._new_uuid()
        about = frozenset(wanted.about) or frozenset(Told)
        sealed = seal_target(self._ring, uuid, target)

        async def work(connection: Connection) -> StoredSubscription:
            await identities.lock(connection, caller.key)
            if len(await subscriptions.of_identity(connection, caller.key)) >= self._most:
                raise Conflict(
                    f"You have {self._most} subscriptions, and may have no more.",
                    "Remove one: DELETE /identity/subscriptions/UUID.",
                )
            now = await connection.clock()
            new = StoredSubscription(uuid, caller.key, wanted.way, about, sealed, now)
            await subscriptions.add(connection, new)
            return new

        stored = await self._database.write(work)
        return _shown(stored, target, target.secret if wanted.secret is None else None)

    async def list(self, caller: Caller) -> SubscriptionList:
        """The caller's, the oldest first."""
        found = await self._database.look(lambda c: subscriptions.of_identity(c, caller.key))
        return SubscriptionList(
            subscriptions=tuple(
                _shown(one, open_target(self._ring, one.uuid, one.value)) for one in found
            )
        )

    async def remove(self, caller: Caller, uuid: UUID) -> None:
        """Unsubscribe: what is still to be sent is not."""
        found = await self._database.write(lambda c: subscriptions.remove(c, uuid, caller.key))
        if not found:
            raise NotFound(
                f"You have no subscription {uuid}.", "List yours: GET /identity/subscriptions."
            )


def _made(way: str) -> str | None:
    """A new secret, where there is something to sign."""
    if way != WEBHOOK:
        return None
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode("ascii")


def _shown(stored: StoredSubscription, target: Target, secret: str | None = None) -> Subscription:
    return Subscription(
        uuid=str(stored.uuid),
        way=stored.way,
        address=target.address,
        about=tuple(told for told in Told if told in stored.about),
        secret=secret,
        created=stored.created,
        sent=stored.sent,
        failed=stored.failed,
        fault=stored.fault,
    )
