"""How wrong passwords are counted, for all processes together."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from execution_broker.storage.database import Connection


class Tally(NamedTuple):
    """What is counted under a key, in epoch seconds: when all of it will be forgiven, and until
    when the key stands for a place that somebody signs in from."""

    forgiven: int = 0
    known_until: int = 0


class Wrong(NamedTuple):
    """One wrong password. `cost`: the seconds until one is forgiven."""

    key: str
    cost: int


async def read(connection: Connection, keys: Sequence[str]) -> dict[str, Tally]:
    """The tally of every key."""
    rows = await connection.rows("tallies", keys=keys)
    found = {r["key"]: Tally(r["forgiven_second"], r["known_until_second"]) for r in rows}
    return {key: found.get(key, Tally()) for key in keys}


async def count(connection: Connection, wrong: Iterable[Wrong], now: int) -> None:
    """Count a wrong password under each of the keys, which are locked in their order."""
    for key, cost in sorted(wrong):
        await connection.execute("count_wrong", key=key, now=now, alone=now + cost, cost=cost)


async def know(connection: Connection, key: str, until: int) -> None:
    """Remember a place until then."""
    await connection.execute("know_place", key=key, until=until)


async def forget(connection: Connection, before: datetime, limit: int) -> int:
    """Delete at most so many that have meant nothing since then; how many there were."""
    return await connection.execute(
        "forget_sign_ins", before_second=int(before.timestamp()), limit=limit
    )
