"""post_request: POST /requests of 3 KiB, signed in, that hold capacity until they expire."""

import json
import random
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import uuid4

import msgspec

from benchmarks import brokers, loading
from benchmarks.brokers import Process, Site
from benchmarks.figures import Cpu, Figure, Limit
from benchmarks.running import Bench, run
from execution_broker.domain.amounts import Booking
from execution_broker.domain.identity import Role
from execution_broker.storage import bookings, identities
from execution_broker.storage.bookings import Owner
from execution_broker.storage.database import Connection
from execution_broker.storage.postgres import PostgresDatabase

_TARGET: Final = 600
_MANY: Final = 16
_GROWTH: Final = 1.5
_SEE_OTHER: Final = 303
_DAY: Final = 86_400


class Case(NamedTuple):
    clients: int
    booked: int
    platforms: int

    @property
    def name(self) -> str:
        clients = f"{self.clients} client{'s' * (self.clients > 1)}"
        platforms = f"{self.platforms} platform{'s' * (self.platforms > 1)}"
        return f"{clients}, {self.booked} bookings, {platforms}"


async def measure(bench: Bench) -> list[Figure]:
    rows: list[Figure] = []
    rates: dict[Case, float] = {}
    for platforms in (1, 4):
        for booked in (100, bench.size(10_000, 200)):
            with tempfile.TemporaryDirectory(prefix="bench") as directory:
                place = Path(directory) / "site"
                async with brokers.site(bench, place, platforms) as site:
                    await _book(site, booked)
                    for row, case in await _measure(bench, site, booked, platforms):
                        rates[case] = row.figure
                        rows.append(_grown(row, case, rates))
    return rows


async def _measure(
    bench: Bench, site: Site, booked: int, platforms: int
) -> list[tuple[Figure, Case]]:
    found: list[tuple[Figure, Case]] = []
    async with brokers.process("execution_broker.cli", "api", "--config", str(site.file)) as api:
        request = loading.post("/requests", site.authorization, brokers.body())
        await _ask(api, 1, bench.size(50, 5), request)
        for clients in (1, _MANY):
            case = Case(clients, booked, platforms)
            count = bench.size(300 if clients == 1 else 1500, 10)
            database, cpu = bench.server.cpu, api.cpu
            load = await _ask(api, clients, count, request)
            found.append(
                (
                    Figure(
                        name="post_request",
                        case=case.name,
                        figure=load.rate,
                        unit="requests/s",
                        cpu=Cpu(
                            (api.cpu - cpu) / count * 1e6,
                            (bench.server.cpu - database) / count * 1e6,
                        ),
                        limit=Limit(
                            "the bare transaction",
                            await _bare(bench, site, clients, count, json.loads(load.body)),
                        ),
                        target=f"≥ {_TARGET}/s" if clients == _MANY else None,
                        met=load.rate >= _TARGET if clients == _MANY else None,
                    ),
                    case,
                )
            )
    return found


async def _ask(api: Process, clients: int, count: int, request: bytes) -> loading.Load:
    load = await loading.ask(api.url, clients, count, request)
    if set(load.statuses) != {_SEE_OTHER} or b'"YES"' not in load.body:
        raise RuntimeError(f"offers were expected: {load.statuses} {load.body[:500]!r}")
    return load


async def _bare(bench: Bench, site: Site, clients: int, count: int, answer: Any) -> float:
    """What the answer wrote, written again by as many connections, in as few statements."""
    whole = await run(
        bench.server,
        "benchmarks.limits.holding",
        url=site.url,
        offerset=answer["meta"]["uuid"],
        count=count,
        clients=clients,
    )
    return whole.rate


def _grown(row: Figure, case: Case, rates: Mapping[Case, float]) -> Figure:
    """With what ten thousand bookings cost, where both were measured."""
    few = next((one for one in rates if one[::2] == case[::2] and one.booked < case.booked), None)
    if few is None:
        return row
    growth = rates[few] / rates[case]
    is_fast = row.met is not False
    return msgspec.structs.replace(
        row,
        note=f"{growth:.2f} x the time at {few.booked} bookings",
        target=" and ".join(filter(None, [row.target, f"≤ {_GROWTH} x at {few.booked}"])),
        met=is_fast and growth <= _GROWTH,
    )


async def _book(site: Site, count: int) -> None:
    """Live bookings of others over the next day, spread evenly over the platforms."""
    database = PostgresDatabase(site.url)
    dice = random.Random(3)

    async def add(connection: Connection) -> None:
        now = await connection.clock()
        await identities.add(
            connection,
            uuid=uuid4(),
            username="others",
            password_hash="!",
            role=Role.USER,
            now=now,
        )
        account = await identities.by_name(connection, "others")
        assert account is not None
        owner = Owner(account.caller.key, 0, None)
        places = await bookings.platforms(connection)
        for number, place in enumerate(places):
            share = range(number, count, len(places))
            booked = [_booking(int(now.timestamp()), dice) for _ in share]
            await bookings.add(
                connection,
                place.id,
                booked,
                owner,
                version=place.version,
                now=now,
                expires=now + timedelta(days=2),
            )

    await database.write(add)
    await database.close()


def _booking(now: int, dice: random.Random) -> Booking:
    start = now + dice.randrange(_DAY)
    return Booking({"cores": 1}, start, start + dice.randrange(600, 7200))
