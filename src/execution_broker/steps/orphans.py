"""What platforms hold and no live session owns, and what ended sessions never saw gone (S10)."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import msgspec

from execution_broker.ports.platform import Holding, Platform
from execution_broker.storage import bookings, outside, remains, sessions
from execution_broker.storage.bookings import Released
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.records import StoredSession
from execution_broker.transitions import ending


class Orphan(msgspec.Struct, frozen=True):
    """`handle` is the platform's own id; None for a receipt of something it does not hold."""

    platform: str
    session: UUID
    handle: str | None
    component: str | None = None


async def unowned(database: Database, platform: Platform) -> list[Holding]:
    """Lists first and reads the rows after: what appears between is in the rows."""
    holdings = await platform.holdings()
    owned = await database.read(
        lambda connection: remains.owned(connection, {one.session for one in holdings})
    )
    return [one for one in holdings if one.session not in owned]


async def mend(database: Database, platform: Platform) -> None:
    """Destroy what no live session owns. Repeatable."""
    for orphan in await unowned(database, platform):
        await platform.destroy(orphan)


async def finish_abandoned(
    connection: Connection, platform: int, held: Collection[UUID], now: datetime
) -> None:
    """Sessions whose release had failed are released now, if nothing of them is held."""
    for id_ in await remains.abandoned(connection, platform):
        session = await sessions.locked(connection, id_)
        if session is not None and session.uuid not in held:
            for receipt in await outside.receipts(connection, id_):
                await outside.gone(connection, id_, receipt.component, now)
            await end_bookings(connection, session)
            ending.finish(session, now)
            await sessions.save(connection, session, now)


async def end_bookings(connection: Connection, session: StoredSession) -> None:
    """End all that is booked for a locked session but its kept outputs."""
    decision = await bookings.decide(connection, [session.platform])
    released = [Released(session.platform, session.id)]
    await bookings.write(connection, decision, *bookings.releasing(released, decision))


async def orphans(database: Database, key: int, name: str, platform: Platform) -> list[Orphan]:
    """Both sides of the difference, on one platform. Changes nothing."""
    found = await unowned(database, platform)
    held = {one.session for one in found}
    lost = await database.read(lambda connection: outside.lost(connection, key))
    return [
        *(Orphan(name, one.session, one.handle) for one in found),
        *(
            Orphan(name, one.session, None, one.component)
            for one in lost
            if one.session not in held
        ),
    ]
