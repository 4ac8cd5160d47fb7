"""Puts steps in the queue, and leases, renews and ends them by hand."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from execution_broker.domain.lifecycle import StepPhase
from execution_broker.domain.plan import StepKind
from execution_broker.storage import steps
from execution_broker.storage.database import Connection
from execution_broker.storage.records import Attempt, LeasedStep
from execution_broker.storage.steps import Lease, NewStep
from tests.storage.rows import Rows

KINDS = tuple(StepKind)


async def claim(
    database: Any, processor: UUID, limit: int = 10, kinds: Sequence[StepKind] = KINDS
) -> list[LeasedStep]:
    async def work(connection: Connection) -> list[LeasedStep]:
        await connection.clock()
        platforms = [1]
        lease = Lease(processor, kinds, platforms, limit, timedelta(seconds=30))
        return await steps.claim(connection, lease)

    leased: list[LeasedStep] = await database.write(work)
    return leased


async def add(database: Any, rows: Rows, *new: NewStep) -> None:
    async def work(connection: Connection) -> None:
        await steps.add(connection, rows.session.id, rows.platform, new, await connection.clock())

    await database.write(work)


async def renew(
    database: Any, processor: UUID, *leased: LeasedStep
) -> tuple[set[Attempt], set[int]]:
    """For a minute from now on."""

    async def work(connection: Connection) -> tuple[set[Attempt], set[int]]:
        until = await connection.clock() + timedelta(seconds=60)
        return await steps.renew(connection, processor, [one.id for one in leased], until)

    renewed: tuple[set[Attempt], set[int]] = await database.write(work)
    return renewed


async def end(database: Any, step: LeasedStep, phase: StepPhase = StepPhase.COMPLETED) -> None:
    async def work(connection: Connection) -> None:
        await steps.end(connection, step, phase, {"n": 1}, await connection.clock())

    await database.write(work)


def step(rows: Rows, key: str, **more: Any) -> NewStep:
    values: dict[str, Any] = {"kind": StepKind.WATCH, "phase": StepPhase.READY, **more}
    return NewStep(uuid=uuid4(), key=key, component=None, due=values.pop("due", rows.now), **values)
