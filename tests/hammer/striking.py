"""What one process of the hammer does: everything that takes, keeps or gives back capacity."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, Final
from uuid import UUID

import msgspec

from execution_broker.domain import messages
from execution_broker.domain.amounts import CORES
from execution_broker.domain.errors import BrokerError
from execution_broker.domain.identity import Caller
from execution_broker.models.phases import SessionPhase
from execution_broker.models.reading import read_request
from execution_broker.models.update import DeltaUpdate
from execution_broker.steps.release import end_bookings
from execution_broker.steps.upkeep import store_report
from execution_broker.storage import bookings, offersets, sessions
from execution_broker.storage.database import Connection
from execution_broker.transitions import ending
from execution_broker.transitions.expiring import expire
from tests.harness.broker import USED, Broker, broker, request, uuid_of

PLATFORMS: Final = {
    name: {"plugin": "scripted", "cores": 6, "memory": 24, "storage": 60, "price": 1.0}
    for name in ("here", "there")
}
SECTIONS: Final = {
    "platforms": PLATFORMS,
    "negotiation": {"offers": 2, "hold": 4, "least_hold": 2, "requests_per_minute": 10**6},
    "upkeep": {"report": 36000},
}
_AT_ONCE: Final = 16
"""Callers in one process: those who wait share a transaction, as they do in a broker."""

_KNOWN: Final = 10
_LOOK_EVERY: Final = 0.5
DONE: Final = b"."
REFUSED: Final = b"-"
_LENGTHS: Final = ("PT5M", "PT20M", "PT1H")


async def strike(directory: Path, url: str, seed: int, skew: float, counter: Path) -> None:
    """Work until killed, with a clock that is wrong by `skew` seconds. Each operation adds a
    byte to the file `counter`: `DONE`, or `REFUSED` where the broker said no to it."""
    USED.url = url
    async with broker(directory, **SECTIONS) as made:
        made.shift(timedelta(seconds=skew))
        descriptor = os.open(counter, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        users = [await made.caller(f"user{number}") for number in range(4)]
        left = _Left(made)
        strikers = (
            _Striker(made, Random(f"{seed}/{n}"), users, left).go(descriptor)
            for n in range(_AT_ONCE)
        )
        await asyncio.gather(*strikers)


async def end(connection: Connection, uuid: UUID) -> None:
    """Cancel a session that was accepted, if it lives, and release it, if it is not."""
    located = await sessions.locate(connection, uuid)
    session = located and await sessions.locked(connection, located.id)
    if not session or session.accepted is None or session.released is not None:
        return
    await bookings.lock_platforms(connection, [session.platform])  # comes before all steps (B4)
    now = await connection.clock()
    if session.ended is None:
        await ending.cancel(connection, session, messages.CANCELLED_BY(who="the hammer"), now)
    await end_bookings(connection, session, now)
    ending.finish(session, now)
    await sessions.save(connection, session, now)


class _Left:
    """What anybody has accepted and nobody has released, the dead among them."""

    def __init__(self, made: Broker) -> None:
        self._made = made
        self._found: list[UUID] = []
        self._looked = -_LOOK_EVERY

    async def some(self) -> list[UUID]:
        now = asyncio.get_running_loop().time()
        if now - self._looked >= _LOOK_EVERY:
            self._looked = now
            rows = await self._made.rows(
                "SELECT uuid FROM session WHERE accepted_at IS NOT NULL AND released_at IS NULL "
                "ORDER BY id LIMIT 20"
            )
            self._found = [UUID(str(uuid)) for (uuid,) in rows]
        return self._found


class _Striker:
    def __init__(self, made: Broker, random: Random, users: list[Caller], left: _Left) -> None:
        self._made = made
        self._random = random
        self._users = users
        self._left = left
        self._known: list[tuple[Caller, str]] = []

    async def go(self, descriptor: int) -> None:
        actions = self._actions()
        while True:
            action = self._random.choices(list(actions), list(actions.values()))[0]
            try:
                await action()
            except BrokerError:
                os.write(descriptor, REFUSED)
            else:
                os.write(descriptor, DONE)

    def _actions(self) -> dict[Callable[[], Awaitable[Any]], int]:
        return {
            self._ask: 30,
            self._direct: 4,
            self._accept: 25,
            self._reject: 8,
            self._cancel: 5,
            self._change: 14,
            self._end: 20,
            self._sweep: 4,
            self._recut: 1,
        }

    def _body(self) -> dict[str, Any]:
        return request(
            cores=self._random.choice((1, 1, 2, 3)),
            duration=self._random.choice(_LENGTHS),
            storage=self._random.choice((None, 5)),
        )

    def _remember(self, caller: Caller, uuid: str) -> None:
        self._known = [*self._known[1 - _KNOWN :], (caller, uuid)]

    def _any(self) -> tuple[Caller, str]:
        return (
            self._random.choice(self._known) if self._known else (self._users[0], str(UUID(int=0)))
        )

    async def _ask(self) -> None:
        caller = self._random.choice(self._users)
        for offer in (await self._made.ask(caller, self._body())).offers:
            self._remember(caller, uuid_of(offer))

    async def _direct(self) -> None:
        caller = self._random.choice(self._users)
        session = await self._made.services.sessions.direct(caller, read_request(self._body()))
        if session.phase is SessionPhase.ACCEPTED:
            self._remember(caller, uuid_of(session))

    async def _accept(self) -> None:
        await self._made.set_phase(*self._any(), "ACCEPTED")

    async def _reject(self) -> None:
        await self._made.set_phase(*self._any(), "REJECTED")

    async def _cancel(self) -> None:
        await self._made.set_phase(*self._any(), "CANCELLED")

    async def _change(self) -> None:
        caller, uuid = self._any()
        path, units, most = self._random.choice(
            (("compute.cores", "cores", 2), ("schedule.available.duration", "min", 15))
        )
        delta = self._random.choice((-most, -1, 1, most))
        update = DeltaUpdate(path, delta, units)
        await self._made.services.sessions.update(UUID(uuid), caller, update)

    async def _end(self) -> None:
        """End a session early, as its steps would: mostly one's own, also what the dead left."""
        uuid = UUID(self._any()[1])
        if self._random.random() < 0.3:
            uuid = self._random.choice(await self._left.some() or [uuid])
        await self._made.database.write(lambda connection: end(connection, uuid))

    async def _sweep(self) -> None:
        async def work(connection: Connection) -> None:
            now = await connection.clock()
            await expire(connection, await offersets.expired(connection, now, 50), now)

        await self._made.database.write(work)

    async def _recut(self) -> None:
        """A platform has less, or as much again."""
        key, platform = self._random.choice(list(self._made.work.platforms.items()))
        reported = await platform.report()
        cores = self._random.choice((4, 6, 6))
        cut = msgspec.structs.replace(reported, capacity={**reported.capacity, CORES: cores})

        async def work(connection: Connection) -> None:
            await store_report(connection, key, cut, await connection.clock())

        await self._made.database.write(work)
