"""How capacity is held for an offer set, confirmed for a session, and let go (B1-B4)."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from execution_broker.domain.calendar import envelope
from execution_broker.domain.offer import Terms
from execution_broker.domain.reserving import bookings as bookings_of
from execution_broker.storage import bookings
from execution_broker.storage.bookings import Owner, Shortage
from execution_broker.storage.database import Connection
from execution_broker.storage.records import StoredPlatform, StoredSession


async def shortage(
    connection: Connection,
    platforms: Mapping[int, StoredPlatform],
    wanted: Mapping[int, Sequence[Terms]],
    now: datetime,
) -> Shortage | None:
    """What the locked platforms cannot hold of these offers, by platform; None if all fits."""
    for platform, terms in wanted.items():
        whole = envelope([bookings_of(one) for one in terms])
        found = await bookings.shortage(connection, platforms[platform], whole, now)
        if found:
            return found
    return None


async def hold(
    connection: Connection,
    platform: int,
    owner: Owner,
    terms: Sequence[Terms],
    now: datetime,
    expires: datetime,
) -> None:
    """Hold the most that any of these offers books, until they expire (B2)."""
    version = await bookings.advance(connection, platform, now)
    whole = envelope([bookings_of(one) for one in terms])
    await bookings.add(
        connection, platform, whole, owner, version=version, now=now, expires=expires
    )


async def let_go(connection: Connection, offerset: int, now: datetime) -> None:
    """End what an offer set still holds, on every platform. Locks these platforms."""
    held = await bookings.held_platforms(connection, offerset)
    await bookings.lock_platforms(connection, held)
    for platform in held:
        version = await bookings.advance(connection, platform, now)
        await bookings.end_held(connection, offerset, platform, version, now)


async def confirm(connection: Connection, session: StoredSession, now: datetime) -> None:
    """Book a session's own amounts for good, on its locked platform."""
    version = await bookings.advance(connection, session.platform, now)
    await bookings.add(
        connection,
        session.platform,
        bookings_of(session.terms),
        Owner(session.identity, session.offerset, session.id),
        version=version,
        now=now,
        expires=None,
    )


async def hold_again(
    connection: Connection,
    offerset: int,
    offers: Sequence[StoredSession],
    now: datetime,
) -> None:
    """After an offer was refused by its client: hold only what the others need."""
    await let_go(connection, offerset, now)
    for platform in sorted({offer.platform for offer in offers}):
        here = [offer for offer in offers if offer.platform == platform]
        owner = Owner(here[0].identity, offerset, None)
        terms = [offer.terms for offer in here]
        await hold(connection, platform, owner, terms, now, max(o.expires for o in here))
