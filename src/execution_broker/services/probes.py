"""Asks workers what negotiation does not know, and waits a moment for the answers (N2)."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from execution_broker.domain.demand import EXECUTABLE, Demand, Lookup, data_key
from execution_broker.domain.plan import StepKind
from execution_broker.models.executable import JupyterNotebook
from execution_broker.steps.probe import FRESH, Question
from execution_broker.storage import steps
from execution_broker.storage.database import Connection, Database

_LOOK = 0.02


class Probes:
    """Probe steps for the sources of a request whose size nobody told."""

    def __init__(self, database: Database, wait: float, new_uuid: Callable[[], UUID]) -> None:
        self._database = database
        self._wait = wait
        self._new_uuid = new_uuid

    async def look_up(self, demand: Demand) -> dict[str, Lookup]:
        """What could be found out in time, by component key."""
        questions = _questions(demand)
        if not questions:
            return {}
        await self._database.write(lambda connection: self._ask(connection, questions))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._wait
        while True:
            found = await self._database.read(lambda connection: _answers(connection, questions))
            if len(found) == len(questions) or loop.time() >= deadline:
                return found
            await asyncio.sleep(_LOOK)

    async def _ask(self, connection: Connection, questions: Mapping[str, Question]) -> None:
        now = await connection.clock()
        for question in questions.values():
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
            if known is not None and not _is_fresh(known[2], now):
                await steps.revive(connection, key, now)


def _questions(demand: Demand) -> dict[str, Question]:
    asked: dict[str, Question] = {}
    executable = demand.executable
    if isinstance(executable, JupyterNotebook) and (
        executable.checks is None or executable.checks.size is None
    ):
        asked[EXECUTABLE] = Question(location=executable.location)
    for index, part in enumerate(demand.data):
        checks = part.resource.checks
        if checks is None or checks.size is None:
            bare = msgspec.structs.replace(part.resource, storage=None)
            asked[data_key(index)] = Question(resource=bare)
    return asked


async def _answers(connection: Connection, questions: Mapping[str, Question]) -> dict[str, Lookup]:
    now = await connection.clock()
    found: dict[str, Lookup] = {}
    for key, question in questions.items():
        known = await steps.result_of(connection, question.key())
        if known is not None and _is_fresh(known[2], now) and known[1] is not None:
            found[key] = msgspec.convert(known[1], Lookup)
    return found


def _is_fresh(ended: datetime, now: datetime) -> bool:
    return now - ended < timedelta(seconds=FRESH)
