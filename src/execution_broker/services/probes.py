"""Asks workers what negotiation does not know, and waits a moment for the answers (N2)."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from execution_broker.domain.demand import EXECUTABLE, Demand, Lookup
from execution_broker.domain.identity import Caller
from execution_broker.domain.plan import StepKind
from execution_broker.domain.probing import Question, is_fresh, questions
from execution_broker.sealing import KeyRing
from execution_broker.services.uploads import UploadsService
from execution_broker.storage import steps
from execution_broker.storage.database import Connection, Database
from execution_broker.transitions.sealed import Secrets, question_key, seal_question

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
        ring: KeyRing,
    ) -> None:
        """`located`: the URIs of the kinds of data that a plugin here can locate; no other is
        asked for. `wait`: the most seconds that an answer waits for what is asked. `ring`: what
        secrets of sources are sealed with until they have been looked at."""
        self._database = database
        self._located = located
        self._wait = wait
        self._new_uuid = new_uuid
        self._uploads = uploads
        self._ring = ring

    async def look_up(
        self,
        caller: Caller,
        demand: Demand,
        secrets: Mapping[str, Secrets],
        *,
        reads_notebooks: bool,
    ) -> dict[str, Lookup]:
        """What could be found out in time, by component key. `secrets`: those of the request."""
        known = await self._uploads.look_up(caller, demand)
        theirs = known.get(EXECUTABLE)
        reads_notebooks = reads_notebooks and (theirs is None or theirs.fault is None)
        plain = questions(demand, self._located, reads_notebooks=reads_notebooks)
        whole = questions(demand, self._located, secrets, reads_notebooks=reads_notebooks)
        asked = {
            key: self._asked(question, is_secret=question != plain[key])
            for key, question in whole.items()
            if key not in known
        }
        return known | await self._probe(asked) if asked else known

    async def keep(self, demand: Demand, until: datetime) -> None:
        """Keep what only the broker has until a session that starts by then has read it."""
        await self._uploads.keep(demand, until)

    def _asked(self, question: Question, *, is_secret: bool) -> "_Asked":
        sealed = seal_question(self._ring, question) if is_secret else None
        payload = msgspec.to_builtins(question) if sealed is None else sealed
        return _Asked(question_key(self._ring, question), payload)

    async def _probe(self, asked: Mapping[str, "_Asked"]) -> dict[str, Lookup]:
        await self._database.write(lambda connection: self._ask(connection, asked))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._wait
        while True:
            found = await self._database.read(lambda connection: _answers(connection, asked))
            if len(found) == len(asked) or loop.time() >= deadline:
                return found
            await asyncio.sleep(_LOOK)

    async def _ask(self, connection: Connection, asked: Mapping[str, "_Asked"]) -> None:
        now = await connection.clock()
        for key, payload in asked.values():
            await steps.add_unique(
                connection,
                uuid=self._new_uuid(),
                kind=StepKind.PROBE,
                key=key,
                platform=None,
                payload=payload,
                due=now,
                now=now,
            )
            known = await steps.result_of(connection, key)
            if known is not None and _believed(known, now) is None:
                await steps.revive(connection, key, payload, now)


class _Asked(NamedTuple):
    """The key and the payload of the step that looks."""

    key: str
    payload: Mapping[str, Any]


async def _answers(connection: Connection, asked: Mapping[str, _Asked]) -> dict[str, Lookup]:
    now = await connection.clock()
    found: dict[str, Lookup] = {}
    for key, one in asked.items():
        known = await steps.result_of(connection, one.key)
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
