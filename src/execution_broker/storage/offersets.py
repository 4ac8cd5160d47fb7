"""Offer sets: the answers to requests, and the locks of whoever chooses between their offers."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from execution_broker.models.execution import OfferSetResponse
from execution_broker.storage import sessions
from execution_broker.storage.database import Connection, Glance, Row
from execution_broker.storage.documents import decode, encode
from execution_broker.storage.records import (
    IN_PARTS,
    WHOLE,
    NewOfferSet,
    StoredOfferSet,
    StoredSession,
)
from execution_broker.storage.sights import Sight, Stamp, Surroundings


class Seen(NamedTuple):
    """An answer with its offers, in the order they were offered, as they were at `now`, with the
    sight of it at that time."""

    offerset: StoredOfferSet
    offers: list[StoredSession]
    now: datetime
    sight: Sight


async def add(connection: Connection, new: Sequence[NewOfferSet]) -> list[int]:
    """Store answers; their keys, in the same order."""
    rows = await connection.each(
        "add_offerset",
        [
            {
                "uuid": one.uuid,
                "identity": one.identity,
                "result": one.document.result,
                "format": WHOLE if one.asked is None else IN_PARTS,
                "document": encode(one.document),
                "plans": one.plans,
                "asked": one.asked,
                "now": one.now,
                "expires": one.expires,
            }
            for one in new
        ],
    )
    return [int(row["id"]) for row in rows]


async def see(connection: Glance, uuid: UUID) -> Seen | None:
    """An answer by its public name. One statement."""
    return (await see_all(connection, [uuid])).get(uuid)


async def see_all(connection: Glance, uuids: Sequence[UUID]) -> dict[UUID, Seen]:
    """Those that there are, by their public names. One statement."""
    found: dict[UUID, list[Row]] = {}
    for row in await connection.rows("see_offersets", uuids=list(uuids)):
        found.setdefault(row["answer_uuid"], []).append(row)
    return {uuid: _seen(rows) for uuid, rows in found.items()}


async def names(connection: Glance, ids: Iterable[int]) -> dict[int, UUID]:
    """The public names of some answers, by their keys. One statement."""
    rows = await connection.rows("offerset_names", ids=sorted(ids))
    return {row["id"]: row["uuid"] for row in rows}


async def expired(connection: Connection, now: datetime, limit: int) -> list[int]:
    """Answers whose time is over and whose offers still say OFFERED."""
    rows = await connection.rows("expired_offersets", now=now, limit=limit)
    return [int(row["offerset_id"]) for row in rows]


def _seen(rows: list[Row]) -> Seen:
    """From the rows of one answer: one for each offer, or one without any."""
    first, offers = rows[0], [row for row in rows if row["id"] is not None]
    reports = [row["reported_at"] for row in offers if row["reported_at"] is not None]
    sight = Sight(
        first["answer_identity_id"],
        Stamp(len(offers), sum(row["revision"] for row in offers)),
        Surroundings(sum(row["version"] for row in offers), max(reports, default=None)),
        first["read_at"],
    )
    return Seen(_offerset(first), [sessions.of_row(row) for row in offers], sight.now, sight)


def _offerset(row: Row) -> StoredOfferSet:
    return StoredOfferSet(
        id=row["answer_id"],
        uuid=row["answer_uuid"],
        identity=row["answer_identity_id"],
        document=decode(row["answer_document"], OfferSetResponse),
        created=row["answer_created_at"],
        expires=row["answer_expires_at"],
    )
