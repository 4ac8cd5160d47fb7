"""The desk: takes the locks once for all errands that wait, and decides them in turn (B4).

Under load many callers wait while a transaction is on its way; the next one serves all of them, and
waits a moment for those who have just been served, as they often have something else to bring.
Where other processes have the locks, whoever comes until they are free is served with those who
wait for them.
"""

import asyncio
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from contextvars import Context
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol, TypeVar, runtime_checkable
from uuid import UUID

from execution_broker.domain.errors import BrokerError, KeyReused, Unavailable
from execution_broker.services.booking.calendars import Calendars
from execution_broker.services.booking.scene import Scene
from execution_broker.services.repeating import Key, take_key
from execution_broker.storage import bookings, offers, repetitions
from execution_broker.storage.bookings import Decision
from execution_broker.storage.database import Connection, Database, Work
from execution_broker.storage.records import LockedOffer, StoredBooking

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

_BATCH: Final = 32
_MOST_WAITING: Final = 1000
_MOMENT: Final = 0.005
"""Seconds."""


class Errand(Protocol[R_co]):
    """Something to decide under the locks of an answer and of platforms.

    `offerset`: the key of the answer it is about, None for a new one. `uuid`: the public name of
    the offer of which all is read for it; of those beside it only what changes is. `platforms` are
    those it needs beside the ones that the offers of its answer are on. `identity`: whose budget
    counts.
    `repetition`: the key it is done once under; what it came to before is then what it comes to.
    """

    @property
    def offerset(self) -> int | None: ...

    @property
    def uuid(self) -> UUID | None: ...

    @property
    def platforms(self) -> frozenset[int]: ...

    @property
    def identity(self) -> int | None: ...

    @property
    def repetition(self) -> Key | None: ...

    def decide(self, scene: Scene) -> R_co:
        """Decide in memory, and tell the scene what to write. A BrokerError is this errand's
        alone. May be called again, with another scene."""
        ...


@runtime_checkable
class Lasting(Protocol):
    """A decision that a repetition gets as well."""

    @property
    def lasting(self) -> UUID | None:
        """The answer or session that was stored; None if nothing was."""
        ...


Entry = tuple[Errand[Any], "asyncio.Future[Any]"]
"""An errand, and what whoever brought it waits for."""


class _Locked(NamedTuple):
    """What a transaction has locked: the keys with what they stand for already, the offers of
    answers with what is booked for them, and platforms, with the time of what is decided then."""

    keys: Mapping[Key, Any]
    offers: list[LockedOffer]
    booked: list[StoredBooking]
    decision: Decision


class Desk:
    """One for each process. Belongs to the event loop that uses it."""

    def __init__(self, database: Database, calendars: Calendars) -> None:
        self._database = database
        self._calendars = calendars
        self._waiting: deque[Entry] = deque()
        self._serving: asyncio.Task[None] | None = None
        self._expected = 0
        self._have_come = asyncio.Event()

    async def do(self, errand: Errand[R]) -> R:
        """The errand's decision, once it is stored; or its BrokerError, with nothing stored."""
        if len(self._waiting) >= _MOST_WAITING:
            raise Unavailable("Too many others are waiting for an answer.")
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((errand, future))
        if len(self._waiting) >= self._expected:
            self._have_come.set()
        if self._serving is None or self._serving.done():
            self._serving = asyncio.get_running_loop().create_task(self._serve(), context=Context())
        return await future

    async def _serve(self) -> None:
        while self._waiting:
            batch = self._next_batch()
            outcomes = await self._try(batch)
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                if future.done():
                    continue
                if isinstance(outcome, BaseException):
                    future.set_exception(outcome)
                else:
                    future.set_result(outcome)
            await self._gather(len(batch) + len(self._waiting))

    async def _gather(self, expected: int) -> None:
        """Wait a moment for as many as there were, where somebody waits already: what many share
        costs each of them less. Who comes alone never waits."""
        await asyncio.sleep(0)
        self._expected = min(expected, _BATCH)
        if 0 < len(self._waiting) < self._expected:
            self._have_come.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_MOMENT):
                    await self._have_come.wait()

    def _next_batch(self) -> list[Entry]:
        """The next in the queue, but of those about the same answer or key only the first."""
        batch: list[Entry] = []
        later: deque[Entry] = deque()
        taken: set[int | Key] = set()
        for entry in self._waiting:
            claims = _claims(entry[0])
            if len(batch) >= _BATCH or claims & taken:
                later.append(entry)
                continue
            batch.append(entry)
            taken |= claims
        self._waiting = later
        return batch

    def _latecomers(self, room: int, platforms: Collection[int]) -> list[Entry]:
        """At most so many of those who wait and need no more locks than those of these platforms.
        The thread that writes may call it while others come: it takes one after another."""
        found: list[Entry] = []
        for _ in range(len(self._waiting)):
            entry = self._waiting.popleft()
            errand = entry[0]
            joins = not _claims(errand) and errand.platforms.issubset(platforms)
            (found if joins and len(found) < room else self._waiting).append(entry)
        return found

    async def _try(self, batch: list[Entry]) -> list[Any]:
        """Their decisions or errors, and those of the latecomers, who are in the batch then. What
        breaks a transaction is tried alone, so that it can break nobody else's."""

        async def work(connection: Connection) -> list[Any]:
            locked = await self._lock([errand for errand, _ in batch], connection)
            batch.extend(self._latecomers(_BATCH - len(batch), locked.decision.platforms))
            return await self._carry_out([errand for errand, _ in batch], locked, connection)

        outcome = await self._write(work)
        if not isinstance(outcome, BaseException):
            return outcome
        if len(batch) == 1 or isinstance(outcome, Unavailable):
            return [outcome] * len(batch)
        return [await self._try_alone(errand) for errand, _ in batch]

    async def _try_alone(self, errand: Errand[Any]) -> Any:
        async def work(connection: Connection) -> list[Any]:
            locked = await self._lock([errand], connection)
            return await self._carry_out([errand], locked, connection)

        outcome = await self._write(work)
        return outcome if isinstance(outcome, BaseException) else outcome[0]

    async def _write(self, work: Work[list[Any]]) -> list[Any] | BaseException:
        writing = asyncio.ensure_future(self._database.write(work))
        await asyncio.wait([writing])
        found = writing.exception()
        return writing.result() if found is None else found

    async def _lock(self, errands: Sequence[Errand[Any]], connection: Connection) -> _Locked:
        keys = await _take_keys(errands, connection)
        answers = {errand.offerset for errand in errands if errand.offerset is not None}
        found: list[LockedOffer] = []
        booked: list[StoredBooking] = []
        if answers:
            whole = {errand.uuid for errand in errands if errand.uuid is not None}
            found = await offers.lock(connection, answers, whole)
            booked = await bookings.held_of(connection, answers)
            accepted = [offer.id for offer in found if offer.accepted is not None]
            if accepted:
                booked += await bookings.of_sessions(connection, accepted)
        wanted = {platform for errand in errands for platform in errand.platforms}
        wanted |= {offer.platform for offer in found}
        return _Locked(keys, found, booked, await bookings.decide(connection, wanted))

    async def _carry_out(
        self, errands: Sequence[Errand[Any]], locked: _Locked, connection: Connection
    ) -> list[Any]:
        now, platforms = locked.decision
        self._calendars.doubt(platforms.values())
        held_by = await self._held_by(errands, connection, now)
        news = await self._calendars.news(connection, platforms.values(), now)
        with self._calendars.turn:
            calendars = self._calendars.take(news, now)
            decision = locked.decision._replace(now=self._calendars.latest(now))
            late = self._calendars.late(platforms)
            scene = Scene(decision, calendars, late, locked.offers, locked.booked, held_by)
            try:
                outcomes = [_decide(errand, scene, locked.keys) for errand in errands]
            finally:
                self._calendars.leave(scene.changes())
        await scene.write(connection)
        await _settle_keys(errands, outcomes, locked.keys, connection)
        return outcomes

    async def _held_by(
        self, errands: Sequence[Errand[Any]], connection: Connection, now: datetime
    ) -> dict[int, dict[str, int]]:
        identities = {errand.identity for errand in errands if errand.identity is not None}
        return await bookings.held_by(connection, identities, now) if identities else {}


def _claims(errand: Errand[Any]) -> set[int | Key]:
    """What no two errands of a transaction are about."""
    return {claim for claim in (errand.offerset, errand.repetition) if claim is not None}


def _decide(errand: Errand[Any], scene: Scene, keys: Mapping[Key, Any]) -> Any:
    known = keys.get(errand.repetition) if errand.repetition else None
    if known is not None:
        return known
    try:
        found = errand.decide(scene)
    except BrokerError as error:
        scene.undo()
        return error
    scene.keep()
    return found


async def _take_keys(errands: Sequence[Errand[Any]], connection: Connection) -> dict[Key, Any]:
    """Take the keys in order, before all locks; what each stands for already, or None."""
    keys = sorted(errand.repetition for errand in errands if errand.repetition is not None)
    taken: dict[Key, Any] = {}
    for key in keys:
        try:
            taken[key] = await take_key(connection, key, await connection.clock())
        except KeyReused as error:
            taken[key] = error
    return taken


async def _settle_keys(
    errands: Sequence[Errand[Any]],
    outcomes: Sequence[Any],
    keys: Mapping[Key, Any],
    connection: Connection,
) -> None:
    """Say what came of the keys that were taken; what came to nothing is free again."""
    for errand, outcome in zip(errands, outcomes, strict=True):
        key = errand.repetition
        if key is None or keys[key] is not None:
            continue
        if isinstance(outcome, Lasting) and outcome.lasting is not None:
            await repetitions.settle(connection, key.identity, key.name, outcome.lasting)
        else:
            await repetitions.drop(connection, key.identity, key.name)
