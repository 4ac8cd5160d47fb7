"""Sights: the little of a session or an answer that tells whether it is still as it was read."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from execution_broker.storage.database import Glance, Row


class Stamp(NamedTuple):
    """Of two that are equal, all that was ever written of the thing is the same.

    `revision`: how often the sessions were written that it has; a deleted one is not among them.
    """

    sessions: int
    revision: int


class Surroundings(NamedTuple):
    """Of two that are equal, nothing was booked, ended or reported on its platforms in between."""

    version: int
    reported: datetime | None


class Sight(NamedTuple):
    """As it was at `now`. `identity`: whose it is."""

    identity: int
    stamp: Stamp
    surroundings: Surroundings
    now: datetime


async def of_sessions(connection: Glance, uuids: Sequence[UUID]) -> Mapping[UUID, Sight]:
    """Those that there are, by their public names. One statement."""
    rows = await connection.rows("sights_of_sessions", uuids=list(uuids))
    return {row["uuid"]: of_row(row, 1) for row in rows}


async def of_offersets(connection: Glance, uuids: Sequence[UUID]) -> Mapping[UUID, Sight]:
    """Those that there are, by their public names. One statement."""
    rows = await connection.rows("sights_of_offersets", uuids=list(uuids))
    return {row["uuid"]: of_row(row, row["offers"]) for row in rows}


def of_row(row: Row, sessions: int) -> Sight:
    """From a row that has what such a statement selects."""
    surroundings = Surroundings(row["version"], row["reported_at"])
    return Sight(row["identity_id"], Stamp(sessions, row["revision"]), surroundings, row["read_at"])
