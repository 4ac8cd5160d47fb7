"""What one process of the hammer does: everything that takes, keeps or gives back capacity."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from enum import Enum
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final
from uuid import UUID

import msgspec

from execution_broker.domain.amounts import CORES
from execution_broker.domain.errors import Conflict, Unavailable
from execution_broker.domain.identity import Caller
from execution_broker.models.phases import SessionPhase
from execution_broker.models.reading import read_request
from execution_broker.models.update import DeltaUpdate
from execution_broker.steps.upkeep import store_report
from execution_broker.storage import bookings, offersets
from execution_broker.storage.database import Connection
from execution_broker.storage.sessions import locate
from execution_broker.transitions.expiring import expire
from tests.hammer.ending import Ends
from tests.hammer.hastening import start_early
from tests.hammer.others import Others
from tests.harness.asking import request, uuid_of
from tests.harness.broker import USED, Replica, broker, working
from tests.harness.upkeep import BEFORE_START, serving

PLATFORMS: Final = {
    name: {
        "plugin": "scripted",
        "cores": 8,
        "memory": 32,
        "storage": 60,
        "price": 1.0,
        "timings": {},  # the usual ones: sessions take some time to come and to go
    }
    for name in ("here", "there")
}
SECTIONS: Final = {
    "platforms": PLATFORMS,
    "negotiation": {"offers": 2, "hold": 8, "least_hold": 2, "requests_per_minute": 10**6},
    "worker": serving(BEFORE_START),
}
USERS: Final = tuple(f"user{number}" for number in range(4))
_AT_ONCE: Final = 24
"""Callers in one process: those who wait share a transaction, as they do in a broker."""

_KNOWN: Final = 10
_LENGTHS: Final = ("PT5S", "PT10S", "PT5M", "PT30M")
_FOREIGN: Final = 0.3
"""How often one reaches for what another process has."""


class Kind(Enum):
    """What can be done, by the byte that counts it, and how often it is tried.

    The byte is counted in lower case where something changed, in upper case where the broker
    refused: a NO, or a conflict with what somebody else did or with time. What changed nothing and
    was not refused is not counted at all: an expiry sweep that found nothing, an end of what had
    ended, saying the same twice.
    """

    ASK = "a", 22
    DIRECT = "d", 4
    ACCEPT = "c", 26
    REJECT = "r", 8
    CANCEL = "x", 5
    CHANGE = "g", 16
    END = "e", 20
    HASTEN = "h", 8
    EXPIRE = "s", 2
    RECUT = "u", 0.5

    def __init__(self, letter: str, weight: float) -> None:
        self.letter = letter
        self.weight = weight


FAILED: Final = b"!"
"""Counts what the database did not answer."""


async def strike(directory: Path, url: str, seed: int, skew: float, counter: Path) -> None:
    """Work until killed, with a clock that is wrong by `skew` seconds, and with a worker that does
    the upkeep and prepares sessions. What is done adds a byte to the file `counter`; see `Kind`."""
    USED.url = url
    async with broker(directory, **SECTIONS) as made, working(made):
        made.shift(timedelta(seconds=skew))
        descriptor = os.open(counter, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        users = {name: await made.caller(name) for name in USERS}
        others, ends = Others(made), Ends(made)
        strikers = (
            _Striker(made, Random(f"{seed}/{n}"), users, others, ends).go(descriptor)
            for n in range(_AT_ONCE)
        )
        await asyncio.gather(*strikers)


class _Striker:
    def __init__(
        self,
        made: Replica,
        random: Random,
        users: dict[str, Caller],
        others: Others,
        ends: Ends,
    ) -> None:
        self._made = made
        self._random = random
        self._users = users
        self._others = others
        self._ends = ends
        self._known: list[tuple[Caller, str]] = []

    async def go(self, descriptor: int) -> None:
        actions = self._actions()
        weights = [kind.weight for kind in actions]
        while True:
            (kind,) = self._random.choices(list(actions), weights)
            letter = kind.letter.encode()
            try:
                told = letter if await actions[kind]() else b""
            except Conflict:
                told = letter.upper()
            except Unavailable:
                told = FAILED
            os.write(descriptor, told)

    def _actions(self) -> dict[Kind, Callable[[], Awaitable[bool]]]:
        return {
            Kind.ASK: self._ask,
            Kind.DIRECT: self._direct,
            Kind.ACCEPT: lambda: self._turn("ACCEPTED"),
            Kind.REJECT: lambda: self._turn("REJECTED"),
            Kind.CANCEL: lambda: self._turn("CANCELLED"),
            Kind.CHANGE: self._change,
            Kind.END: self._end,
            Kind.HASTEN: self._hasten,
            Kind.EXPIRE: self._expire,
            Kind.RECUT: self._recut,
        }

    def _body(self) -> dict[str, Any]:
        """One in four needs storage, for its data."""
        storage = self._random.choice((None, None, None, 5))
        cores, duration = self._random.choice((1, 1, 2, 3)), self._random.choice(_LENGTHS)
        body = request(cores=cores, duration=duration, storage=storage)
        if storage is None:
            del body["data"]
        return body

    def _remember(self, caller: Caller, uuid: str) -> None:
        self._known = [*self._known[1 - _KNOWN :], (caller, uuid)]

    async def _any(self) -> tuple[Caller, str] | None:
        """One's own or another's; once it was in vain, one's own is forgotten."""
        if self._known and self._random.random() >= _FOREIGN:
            return self._random.choice(self._known)
        found = await self._others.some()
        if not found:
            return None
        name, uuid = self._random.choice(found)
        return self._users[name], uuid

    async def _on_any(self, work: Callable[[Caller, str], Awaitable[bool]]) -> bool:
        chosen = await self._any()
        if chosen is None:
            return False
        try:
            return await work(*chosen)
        except Conflict:
            self._forget(chosen)
            raise

    def _forget(self, chosen: tuple[Caller, str]) -> None:
        self._known = [one for one in self._known if one != chosen]

    async def _ask(self) -> bool:
        caller = self._random.choice(list(self._users.values()))
        offers = (await self._made.ask(caller, self._body())).offers
        for offer in offers:
            self._remember(caller, uuid_of(offer))
        return bool(offers) or _refused("no room")

    async def _direct(self) -> bool:
        caller = self._random.choice(list(self._users.values()))
        session = await self._made.services.sessions.direct(caller, read_request(self._body()))
        if session.phase is not SessionPhase.ACCEPTED:
            return _refused("no room")
        self._remember(caller, uuid_of(session))
        return True

    async def _turn(self, phase: str) -> bool:
        async def work(caller: Caller, uuid: str) -> bool:
            before = await self._made.database.look(lambda glance: locate(glance, UUID(uuid)))
            after = await self._made.set_phase(caller, uuid, phase)
            return before is None or before.phase is not after.phase

        return await self._on_any(work)

    async def _change(self) -> bool:
        path, units, most = self._random.choice(
            (("compute.cores", "cores", 2), ("schedule.available.duration", "min", 15))
        )
        update = DeltaUpdate(path, self._random.choice((-most, -1, 1, most)), units)

        async def work(caller: Caller, uuid: str) -> bool:
            await self._made.services.sessions.update(UUID(uuid), caller, update)
            return True

        return await self._on_any(work)

    async def _end(self) -> bool:
        async def work(_caller: Caller, uuid: str) -> bool:
            return await self._ends.end(UUID(uuid))

        return await self._on_any(work)

    async def _hasten(self) -> bool:
        """What is accepted at once is ready at once."""
        await self._direct()
        _, uuid = self._known[-1]
        return await self._made.database.write(partial(start_early, uuid=UUID(uuid)))

    async def _expire(self) -> bool:
        async def work(connection: Connection) -> bool:
            now = await connection.clock()
            expired = await offersets.expired(connection, now, 50)
            await expire(connection, expired, now)
            return bool(expired)

        return await self._made.database.write(work)

    async def _recut(self) -> bool:
        """A platform has less, or as much again."""
        cores = self._random.choice((5, 8, 8, 8))
        platform = self._random.choice(await self._made.database.read(bookings.platforms))
        capability = platform.capability
        assert capability is not None, "it reported before the fire"
        cut = msgspec.structs.replace(capability, capacity={**platform.capacity, CORES: cores})

        async def work(connection: Connection) -> None:
            await store_report(connection, platform.id, cut)

        await self._made.database.write(work)
        return True


def _refused(why: str) -> bool:
    raise Conflict(why, "")
