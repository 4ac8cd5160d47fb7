"""What exists outside because of a session: receipts, streams, kept outputs."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from execution_broker.domain.plan import StepKind
from execution_broker.storage.database import Connection

KEPT_AT_EACH_END: Final = 1 << 20
"""Bytes that are kept of the beginning and of the end of a stream."""


class Output(NamedTuple):
    path: str
    size: int
    sha256: str


class Receipt(NamedTuple):
    """An external thing: `intended`, then `made` with a handle, then `gone`."""

    component: str
    name: str
    handle: str | None
    intended: datetime
    made: datetime | None
    gone: datetime | None


class Lost(NamedTuple):
    """A receipt that is open though nothing will ever close it but reconciliation."""

    session: UUID
    component: str


async def intend(
    connection: Connection, session: int, platform: int, component: str, name: str, now: datetime
) -> None:
    """Record, before the call, that something is about to be made (S10). Repeatable."""
    await connection.execute(
        "intend", session=session, platform=platform, component=component, name=name, now=now
    )


async def made(
    connection: Connection, session: int, component: str, handle: str | None, now: datetime
) -> None:
    await connection.execute("made", session=session, component=component, handle=handle, now=now)


async def gone(connection: Connection, session: int, component: str, now: datetime) -> None:
    await connection.execute("gone", session=session, component=component, now=now)


async def receipts(connection: Connection, session: int) -> list[Receipt]:
    return [
        Receipt(
            row["component"],
            row["name"],
            row["handle"],
            row["intended_at"],
            row["made_at"],
            row["gone_at"],
        )
        for row in await connection.rows("receipts", sessions=[session])
    ]


async def lost(connection: Connection, platform: int) -> list[Lost]:
    """What ended sessions without steps to do have never seen gone."""
    rows = await connection.rows("lost_things", platform=platform)
    return [Lost(row["uuid"], row["component"]) for row in rows]


async def seen(connection: Connection, session: int) -> dict[str, int]:
    """How many bytes of each stream are known."""
    rows = await connection.rows("stream_totals", sessions=[session])
    return {row["name"]: row["total"] for row in rows}


async def add_part(
    connection: Connection, session: int, name: str, offset: int, data: bytes
) -> None:
    """Keep new bytes of a stream and forget its middle, once it has one. Repeatable."""
    await connection.execute("add_chunk", session=session, name=name, start=offset, data=data)
    total = offset + len(data)
    await connection.execute("save_stream_total", session=session, name=name, total=total)
    last = total - KEPT_AT_EACH_END - len(data)
    if last > KEPT_AT_EACH_END:
        await connection.execute(
            "drop_chunks", session=session, name=name, first=KEPT_AT_EACH_END, last=last
        )


async def parts(
    connection: Connection, session: int, name: str, offset: int = 0
) -> list[tuple[int, bytes]]:
    """What is kept of a stream from the part on that has an offset: (offset, bytes), in order."""
    rows = await connection.rows("chunks", session=session, name=name, offset=offset)
    return [(row["start"], bytes(row["data"])) for row in rows]


async def add_outputs(connection: Connection, session: int, kept: Iterable[Output]) -> None:
    await connection.many(
        "add_output",
        [
            {"session": session, "path": one.path, "size": one.size, "sha256": one.sha256}
            for one in kept
        ],
    )


async def outputs(connection: Connection, session: int) -> list[Output]:
    rows = await connection.rows("outputs", session=session)
    return [Output(row["path"], row["size"], row["sha256"]) for row in rows]


async def is_collecting(connection: Connection, session: int) -> bool:
    """Whether its outputs are still to be collected: the step that does it has not ended."""
    return bool(await connection.rows("collecting", session=session, kind=StepKind.COLLECT))
