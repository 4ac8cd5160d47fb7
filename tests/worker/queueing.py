"""Brief steps of sessions, put in the queue and leased by hand."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

from execution_broker.domain.lifecycle import StepPhase
from execution_broker.domain.plan import StepKind
from execution_broker.storage import steps
from execution_broker.storage.database import Connection
from execution_broker.storage.records import LeasedStep
from execution_broker.storage.steps import Lease, NewStep
from tests.harness.asking import request
from tests.harness.broker import Broker

LASTS = timedelta(seconds=30)


async def session_of(made: Broker) -> int:
    """The key of an accepted session whose own steps are not there any more."""
    alice = await made.caller("alice")
    uuid = await made.run(alice, request(cores=1, duration="PT1M"))
    rows = await made.rows("SELECT id FROM session WHERE uuid = ?", uuid)
    await made.rows_changed("DELETE FROM step WHERE session_id = ?", rows[0][0])
    return int(rows[0][0])


async def queue(made: Broker, session: int, keys: Sequence[str], then: str | None = None) -> None:
    """READY steps with these keys, and one that waits for them."""

    async def work(connection: Connection) -> None:
        now = await connection.clock()
        new = [
            NewStep(uuid4(), StepKind.END, key, None, StepPhase.READY, now - timedelta(hours=1))
            for key in keys
        ]
        if then:
            new.append(
                NewStep(uuid4(), StepKind.END, then, None, StepPhase.DORMANT, now, tuple(keys))
            )
        (platform,) = made.work.platforms
        await steps.add(connection, session, platform, new, now)

    await made.database.write(work)


async def claim(made: Broker, number: int) -> tuple[list[LeasedStep], UUID]:
    """So many of them, and who has leased them."""
    processor = uuid4()
    return await claimed(made, processor, StepKind.END, number), processor


async def claimed(
    made: Broker, processor: UUID, kind: StepKind, number: int = 1
) -> list[LeasedStep]:
    """So many steps of a kind at most, leased for half a minute."""

    async def work(connection: Connection) -> list[LeasedStep]:
        lease = Lease(processor, [kind], list(made.work.platforms), number, LASTS)
        return await steps.claim(connection, lease)

    return await made.database.write(work)
