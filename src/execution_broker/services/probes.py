"""Asks workers what negotiation does not know, and waits a moment for the answers (N2)."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from execution_broker.domain.demand import EXECUTABLE, Demand, Lookup
from execution_broker.domain.identity import Caller
from execution_broker.domain.plan import StepKind
from execution_broker.domain.probing import Question, is_fresh, questions
from execution_broker.services.uploads import UploadsService
from execution_broker.storage import steps
from execution_broker.storage.database import Connection, Database

_LOOK = 0.02


class Probes:
    """Probe steps for the sources of a request whose size nobody told. What the broker itself
    keeps, uploads, needs no worker."""

    def __init__(
        self,
        database: Database,
        located: Collection[str],
        wait: float,
        new_uuid: Callable[[], UUID],
        uploads: UploadsService,
    ) -> None:
        """`located`: the URIs of the kinds of data that a plugin here can locate; no other is
        asked for. `wait`: the most seconds that an answer waits for what is asked."""
        self._database = database
        self._located = located
        self._wait = wait
        self._new_uuid = new_uuid
        self._uploads = uploads

    async def look_up(
        self, caller: Caller, demand: Demand, *, reads_notebooks: bool
    ) -> dict[str, Lookup]:
        """What could be found out in time, by component key."""
        known = await self._uploads.look_up(caller, demand)
        theirs = known.get(EXECUTABLE)
        reads_notebooks = reads_notebooks and (theirs is None or theirs.fault is None)
        unknown = questions(demand, self._located, reads_notebooks=reads_notebooks)
        asked = {key: one for key, one in unknown.items() if key not in known}
        return known | await self._probe(asked) if asked else known

    async def keep(self, demand: Demand, until: datetime) -> None:
        """Keep what only the broker has until a session that starts by then has read it."""
        await self._uploads.keep(demand, until)

    async def _probe(self, asked: Mapping[str, Question]) -> dict[str, Lookup]:
        await self._database.write(lambda connection: self._ask(connection, asked))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._wait
        while True:
            found = await self._database.read(lambda connection: _answers(connection, asked))
            if len(found) == len(asked) or loop.time() >= deadline:
                return found
            await asyncio.sleep(_LOOK)

    async def _ask(self, connection: Connection, asked: Mapping[str, Question]) -> None:
        now = await connection.clock()
        for question in asked.values():
            key = question.key()
            await steps.add_unique(
                connection,
                uuid=self._new_uuid(),
                kind=StepKind.PROBE,
                key=key,
                platform=None,
                payload=msgspec.to_builtins(question),
                due=now,
                now=now,
            )
            known = await steps.result_of(connection, key)
            if known is not None and _believed(known, now) is None:
                await steps.revive(connection, key, now)


async def _answers(connection: Connection, asked: Mapping[str, Question]) -> dict[str, Lookup]:
    now = await connection.clock()
    found: dict[str, Lookup] = {}
    for key, question in asked.items():
        known = await steps.result_of(connection, question.key())
        believed = None if known is None else _believed(known, now)
        if believed is not None:
            found[key] = believed
    return found


def _believed(known: steps.Ended, now: datetime) -> Lookup | None:
    """What an ended probe found, if it found anything that is still fresh."""
    if known.result is None:
        return None
    found = msgspec.convert(known.result, Lookup)
    return found if is_fresh(found, known.ended, now) else None
