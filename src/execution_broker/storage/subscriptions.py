"""Subscriptions: what identities want to be told, and where; and the steps that tell them."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid5

from execution_broker.domain.plan import StepKind
from execution_broker.models.told import Told
from execution_broker.storage.database import Connection, Glance, Row
from execution_broker.storage.documents import encode


class StoredSubscription(NamedTuple):
    """`way`: how somebody is told. `value`: where, with what is secret of it, sealed.

    `sent`: when a notice has arrived last; `failed`: when one has not, and `fault` why."""

    uuid: UUID
    identity: int
    way: str
    about: frozenset[Told]
    value: str
    created: datetime
    sent: datetime | None = None
    failed: datetime | None = None
    fault: str | None = None


class Occasion(NamedTuple):
    """There may be something to tell the owner of a session. `identity`: the key of the owner."""

    identity: int
    session: UUID
    told: Told


async def add(connection: Connection, new: StoredSubscription) -> None:
    await connection.execute(
        "add_subscription",
        uuid=new.uuid,
        identity=new.identity,
        way=new.way,
        about=" ".join(sorted(new.about)),
        value=new.value,
        now=new.created,
    )


async def of_identity(connection: Glance, identity: int) -> list[StoredSubscription]:
    return [_stored(row) for row in await connection.rows("subscriptions", identity=identity)]


async def find(connection: Glance, uuid: UUID) -> StoredSubscription | None:
    """One whose identity is not disabled."""
    row = await connection.row("subscription_of", uuid=uuid)
    return None if row is None else _stored(row)


async def remove(connection: Connection, uuid: UUID, identity: int) -> bool:
    """Whether the identity had it. What is still to be sent of it is not."""
    return await connection.execute("remove_subscription", uuid=uuid, identity=identity) > 0


async def sent(connection: Connection, uuid: UUID, now: datetime) -> None:
    await connection.execute("notice_sent", uuid=uuid, now=now)


async def failed(connection: Connection, uuid: UUID, fault: str, now: datetime) -> None:
    await connection.execute("notice_failed", uuid=uuid, fault=fault, now=now)


async def tell(connection: Connection, occasions: Sequence[Occasion], now: datetime) -> None:
    """Store a step for each subscription that is about it. Each is told once: repeatable."""
    identities = sorted({occasion.identity for occasion in occasions})
    if not identities:
        return
    wanted: dict[int, list[Row]] = defaultdict(list)
    for row in await connection.rows("subscriptions_of", identities=identities):
        wanted[row["identity_id"]].append(row)
    new = [
        _step(row["uuid"], occasion, now)
        for occasion in occasions
        for row in wanted[occasion.identity]
        if occasion.told in row["about"].split()
    ]
    if new:
        await connection.many("add_unique_step", new)
        connection.ring({StepKind.NOTIFY})


def _step(subscription: UUID, occasion: Occasion, now: datetime) -> dict[str, object]:
    key = f"{StepKind.NOTIFY.word}:{subscription}:{occasion.session}:{occasion.told}"
    payload = {
        "subscription": str(subscription),
        "session": str(occasion.session),
        "told": occasion.told.value,
    }
    return {
        "uuid": uuid5(subscription, key),
        "kind": StepKind.NOTIFY,
        "key": key,
        "platform": None,
        "payload": encode(payload),
        "due": now,
        "now": now,
    }


def _stored(row: Row) -> StoredSubscription:
    return StoredSubscription(
        row["uuid"],
        row["identity_id"],
        row["way"],
        frozenset(map(Told, row["about"].split())),
        row["value"],
        row["created_at"],
        row["sent_at"],
        row["failed_at"],
        row["fault"],
    )
