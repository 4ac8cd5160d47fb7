"""Reconciling and purging: nothing is orphaned (S10), and nothing is kept for ever."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from execution_broker.domain.plan import StepKind
from execution_broker.ports.platform import Holding
from execution_broker.steps.base import Applied, PutBack
from execution_broker.steps.orphans import finish_abandoned, mend
from execution_broker.steps.upkeep import Upkeep
from execution_broker.storage import retention, uploads
from execution_broker.storage.database import Connection
from execution_broker.storage.records import LeasedStep
from execution_broker.storage.retention import Forgettable

_BATCH = 100
_ROWS = 1_000
"""At a time of what is deleted by a statement alone: a transaction of a few milliseconds."""
_FILES = 10
"""Uploads at a time: each may have many chunks."""


class Reconcile(Upkeep):
    """Destroys what a platform holds under our label and no live session owns."""

    kind = StepKind.RECONCILE

    async def load(self, connection: Connection, step: LeasedStep, now: datetime) -> int:
        assert step.platform is not None
        return step.platform

    async def act(self, loaded: int) -> Sequence[Holding]:
        """Destroys orphans; what is held afterwards."""
        platform = self.world.platforms[loaded]
        await mend(self.world.database, platform)
        return await platform.holdings()

    async def apply(
        self,
        connection: Connection,
        step: LeasedStep,
        loaded: int,
        result: Sequence[Holding],
        now: datetime,
    ) -> Applied:
        """Sessions whose release had failed are released now, if nothing of them is left."""
        await finish_abandoned(connection, loaded, {one.session for one in result}, now)
        return PutBack(now + self.interval)


class Forgetting(msgspec.Struct, frozen=True):
    before: datetime
    sessions: list[Forgettable]


class Purge(Upkeep):
    """Deletes what ended longer ago than the retention, and uploads that have expired, in small
    batches."""

    kind = StepKind.PURGE

    async def load(self, connection: Connection, step: LeasedStep, now: datetime) -> Forgetting:
        before = now - self.world.retention
        return Forgetting(before, await retention.forgettable(connection, before, _BATCH))

    async def act(self, loaded: Forgetting) -> None:
        for session in loaded.sessions:
            platform = self.world.platforms.get(session.platform)
            if platform is not None:
                await platform.forget_results(session.uuid)

    async def apply(
        self,
        connection: Connection,
        step: LeasedStep,
        loaded: Forgetting,
        result: None,
        now: datetime,
    ) -> Applied:
        for session in loaded.sessions:
            await retention.forget(connection, session.id)
        more = await retention.forget_rest(connection, loaded.before, _ROWS)
        more |= await uploads.forget(connection, now, _FILES) == _FILES
        more |= len(loaded.sessions) == _BATCH
        return PutBack(now + (timedelta(0) if more else self.interval))
