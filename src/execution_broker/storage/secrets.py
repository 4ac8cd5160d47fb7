"""Secrets of requests, sealed: for one component of an answer each, and no longer than needed."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from execution_broker.storage.database import Connection


async def add(connection: Connection, new: Sequence[tuple[int, Mapping[str, str]]]) -> None:
    """Store sealed values by component, each for the answer with this key."""
    rows = [
        {"offerset": offerset, "component": component, "value": value}
        for offerset, sealed in new
        for component, value in sealed.items()
    ]
    if rows:
        await connection.many("add_secret", rows)


async def of_answer(
    connection: Connection, offerset: int, components: Iterable[str]
) -> tuple[UUID, dict[str, str]] | None:
    """The uuid of an answer, and the sealed values of some of its components; None if there are
    none."""
    rows = await connection.rows("secrets", offerset=offerset, components=sorted(components))
    if not rows:
        return None
    return rows[0]["uuid"], {row["component"]: row["value"] for row in rows}


async def forget_needless(connection: Connection) -> int:
    """Delete those of answers none of whose sessions is still to start; how many there were."""
    return await connection.execute("forget_secrets")


async def forget_sealed(connection: Connection, key: str) -> int:
    """Delete everything that is sealed with the key of this name; how much that was."""
    start = f"1.{key}.%"
    secrets = await connection.execute("forget_sealed_secrets", pattern=start)
    secrets += await connection.execute("forget_sealed_subscriptions", pattern=start)
    return secrets + await connection.execute("forget_sealed_connectors", pattern=f'"{start}')
