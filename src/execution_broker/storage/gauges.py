"""How the queue and the platforms are now, in numbers."""

from collections import Counter
from datetime import datetime
from typing import NamedTuple

from execution_broker.domain.amounts import is_shared
from execution_broker.domain.lifecycle import SESSION_ENDS
from execution_broker.domain.plan import StepKind
from execution_broker.models.phases import SessionPhase
from execution_broker.storage import bookings
from execution_broker.storage.database import Connection


class Booked(NamedTuple):
    """One amount of one platform at this instant. `late`: what of `confirmed` was to be released by
    now."""

    platform: str
    name: str
    held: int
    confirmed: int
    late: int
    capacity: int


class Numbers(NamedTuple):
    """`steps` by kind and phase (READY, RUNNING); `failing`: those of them that have failed and are
    tried again, by kind; `age`: seconds that the oldest waits."""

    steps: dict[tuple[str, str], int]
    failing: dict[tuple[str], int]
    age: float
    sessions: dict[str, int]
    booked: list[Booked]


async def numbers(connection: Connection) -> Numbers:
    now = await connection.clock()
    steps: dict[tuple[str, str], int] = {}
    failing: Counter[tuple[str]] = Counter()
    for row in await connection.rows("count_claimable"):
        word = StepKind(row["kind"]).word
        steps[word, row["phase"]] = int(row["number"])
        failing[(word,)] += int(row["failing"])
    oldest = await connection.row("oldest_due")
    since = oldest["free_at"] if oldest else None
    live = [phase.value for phase in SessionPhase if phase not in SESSION_ENDS]
    sessions = dict.fromkeys(live, 0)
    for row in await connection.rows("count_sessions", phases=live):
        sessions[row["phase"]] = int(row["number"])
    return Numbers(
        steps,
        dict(failing),
        max(0.0, (now - since).total_seconds()) if since else 0.0,
        sessions,
        await _booked(connection, now),
    )


async def _booked(connection: Connection, now: datetime) -> list[Booked]:
    rows = await connection.rows("booked_now", now=now, now_second=int(now.timestamp()))
    used = {(row["platform"], row["amount_name"]): row for row in rows}
    found: list[Booked] = []
    for platform in await bookings.platforms(connection):
        for name, capacity in sorted(platform.capacity.items()):
            if is_shared(name):
                continue
            row = used.get((platform.name, name))
            held, confirmed, late = (
                int(row[kind]) if row else 0 for kind in ("held", "confirmed", "late")
            )
            found.append(Booked(platform.name, name, held, confirmed, late, capacity))
    return found
